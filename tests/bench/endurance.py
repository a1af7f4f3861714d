#!/usr/bin/env python3
"""endurance.py [--minutes N] [--every SECONDS] [--out FILE]: see endurance.sh, which finds the programs.

Workers are threads that run nodectl again and again; each writes down what it did. Nothing here waits for a worker:
the main thread samples, and at the end stops them, drains the mailboxes and judges.
"""
import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

BIN = os.environ.get("CAST_BIN_DIR", "")
SETTLED = 0.15  # how much more the last third may be than the first
SLACK = {"rss_kib": 12 * 1024, "disk_kib": 24 * 1024, "fds": 24}
NODES = [f"n{i}" for i in range(12)]
GROUPS = [f"g{i}" for i in range(3)]


class Run:
    def __init__(self, folder):
        self.folder = folder
        self.ends = os.path.join(folder, "ends")
        self.data = os.path.join(folder, "data")
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.children = set()
        self.done, self.failed = {}, {}
        self.broker = subprocess.Popen(
            [
                # fmt: off
                os.path.join(BIN, "cast-broker"), "--data", self.data, "--http", "off", "--bind", "tcp://127.0.0.1:0",
                "--publish", "tcp://127.0.0.1:0", "--endpoints-file", self.ends, "--log-level", "warning",
                "--group-bytes", "4MiB", "--mailbox-bytes", "8MiB", "--session-time", "20s",
                # fmt: on
            ]
        )
        while not os.path.exists(self.ends):
            if self.broker.poll() is not None:
                sys.exit("the broker did not start")
            time.sleep(0.01)
        with open(self.ends, encoding="utf-8") as file:
            address = next(line.strip()[5:] for line in file if line.startswith("bind="))
        self.environment = {**os.environ, "CAST_BROKER": address}

    def nodectl(self, kind, *words, text=None, limit=30):
        """Runs nodectl; its exit code, or None when it was stopped. 7 is "nothing came in time", and fine."""
        child = subprocess.Popen(
            [os.path.join(BIN, "nodectl"), *words],
            stdin=subprocess.PIPE if text is not None else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=self.environment,
        )
        with self.lock:
            self.children.add(child)
        try:
            _, said = child.communicate(text, timeout=limit)
        except subprocess.TimeoutExpired:
            child.kill()
            _, said = child.communicate()
        with self.lock:
            self.children.discard(child)
            good = child.returncode in (0, 5, 6, 7) or child.returncode < 0
            books = self.done if good else self.failed
            books[kind] = books.get(kind, 0) + 1
            if not good and books[kind] == 1:
                print(f"{kind}: exit {child.returncode}: {said.decode(errors='replace')[:300]}", file=sys.stderr)
        return child.returncode

    def stats(self):
        done = subprocess.run(
            [os.path.join(BIN, "nodectl"), "stats", "--json"], env=self.environment, stdout=subprocess.PIPE, check=True
        )
        return json.loads(done.stdout)

    def sample(self):
        with open(f"/proc/{self.broker.pid}/status", encoding="utf-8") as file:
            rss = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
        disk = sum(os.path.getsize(os.path.join(self.data, name)) for name in os.listdir(self.data))
        s = self.stats()
        return {
            "rss_kib": rss,
            "disk_kib": disk // 1024,
            "fds": len(os.listdir(f"/proc/{self.broker.pid}/fd")),
            "messages": s["messages"]["total"],
            "delivered": s["delivered"]["messages"],
            "sessions": s["sessions"],
            "nodes": s["nodes"]["known"],
            "queued": s["queued"]["messages"],
        }

    def end(self):
        self.stop.set()
        with self.lock:
            for child in self.children:
                child.kill()


def lines(count, size):
    return b"".join(b"%06d %s\n" % (i, b"x" * size) for i in range(count))


def sender(run, luck, cast):
    """Bursts of messages, small and large, by one cast; a part of them for a little later."""
    while not run.stop.is_set():
        target = {
            "unicast": ("--unicast", ",".join(luck.sample(NODES, 3))),
            "multicast": ("--multicast", luck.choice(GROUPS)),
            "broadcast": ("--broadcast", "--ttl", "30s"),
        }[cast]
        extra = ("--delay", luck.choice(("100ms", "3s", "10s"))) if luck.random() < 0.2 else ()
        run.nodectl(
            cast,
            "send",
            "-l",
            "--from",
            f"from-{cast}",
            *target,
            *extra,
            text=lines(luck.choice((50, 500, 2000)), luck.choice((16, 100, 1000))),
        )
        run.stop.wait(luck.uniform(0, 0.1))


