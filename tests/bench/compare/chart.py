"""The charts, as SVG that reads on light and on dark pages. Without matplotlib there are none, and it is said."""
import os
import sys

from rows import SYSTEMS, TITLES

INK = "#7d8590"  # legible on white and on near black
COLOURS = {
    "cast": "#e8590c",
    "nats": "#5f8dc9",
    "zmq": "#5aa27c",
    "tcp": "#9aa0a6",
    "redis": "#b5838d",
    "mosq0": "#a08bc0",
}


def pyplot():
    """matplotlib, dressed; None without it."""
    try:
        import matplotlib
    except ImportError:
        print("no chart: python3-matplotlib is missing", file=sys.stderr)
        return None
    matplotlib.use("svg")
    matplotlib.rcParams.update(
        {
            # fmt: off
        "svg.fonttype": "none", "svg.hashsalt": "cast", "font.family": "sans-serif", "font.size": 9,
        "text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
        "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
            # fmt: on
        }
    )
    import matplotlib.pyplot

    return matplotlib.pyplot


def save(figure, folder, name):
    """The same figures give the same file."""
    path = os.path.join(folder, name)
    figure.savefig(path, transparent=True, bbox_inches="tight", metadata={"Date": None, "Creator": None})
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(line.rstrip() for line in text.split("\n")))


def short(value):
    """7.4 M, 105 k, 87.5"""
    for limit, scale, unit in ((1e6, 1e6, " M"), (1e3, 1e3, " k")):
        if value >= limit:
            return f"{value / scale:.3g}{unit}"
    return f"{value:.3g}"


def bars(axes, rows, found, scale):
    """A group of bars a row, from the top; ours first, in full colour and with its figure in bold."""
    at, ticks = 0.0, []
    for row in rows:
        systems = [system for system in SYSTEMS if system in found[row.key]]
        ticks.append((at + (len(systems) - 1) / 2, row.title))
        for system in systems:
            figure = found[row.key][system]
            value, ours = figure["median"] * scale, system == "cast"
            axes.barh(at, value, height=0.86, color=COLOURS[system], alpha=1 if ours else 0.6)
            axes.plot([figure["min"] * scale, figure["max"] * scale], [at, at], color=INK, linewidth=1)
            axes.annotate(
                short(value),
                (max(value, figure["max"] * scale), at),
                xytext=(3, 0),
                va="center",
                fontsize=7,
                textcoords="offset points",
                fontweight="bold" if ours else "normal",
                color=COLOURS["cast"] if ours else INK,
            )
            at += 1
        at += 0.8
    axes.set_yticks([tick for tick, _ in ticks], [title for _, title in ticks])
    axes.set_ylim(at - 0.8, -0.8)
    axes.tick_params(axis="y", length=0)
    axes.set_xscale("log")
    values = [found[row.key][system]["median"] * scale for row in rows for system in found[row.key]]
    axes.set_xlim(min(values) / 3, max(values) * 2)
    axes.grid(axis="x", color=INK, alpha=0.25, linewidth=0.5)
    axes.set_axisbelow(True)


def draw_speed(folder, rows, found, machine):
    """speed.svg: messages a second above, microseconds one way below."""
    plot = pyplot()
    panels = [
        (unit, [row for row in rows if row.unit == unit], scale, label)
        for unit, scale, label in (
            ("kmsg/s", 1e3, "messages a second (more is better)"),
            ("us", 1, "microseconds one way (less is better)"),
        )
    ]
    panels = [panel for panel in panels if panel[1]]
    if plot is None or not panels:
        return
    sizes = [sum(len(found[row.key]) + 0.8 for row in panel[1]) for panel in panels]
    figure, axes = plot.subplots(
        len(panels),
        1,
        figsize=(8, 0.16 * sum(sizes) + 0.9 * len(panels)),
        squeeze=False,
        gridspec_kw={"height_ratios": sizes},
    )
    for (_, shown, scale, label), place in zip(panels, axes[:, 0]):
        bars(place, shown, found, scale)
        place.set_xlabel(label)
    present = [
        system for system in SYSTEMS if any(system in found[row.key] for _, shown, _, _ in panels for row in shown)
    ]
    handles = [plot.Rectangle((0, 0), 1, 1, color=COLOURS[s], alpha=1 if s == "cast" else 0.6) for s in present]
    axes[0, 0].legend(
        handles, [TITLES[s] for s in present], ncol=len(present), loc="lower center", bbox_to_anchor=(0.4, 1.0)
    )
    figure.text(
        0.5,
        0,
        f"{machine['processor']}, {machine['processors']} processors, {machine['date']}; log scale, "
        "medians, thin lines from lowest to highest",
        ha="center",
        va="top",
        fontsize=7,
    )
    figure.tight_layout()
    save(figure, folder, "speed.svg")


def draw_sweep(folder, series, points):
    """sweep.svg: the processor's nanoseconds a message as each thing grows; a panel a series, a line a system."""
    plot = pyplot()
    shown = [one for one in series if any(point["series"] == one.key for point in points)]
    if plot is None or not shown:
        return
    figure, axes = plot.subplots(1, len(shown), figsize=(2.6 * len(shown), 2.8), squeeze=False)
    for one, place in zip(shown, axes[0]):
        for system in ("nats", "cast"):
            line = [(p["at"], p["cpu_ns"]) for p in points if p["series"] == one.key and p["system"] == system]
            if line:
                ours = system == "cast"
                place.plot(
                    *zip(*line),
                    color=COLOURS[system],
                    marker="o",
                    markersize=3,
                    linewidth=2 if ours else 1.2,
                    label=TITLES[system],
                )
        place.set(xscale="log", yscale="log", xlabel=one.title)
        place.grid(color=INK, alpha=0.25, linewidth=0.5)
    axes[0, 0].set_ylabel("processor time a message, ns")
    axes[0, 0].legend(fontsize=8)
    figure.tight_layout()
    save(figure, folder, "sweep.svg")
