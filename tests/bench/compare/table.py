"""The comparison's table: a line a row, as text for a terminal and as Markdown for table.md."""
import os

from rows import TITLES


def number(value):
    """Three significant digits, thousands separated."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def verdict(row, found):
    """(ratios and goals in words, "met", "missed" or "-")."""
    ours = found.get(row.key, {}).get(row.ours)
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


def lines_of(rows, found, systems):
    """A dictionary of strings for each row."""
    lines = []
    for row in rows:
        ratio, goal, word = verdict(row, found)
        line = {"row": row.key, "title": row.title, "unit": row.unit, "ratio": ratio, "goal": goal, "verdict": word}
        for system in systems:
            figure = found.get(row.key, {}).get(system)
            line[system] = number(figure["median"]) if figure else ""
            if figure and figure["runs"] > 1:
                line[system + "_spread"] = f"{number(figure['min'])}-{number(figure['max'])}"
        lines.append(line)
    return lines


def cells(line, systems):
    """The columns, the first system's with its spread."""
    ours, others = systems[0], systems[1:]
    figure = line[ours] + (f" ({line[ours + '_spread']})" if ours + "_spread" in line else "")
    return [
        line["title"],
        line["unit"],
        figure,
        *(line[system] for system in others),
        line["ratio"],
        line["goal"],
        line["verdict"],
    ]


def head(systems):
    """The columns' titles, and which of them stand to the left."""
    titles = [
        "what",
        "unit",
        TITLES[systems[0]] + " (min-max)",
        *(TITLES[system] for system in systems[1:]),
        "ratio",
        "goal",
        "verdict",
    ]
    return titles, (0, 1, len(titles) - 2, len(titles) - 1)


def as_text(lines, systems):
    """For a terminal."""
    titles, left = head(systems)
    grid = [titles] + [cells(line, systems) for line in lines]
    widths = [max(len(row[i]) for row in grid) for i in range(len(titles))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if i in left else text.rjust(width) for i, (text, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in grid
    )


def write(folder, lines, machine, options):
    """table.md."""
    titles, left = head(options.systems)
    versions = machine["versions"]
    text = [
        "# cast and its peers",
        "",
        f"Medians of {options.runs} runs in one sitting; in brackets the lowest and the highest. Written by",
        f"`tests/bench/compare.sh{' --disk' if options.disk else ''}`; [README.md]({options.readme}) says what each "
        "row",
        "measures.",
        "",
        "| " + " | ".join(titles) + " |",
        "|" + "|".join("---" if i in left else "---:" for i in range(len(titles))) + "|",
    ]
    text += ["| " + " | ".join(cells(line, options.systems)) + " |" for line in lines]
    text += [
        "",
        f"{machine['date']}, {machine['processor']}, {machine['processors']} processors, "
        f"{machine['memory_gib']} GiB, Linux {machine['kernel']}; load {machine['load_before']} before.",
        "",
        ", ".join(f"{name} {version}" for name, version in versions.items() if version) + ".",
    ]
    if not options.deaf_sender and not options.disk:
        text += [
            "",
            "The sender of NATS and Redis subscribes like every endpoint of theirs, and so gets its own",
            "broadcasts, too; run with `--deaf-sender` to have it not.",
        ]
    if options.quick:
        text += ["", "**A quick run: it shows that the comparison works, not how fast anything is.**"]
    with open(os.path.join(folder, "table.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(text) + "\n")
