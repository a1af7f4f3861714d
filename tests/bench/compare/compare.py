#!/usr/bin/env python3
"""compare.py: measures the rows of rows.py and writes results.json, table.md and speed.svg; see compare.sh."""
import argparse
import os
import statistics
import sys
import time

import chart
import rig
import table
from rows import DISK_ROWS, DISK_SYSTEMS, ROWS, SYSTEMS, row_of

QUICK_DIVISOR = 10


def arguments():
    parser = argparse.ArgumentParser(prog="compare.sh", description="Measures cast and its peers side by side.")
    parser.add_argument("--runs", type=int, default=5, help="runs of each system; medians are shown (5)")
    parser.add_argument("--quick", action="store_true", help="one short run: whether it works, not how fast it is")
    parser.add_argument("--only", default="", metavar="ROW,...", help="these rows only; --list names them")
    parser.add_argument(
        "--out", default="", metavar="DIR", help="where to write (tests/bench/results; --quick: nowhere)"
    )
    parser.add_argument("--without-missing", action="store_true", help="leave out peers that are not installed")
    parser.add_argument(
        "--deaf-sender", action="store_true", help="no system's sender subscribes, so none hears itself"
    )
    parser.add_argument("--list", action="store_true", help="name the rows")
    parser.add_argument("--disk", action="store_true", help="the durable broker, JetStream and the disk instead")
    options = parser.parse_args()
    options.systems, rows = (DISK_SYSTEMS, DISK_ROWS) if options.disk else (SYSTEMS, ROWS)
    options.readme = "../../README.md" if options.disk else "../README.md"
    keys = [key for key in options.only.split(",") if key]
    unknown = [key for key in keys if key not in [row.key for row in rows]]
    if unknown or options.runs < 1:
        parser.error(f"no row {unknown[0]}: --list names them" if unknown else "--runs takes 1 or more")
    options.rows = [row for row in rows if not keys or row.key in keys]
    if options.quick:
        options.runs = 1
    elif not options.out:
        options.out = os.path.join(rig.RESULTS, "disk") if options.disk else rig.RESULTS
    return options


def measured_rows(rows):
    """Those that must be run for these rows: themselves, and what they and their goals read."""
    wanted = set()
    for row in rows:
        wanted.add(row.of or row.key)
        for goal in row.goals:
            if goal.row:
                wanted.add(row_of(goal.row).of or goal.row)
    return [row for row in ROWS + DISK_ROWS if row.key in wanted]


def measure(options, available):
    """All runs, as a list of the rig's lines, each with its row and round; interleaved, so that noise hits all
    alike."""
    runs = []
    for number in range(1, options.runs + 1):
        for row in measured_rows(options.rows):
            if row.once and number > 1:
                continue
            for system in (name for name in options.systems if name in row.counts and name in available):
                count = row.counts[system]
                if options.quick:
                    count = max(count // QUICK_DIVISOR, 200)
                flags = row.flags + (("--deaf-sender",) if options.deaf_sender else ())
                rig.progress(f"run {number} of {options.runs}: {row.title}: {system}")
                line = rig.run(system, row.mode, count, row.size, flags)
                runs.append({"row": row.key, "run": number, **({"system": system} if "failed" in line else {}), **line})
    rig.progress("")
    return runs


def figures(runs, rows, systems):
    """{row: {system: {median, min, max, runs}}}"""
    found = {}
    for row in rows:
        for system in systems:
            values = [
                run[row.figure]
                for run in runs
                if run["row"] == (row.of or row.key) and run["system"] == system and row.figure in run
            ]
            if values:
                found.setdefault(row.key, {})[system] = {
                    "median": statistics.median(values),
                    "min": min(values),
                    "max": max(values),
                    "runs": len(values),
                }
    return found


def main():
    options = arguments()
    if options.list:
        for row in ROWS + DISK_ROWS:
            print(f"{row.key:16} {row.title}")
        return 0
    rig.stop_on_term()
    available = rig.systems()
    begin, machine = time.monotonic(), rig.machine()
    runs = measure(options, available)
    machine["took_s"] = round(time.monotonic() - begin)
    machine["load_after"] = rig.os.getloadavg()[0]
    found = figures(runs, ROWS + DISK_ROWS, options.systems)
    lines = table.lines_of(options.rows, found, options.systems)
    print(table.as_text(lines, options.systems))
    failed = [run for run in runs if "failed" in run]
    for run in failed:
        print(f"failed: {run['row']}, {run['system']}, run {run['run']}: {run['failed']}", file=sys.stderr)
    lost = [run for run in runs if run.get("lost", 0) != 0]
    for run in lost:
        print(f"lost messages: {run['row']}, {run['system']}, run {run['run']}: {run['lost']}", file=sys.stderr)
    if options.out:
        settings = {"runs": options.runs, "quick": options.quick, "deaf_sender": options.deaf_sender}
        rig.write_json(
            options.out,
            "results.json",
            {"machine": machine, "settings": settings, "figures": found, "goals": lines, "runs": runs},
        )
        table.write(options.out, lines, machine, options)
        if not options.disk:
            chart.draw_speed(options.out, [row for row in options.rows if row.key in found], found, machine)
        print(f"Written to {options.out}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
