#!/usr/bin/env python3
"""sweep.py: what a message costs as things grow; writes sweep.json and sweep.svg; see sweep.sh."""
import argparse
import statistics
import sys
import time
from dataclasses import dataclass
from typing import Callable

import chart
import rig

LIMIT_S = 270  # no run begins later than this
QUICK_DIVISOR = 10


@dataclass
class Series:
    key: str
    title: str
    mode: str
    values: tuple
    count: int  # of cast; NATS gets a quarter
    flags: Callable = lambda value: ()
    by_size: bool = False

    def settings(self, value):
        """(messages, bytes each)"""
        return (min(self.count, int(1.2e9 / (value + 240))), value) if self.by_size else (self.count, 100)


SERIES = [
    # fmt: off
    Series("nodes", "nodes sent to in turn", "fanout", (1, 10, 100, 1000, 10000), 1000000,
           lambda value: ("--targets", str(value))),
    Series("groups", "groups sent to in turn", "multicast", (1, 10, 100, 1000), 1500000,
           lambda value: ("--groups", str(value))),
    Series("senders", "senders to one receiver", "funnel", (1, 2, 8, 32, 100), 2500000,
           lambda value: ("--senders", str(value))),
    Series("sizes", "bytes of a message", "unicast", tuple(4**power for power in range(2, 11)), 5000000,
           by_size=True),
    # fmt: on
]


def arguments():
    parser = argparse.ArgumentParser(prog="sweep.sh", description="What a message costs as things grow.")
    parser.add_argument("--runs", type=int, default=1, help="runs of each point; medians are shown (1)")
    parser.add_argument("--quick", action="store_true", help="short runs: whether it works")
    parser.add_argument("--only", default="", metavar="SERIES,...", help=", ".join(one.key for one in SERIES))
    parser.add_argument(
        "--out", default="", metavar="DIR", help="where to write (tests/bench/results; --quick: nowhere)"
    )
    parser.add_argument("--without-missing", action="store_true", help="leave NATS out if it is not installed")
    options = parser.parse_args()
    keys = [key for key in options.only.split(",") if key]
    options.series = [one for one in SERIES if not keys or one.key in keys]
    if len(options.series) != (len(set(keys)) or len(SERIES)) or options.runs < 1:
        parser.error("--only takes " + ", ".join(one.key for one in SERIES) + "; --runs 1 or more")
    if not options.quick and not options.out:
        options.out = rig.RESULTS
    return options


def measure_point(one, value, system, options):
    """The medians of this point's runs, or why it failed."""
    count, size = one.settings(value)
    count = max(count // (1 if system == "cast" else 4) // (QUICK_DIVISOR if options.quick else 1), value, 200)
    if one.by_size:
        count = max(count if value < 65536 else min(count, 200000000 // value), 100)
    lines = [rig.run(system, one.mode, count, size, one.flags(value)) for _ in range(options.runs)]
    point = {"series": one.key, "at": value, "system": system}
    failed = [line["failed"] for line in lines if "failed" in line]
    if failed:
        return {**point, "failed": failed[0]}
    return {
        **point,
        "messages": count,
        "kmsg_s": statistics.median(line["kmsg_s"] for line in lines),
        "us": round(statistics.median(1e3 / line["kmsg_s"] for line in lines), 4),
        "cpu_ns": round(statistics.median(line["cpu_s_per_million"] for line in lines) * 1000, 1),
        "server_rss_mb": max(line["server_rss_mb"] for line in lines),
    }


def measure(options, available):
    """All points; both systems at one point before the next."""
    points, begin = [], time.monotonic()
    for one in options.series:
        for value in one.values:
            for system in (name for name in ("cast", "nats") if name in available):
                if time.monotonic() - begin > LIMIT_S:
                    points.append({"series": one.key, "at": value, "system": system, "failed": "no time was left"})
                    continue
                rig.progress(f"{one.title}: {value}: {system}")
                points.append(measure_point(one, value, system, options))
    rig.progress("")
    return points


def show(series, points):
    """A block a series: the cost of a message, and how it grows from the first and from the point before."""
    for one in series:
        print(
            f"{one.title:26}{'system':>8}{'kmsg/s':>10}{'us':>11}{'cpu ns':>12}{'of first':>10}{'of last':>9}{'MB':>8}"
        )
        for system in ("cast", "nats"):
            first = last = None
            for point in (p for p in points if p["series"] == one.key and p["system"] == system):
                if "failed" in point:
                    print(f"{point['at']:>26,}{system:>8}  {point['failed']}")
                    continue
                cost = point["cpu_ns"]
                first, last = first or cost, last or cost
                growth = (f"{cost / first:.2f}", f"{cost / last:.2f}") if first else ("-", "-")
                print(
                    f"{point['at']:>26,}{system:>8}{point['kmsg_s']:>10,.1f}{point['us']:>11,.3f}{cost:>12,.0f}"
                    f"{growth[0]:>10}{growth[1]:>9}{point['server_rss_mb']:>8.1f}"
                )
                last = cost
        print()


def main():
    options = arguments()
    rig.stop_on_term()
    machine = rig.machine()
    points = measure(options, rig.systems())
    show(options.series, points)
    if options.out:
        rig.write_json(
            options.out,
            "sweep.json",
            {"machine": machine, "settings": {"runs": options.runs, "quick": options.quick}, "points": points},
        )
        chart.draw_sweep(options.out, options.series, [point for point in points if "failed" not in point])
        print(f"Written to {options.out}")
    return 1 if any("failed" in point for point in points) else 0


if __name__ == "__main__":
    sys.exit(main())
