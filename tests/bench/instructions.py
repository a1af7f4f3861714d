#!/usr/bin/env python3
"""instructions.py [--update] PURE_COUNTS [NAME...]: instructions per message of the pure parts, against a baseline.

Runs each operation (or the named ones) under valgrind for N and for 2 N messages; the difference is what N messages
take, whatever the machine does besides, and without what the preparation takes. Fails when one takes over 4 % more
than instructions.json says; --update writes what was counted there. The baseline is kept by compiler, C library and
architecture: exit 77 (skipped) where there is none, or no valgrind. It counts instructions; it does not time anything.
"""
import json
import os
import re
import shutil
import subprocess
import sys

BASELINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "instructions.json")
MARGIN = 0.04
SKIPPED = 77
# The C library chooses its memcpy by the processor: the same on all of them. Nothing else of the environment gets in,
# for it moves the stack, and copies then begin at other alignments.
TUNABLES = "glibc.cpu.hwcaps=-AVX2,-AVX_Fast_Unaligned_Load,-AVX512F,-AVX512VL,-ERMS,-FSRM"
ENVIRONMENT = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "GLIBC_TUNABLES": TUNABLES}


def said(*command):
    """What a command says; ends the program when it fails."""
    done = subprocess.run(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def collected(program, name, messages):
    """Instructions of a whole run."""
    text = said("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, name, str(messages))
    found = re.search(r"Collected : (\d+)", text)
    if not found:
        sys.exit(f"{name}: valgrind does not say what it has counted\n{text}")
    return int(found.group(1))


def measure(program, names):
    """(name, instructions per message, per batch) of the operations, as each is counted."""
    for line in said(program, "--list").splitlines():
        name, messages, batches, enough = line.split()
        if names and name not in names:
            continue
        enough = int(enough)
        each = (collected(program, name, 2 * enough) - collected(program, name, enough)) / enough
        yield name, each, each * int(messages) / float(batches)


def compare(program, names, known):
    """Prints the table; returns what was counted and the names of those that are over the baseline."""
    counted, over = {}, []
    print(f"{'operation':<26} {'a message':>11} {'a batch':>11} {'baseline':>11}")
    for name, each, batch in measure(program, names):
        counted[name] = round(each, 3)
        text = f"{name:<26} {each:>11.2f} {batch:>11.0f}"
        if name not in known:
            text += f" {'none':>11}"
        else:
            change = each / known[name] - 1
            text += f" {known[name]:>11.2f} {change:>+7.1%}"
            if change > MARGIN:
                over.append(name)
                text += "  MORE"
            elif change < -MARGIN:
                text += "  less: keep it with --update"
        print(text, flush=True)
    return counted, over


def main(arguments):
    update = "--update" in arguments
    arguments = [a for a in arguments if a != "--update"]
    if not arguments or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    program, names = os.path.abspath(arguments[0]), arguments[1:]
    if shutil.which("valgrind") is None:
        print("skipped: there is no valgrind")
        return SKIPPED
    with open(BASELINE, encoding="utf-8") as file:
        baselines = json.load(file)
    key = said(program, "--toolchain").strip()
    if key not in baselines and not update:
        print(f"skipped: instructions.json has no baseline for {key}; --update makes one")
        return SKIPPED
    known = baselines.get(key, {})
    counted, over = compare(program, names, known)
    if update:
        baselines[key] = {**known, **counted} if names else counted
        with open(BASELINE, "w", encoding="utf-8") as file:
            json.dump(baselines, file, indent=2)
            file.write("\n")
        print(f"written to {BASELINE}: {len(counted)} operations for {key}")
        return 0
    strange = sorted(set(counted) - set(known)) + ([] if names else sorted(set(known) - set(counted)))
    for name in strange:
        print(f"{name}: {'not in the baseline' if name in counted else 'in the baseline, and no operation any more'}")
    if over:
        print(f"FAILED: over {MARGIN:.0%} more instructions than before: {', '.join(over)}")
    if over or strange:
        print(f"Meant, or worth it? Then: {os.path.relpath(__file__)} --update {os.path.relpath(program)}")
        return 1
    print(f"no operation takes over {MARGIN:.0%} more than the baseline of {key}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
