#!/usr/bin/env python3
"""against.py: two builds of cast in turns, and whether the second is slower than the first; see compare.sh --against.

A row is slower when its median is worse by more than 5 percent and lies outside of the other build's quartiles. Each
build's rig runs, for it is linked with its libcast and starts the cast-broker beside it."""
import argparse
import os
import statistics
import sys
import time

import rig
from rows import DISK_ROWS, ROWS
from table import number

WORSE = 1.05
LEAST_RUNS = 11
QUICK_DIVISOR = 10
THEIRS, OURS = "against", "build"
NOT_SLOWER, SLOWER, UNKNOWN = 0, 1, 2  # exit codes


def arguments(words=None):
    parser = argparse.ArgumentParser(prog="compare.sh --against BUILD", description=__doc__.splitlines()[0])
    parser.add_argument("--against", required=True, metavar="BUILD", help="a folder with bin/rig and bin/cast-broker")
    parser.add_argument(
        "--build",
        default=os.path.dirname(os.path.dirname(rig.RIG)),
        metavar="BUILD",
        help="the one that is judged (build/bench, which is built first)",
    )
    parser.add_argument("--runs", type=int, default=LEAST_RUNS, help=f"runs of each build ({LEAST_RUNS})")
    parser.add_argument("--rows", default="", metavar="ROW,...", help="these rows only; --list names them")
    parser.add_argument("--quick", action="store_true", help="short runs: whether it works, not how fast it is")
    parser.add_argument("--out", default="", metavar="DIR", help="write against.json and against.txt there")
    options = parser.parse_args(words)
    if options.runs < 1:
        parser.error("--runs takes 1 or more")
    rows = [row for row in ROWS + DISK_ROWS if row.ours in row.counts or row.of]
    keys = [key for key in options.rows.split(",") if key]
    for key in keys:
        if key not in [row.key for row in rows]:
            parser.error(f"no row {key}: --list names them")
    options.rows = [row for row in rows if not keys or row.key in keys]
    for build in (options.against, options.build):
        for program in ("rig", "cast-broker"):
            if not os.access(os.path.join(build, "bin", program), os.X_OK):
                parser.error(
                    f"{build} has no bin/{program}: it takes a build of the preset bench, with the targets rig and "
                    "cast-broker"
                )
    return options