def reader(run, luck, name):
    """Receives as a node for a while, is away for a while."""
    while not run.stop.is_set():
        run.nodectl(
            "recv",
            "recv",
            name,
            "--raw",
            "-W",
            luck.choice(("500ms", "2s")),
            "-n",
            str(luck.choice((100, 5000, 50000))),
            limit=20,
        )
        run.stop.wait(luck.uniform(0, 0.5))


def churn(run, luck):
    """Nodes and groups that come and go, members that join and leave."""
    for n in range(1 << 30):
        if run.stop.is_set():
            return
        name, group = f"passing-{luck.randrange(150)}", luck.choice(GROUPS)
        run.nodectl("create", "node", "create", name)
        run.nodectl("join", "group", "join", group, name, luck.choice(NODES))
        run.nodectl("unicast", "send", "--unicast", name, "welcome")
        if n % 2 == 0:
            run.nodectl("recv", "recv", name, "--raw", "-W", "100ms", "-n", "20")
        run.nodectl("leave", "group", "leave", group, luck.choice(NODES))
        run.nodectl("delete", "node", "delete", name)
        run.nodectl("attach", "recv", f"guest-{luck.randrange(1 << 30)}", "--raw", "-W", "50ms", "-n", "5")


def level(samples, key):
    third = max(1, len(samples) // 3)
    first = statistics.median(s[key] for s in samples[:third])
    last = statistics.median(s[key] for s in samples[-third:])
    return first, last, key not in SLACK or last <= first * (1 + SETTLED) + SLACK[key]


def judge(samples, every):
    for before, after in zip(samples, samples[1:]):
        after["messages_s"] = (after["messages"] - before["messages"]) / every
        after["delivered_s"] = (after["delivered"] - before["delivered"]) / every
    samples = samples[1:]
    print(f"{'what':<14} {'first third':>14} {'last third':>14} {'change':>8}")
    result, well = {}, True
    for key in ("rss_kib", "disk_kib", "fds", "sessions", "nodes", "queued", "messages_s", "delivered_s"):
        first, last, good = level(samples, key)
        well = well and good
        change = f"{last / first - 1:+.0%}" if first else "-"
        print(f"{key:<14} {first:>14,.0f} {last:>14,.0f} {change:>8}{'' if good else '  GROWS'}")
        result[key] = {"first": first, "last": last, "level": good}
    return result, well


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--every", type=float, default=5)
    parser.add_argument("--out")
    given = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="cast-endurance-")
    run = Run(folder)
    samples = []
    try:
        run.nodectl("create", "node", "create", *NODES)
        for i, group in enumerate(GROUPS):
            run.nodectl("join", "group", "join", group, *NODES[i::3])
        work = (
            [(sender, c) for c in ("unicast", "unicast", "multicast", "broadcast")]
            + [(reader, n) for n in NODES]
            + [(churn,)] * 3
        )
        threads = [threading.Thread(target=w[0], args=(run, random.Random(i), *w[1:])) for i, w in enumerate(work)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + given.minutes * 60
        while time.monotonic() < end:
            time.sleep(given.every)
            samples.append(run.sample())
            if sys.stderr.isatty():
                print(f"\r{samples[-1]}\033[K", end="", file=sys.stderr)
        run.end()
        for thread in threads:
            thread.join()
        run.broker.terminate()
        code = run.broker.wait(timeout=60)
    finally:
        run.end()
        if run.broker.poll() is None:
            run.broker.kill()
        shutil.rmtree(folder, ignore_errors=True)
    result, well = judge(samples, given.every)
    result = {
        "minutes": given.minutes,
        "done": run.done,
        "failed": run.failed,
        "broker_exit": code,
        "levels_off": well,
        **result,
    }
    print(json.dumps(result))
    if given.out:
        with open(given.out, "w", encoding="utf-8") as file:
            json.dump({**result, "samples": samples}, file, indent=1)
    print("levels off" if well else "does not level off")
    return 0 if well and not run.failed and code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
