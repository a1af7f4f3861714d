"""The comparison's table: a line a row, as text for a terminal and as Markdown for table.md."""
import os

from rows import SYSTEMS, TITLES


def number(value):
    """Three significant digits, thousands separated."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def verdict(row, found):
    """(ratios and goals in words, "met", "missed" or "-")."""
    ours = found.get(row.key, {}).get("cast")
    ratios, goals, met = [], [], []
    for goal in row.goals:
        theirs = found.get(goal.row or row.key, {}).get(goal.peer)
        goals.append(goal.text(row.unit, row.lower))
        if ours is None or (goal.peer and (theirs is None or theirs["median"] == 0)):
            ratios.append("-")
            met.append(None)
            continue
        median = theirs["median"] if goal.peer else 0
        ratios.append(f"{ours['median'] / median:.2f}" if goal.peer else number(ours["median"]))
        met.append(goal.met(ours["median"], median, row.lower))
    if row.any_goal:
        word = "met" if True in met else "-" if None in met else "missed"
    else:
        word = "missed" if False in met else "-" if None in met else "met"
    return " / ".join(ratios), (" or " if row.any_goal else ", ").join(goals), word


def lines_of(rows, found):
    """A dictionary of strings for each row."""
    lines = []
    for row in rows:
        ratio, goal, word = verdict(row, found)
        line = {"row": row.key, "title": row.title, "unit": row.unit, "ratio": ratio, "goal": goal, "verdict": word}
        for system in SYSTEMS:
            figure = found.get(row.key, {}).get(system)
            line[system] = number(figure["median"]) if figure else ""
            if figure and figure["runs"] > 1:
                line[system + "_spread"] = f"{number(figure['min'])}-{number(figure['max'])}"
        lines.append(line)
    return lines


def cells(line):
    """The columns, those of one system each with cast's spread."""
    ours = line["cast"] + (f" ({line['cast_spread']})" if "cast_spread" in line else "")
    return [line["title"], line["unit"], ours, *(line[system] for system in SYSTEMS[1:]), line["ratio"], line["goal"],
            line["verdict"]]


HEAD = ["what", "unit", "cast (min-max)", *(TITLES[system] for system in SYSTEMS[1:]), "ratio", "goal", "verdict"]
LEFT = (0, 1, len(HEAD) - 2, len(HEAD) - 1)


def as_text(lines):
    """For a terminal."""
    grid = [HEAD] + [cells(line) for line in lines]
    widths = [max(len(row[i]) for row in grid) for i in range(len(HEAD))]
    return "\n".join("  ".join(text.ljust(width) if i in LEFT else text.rjust(width)
                               for i, (text, width) in enumerate(zip(row, widths))).rstrip() for row in grid)


def write(folder, lines, machine, options):
    """table.md."""
    versions = machine["versions"]
    text = ["# cast and its peers", "",
            f"Medians of {options.runs} runs in one sitting; in brackets the lowest and the highest. Written by",
            "`tests/bench/compare.sh`; [README.md](../README.md) says what each row measures.", "",
            "| " + " | ".join(HEAD) + " |", "|" + "|".join("---" if i in LEFT else "---:" for i in range(len(HEAD))) + "|"]
    text += ["| " + " | ".join(cells(line)) + " |" for line in lines]
    text += ["", f"{machine['date']}, {machine['processor']}, {machine['processors']} processors, "
             f"{machine['memory_gib']} GiB, Linux {machine['kernel']}; load {machine['load_before']} before.",
             "", ", ".join(f"{name} {version}" for name, version in versions.items() if version) + "."]
    if not options.deaf_sender:
        text += ["", "The sender of NATS and Redis subscribes like every endpoint of theirs, and so gets its own",
                 "broadcasts, too; run with `--deaf-sender` to have it not."]
    if options.quick:
        text += ["", "**A quick run: it shows that the comparison works, not how fast anything is.**"]
    with open(os.path.join(folder, "table.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(text) + "\n")