def measure(options):
    """All runs: a list of the rig's lines, each with its row, round and build. The builds take turns at each row, and
    at being the first, so that what disturbs hits both alike."""
    builds, runs = [(THEIRS, options.against), (OURS, options.build)], []
    wanted = {row.of or row.key for row in options.rows}
    for round_ in range(1, options.runs + 1):
        for row in [row for row in ROWS + DISK_ROWS if row.key in wanted]:
            if row.once and round_ > 1:
                continue
            count = row.counts[row.ours]
            if options.quick:
                count = max(count // QUICK_DIVISOR, 200)
            for name, folder in builds if round_ % 2 else reversed(builds):
                rig.progress(f"run {round_} of {options.runs}: {row.title}: {name}")
                line = rig.run(row.ours, row.mode, count, row.size, row.flags, os.path.join(folder, "bin", "rig"))
                runs.append({"row": row.key, "run": round_, "of": name, **line})
    rig.progress("")
    return runs


def spread(values):
    """Median and quartiles."""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {"median": statistics.median(values), "q1": low, "q3": high, "runs": len(values)}


def judge(row, theirs, ours):
    """{ratio, verdict}: ratio above 1 is better, whichever way the row goes."""
    if theirs is None or ours is None:
        return {"ratio": None, "verdict": "unknown"}
    if theirs["median"] <= 0 or ours["median"] <= 0:
        ratio = 1 if theirs["median"] == ours["median"] else None
        return {"ratio": ratio, "verdict": "not slower" if ratio else "unknown"}
    ratio = theirs["median"] / ours["median"] if row.lower else ours["median"] / theirs["median"]
    outside = not theirs["q1"] <= ours["median"] <= theirs["q3"]
    if outside and ratio < 1 / WORSE:
        return {"ratio": ratio, "verdict": "slower"}
    return {"ratio": ratio, "verdict": "faster" if outside and ratio > WORSE else "not slower"}


def compared(rows, runs):
    """A line a row."""
    lines = []
    for row in rows:
        found = {}
        for name in (THEIRS, OURS):
            values = [
                run[row.figure]
                for run in runs
                if run["row"] == (row.of or row.key) and run["of"] == name and row.figure in run
            ]
            found[name] = spread(values) if values else None
        lines.append(
            {
                "row": row.key,
                "title": row.title,
                "unit": row.unit,
                "lower_is_better": row.lower,
                **found,
                **judge(row, found[THEIRS], found[OURS]),
            }
        )
    return lines


def faults(runs):
    """What went wrong in the runs, a sentence each."""
    found = []
    for run in runs:
        where = f"{run['row']}, {run['of']}, run {run['run']}"
        if "failed" in run:
            found.append(f"failed: {where}: {run['failed']}")
        elif run.get("lost", 0) != 0:
            found.append(f"lost messages: {where}: {run['lost']}")
    return found


def as_text(lines):
    """The table for a terminal."""

    def cell(figure):
        return f"{number(figure['median'])} ({number(figure['q1'])}-{number(figure['q3'])})" if figure else "-"

    grid = [["row", "unit", "against: median (quartiles)", "this build", "ratio", "verdict"]]
    grid += [
        [
            line["row"],
            line["unit"] + (", less is better" if line["lower_is_better"] else ""),
            cell(line[THEIRS]),
            cell(line[OURS]),
            f"{line['ratio']:.3f}" if line["ratio"] else "-",
            line["verdict"],
        ]
        for line in lines
    ]
    widths = [max(len(row[i]) for row in grid) for i in range(len(grid[0]))]
    return "\n".join(
        "  ".join(
            text.rjust(width) if i in (2, 3, 4) else text.ljust(width)
            for i, (text, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in grid
    )


def verdict(options, lines, wrong):
    """(exit code, a sentence)."""
    slower = [line["row"] for line in lines if line["verdict"] == "slower"]
    unknown = [line["row"] for line in lines if line["verdict"] == "unknown"]
    if slower:
        return SLOWER, "slower: " + ", ".join(slower)
    if wrong or unknown:
        return UNKNOWN, "not judged: runs failed or lost messages" + (": " + ", ".join(unknown) if unknown else "")
    few = (
        ""
        if options.runs >= LEAST_RUNS and not options.quick
        else f" (by less than {LEAST_RUNS} full runs: no judgement to rely on)"
    )
    return NOT_SLOWER, "not slower" + few


def main():
    options = arguments()
    rig.stop_on_term()
    begin, machine = time.monotonic(), rig.machine()
    if machine["load_before"] > 0.5:
        print(f"The machine is busy (load {machine['load_before']}): the figures will show it.", file=sys.stderr)
    runs = measure(options)
    machine["took_s"] = round(time.monotonic() - begin)
    machine["load_after"] = round(os.getloadavg()[0], 2)
    lines, wrong = compared(options.rows, runs), faults(runs)
    code, sentence = verdict(options, lines, wrong)
    text = as_text(lines) + "\n" + sentence
    print(text)
    for fault in wrong:
        print(fault, file=sys.stderr)
    if options.out:
        settings = {"runs": options.runs, "quick": options.quick, THEIRS: options.against, OURS: options.build}
        rig.write_json(
            options.out,
            "against.json",
            {
                "machine": machine,
                "settings": settings,
                "verdict": sentence,
                "rows": lines,
                "faults": wrong,
                "runs": runs,
            },
        )
        with open(os.path.join(options.out, "against.txt"), "w", encoding="utf-8") as file:
            file.write("\n".join([text, *wrong]) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
