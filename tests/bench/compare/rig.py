"""Running the rig, and saying on what: shared by compare.py and sweep.py."""
import datetime
import json
import os
import platform
import shutil
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", "..", ".."))
RIG = os.path.join(ROOT, "build", "bench", "bin", "rig")
RESULTS = os.path.join(ROOT, "tests", "bench", "results")
LIMIT_S = 60
SERVERS = {"nats": "nats-server", "jetstream": "nats-server", "redis": "redis-server", "mosq0": "mosquitto"}


def systems():
    """The systems that can be measured: in this build of the rig, and with a server."""
    text = subprocess.run([RIG, "--help"], capture_output=True, text=True, check=True).stdout
    built = text.split("Systems:", 1)[1].split()
    return [name for name in built if name not in SERVERS or shutil.which(SERVERS[name])]


def run(system, mode, count, size, flags=(), program=RIG):
    """The rig's figures of one run; {"failed": why} when it failed."""
    command = [program, system, mode, str(count), str(size), *flags, "--limit", str(LIMIT_S)]
    environment = {key: value for key, value in os.environ.items() if key not in ("CAST_BIN_DIR", "CAST_BROKER")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as rig:
        try:
            out, err = rig.communicate(timeout=LIMIT_S + 30)
        except BaseException:
            rig.send_signal(signal.SIGTERM)  # it takes its processes with it
            raise
    if rig.returncode != 0:
        return {"failed": (err.strip().splitlines() or [f"exit code {rig.returncode}"])[-1]}
    return json.loads(out)


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=10, check=False)
    except OSError:
        return ""
    return ((done.stdout + done.stderr).strip().splitlines() or [""])[0]


def machine():
    """What the figures were taken on and with."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo", encoding="utf-8") as file:
        memory_kb = int(file.readline().split()[1])
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": models[0] if models else platform.machine(),
        "processors": os.cpu_count(),
        "memory_gib": round(memory_kb / 1048576, 1),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "load_before": round(os.getloadavg()[0], 2),
        "versions": {
            "cast": first_line(os.path.join(os.path.dirname(RIG), "cast-broker"), "--version").split(" ")[-1],
            "commit": first_line("git", "describe", "--always", "--dirty"),
            "NATS": first_line("nats-server", "--version").split(" ")[-1],
            "libzmq": first_line("pkg-config", "--modversion", "libzmq"),
            "Redis": first_line("redis-server", "--version").split(" sha=")[0].split("v=")[-1],
            "Mosquitto": first_line("mosquitto", "-h").split(" ")[-1],
        },
    }


def progress(text):
    """One line that is written over on a terminal, and a line each elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K" + text)
    else:
        sys.stderr.write(text + "\n")
    sys.stderr.flush()


def write_json(folder, name, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(data, file, indent=1)
        file.write("\n")


def stop_on_term():
    """SIGTERM ends the script as ^C does: with the run that is going."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
