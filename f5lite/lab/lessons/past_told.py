"""Lesson 09's computed texts."""

from __future__ import annotations

from f5lite.evidence import explain
from f5lite.evidence.measurement import Measurement


def _grids(even: float, swayed: float, epss: float) -> tuple[Measurement, ...]:
    return tuple(
        Measurement.of(name, value, "dB", exact=True)
        for name, value in (("even", even), ("swayed", swayed), ("epss", epss))
    )


where = explain.text(
    "09/grid",
    outcomes=("epss", "swayed", "even"),
    decide=lambda f: min(("epss", "swayed", "even"), key=lambda name: f[name].median),
    examples={
        "epss": _grids(5.7, 3.0, 2.2),
        "swayed": _grids(5.7, 2.1, 2.4),
        "even": _grids(1.9, 2.1, 2.4),
    },
)


def _all(f: explain.Figures) -> str:
    return f"With seven passes the even grid ends {f.of('even')} away, the swayed one {f.of('swayed')}, EPSS {f.of('epss')}."


@where.when("epss")
def _(f: explain.Figures) -> str:
    return (
        f"{_all(f)} The same number of passes, and only the moments differ. Looking often early and seldom later is the best use "
        "of seven here: the way bends near the noise, and later it is nearly straight."
    )


@where.when("swayed")
def _(f: explain.Figures) -> str:
    return (
        f"{_all(f)} Looking early pays, up to a point: EPSS looks earlier still, and ends farther off than the swayed grid. Its "
        "list was found on the published model, and this is another one."
    )


@where.when("even")
def _(f: explain.Figures) -> str:
    return f"{_all(f)} For this sentence and this noise even steps are nearest. Another sentence may say otherwise: try one."


pair = explain.text(
    "09/pair", subject="the time of a pass", compare=("pair", "single"), unit="s", around=(1.0, 0.52)
)


@pair.when("lower")
def _(f: explain.Figures) -> str:
    return (
        f"One question takes {f.percent} less than two. The arithmetic is exactly half; the weights are read all the same, and "
        "what a pass costs whatever its length stays."
    )


@pair.when("higher")
def _(f: explain.Figures) -> str:
    return "Half the arithmetic took longer, which it can't by itself. Something else was busy: run the cell again."


@pair.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        "The runs differ too much to tell one question from two. On short inputs they can cost nearly the same; on long ones the "
        "arithmetic shows."
    )


peak = explain.text(
    "09/peak", subject="the peak", compare=("on_demand", "streamed"), unit="MB", around=(260, 120)
)


@peak.when("lower")
def _(f: explain.Figures) -> str:
    return (
        f"{f.saved} less at the peak: a block's weights are read from the mapped file when its turn comes, and dropped after "
        "it. What is left is a block or two, and what any request needs besides: sums, text, vocoder, code."
    )


@peak.when("higher")
def _(f: explain.Figures) -> str:
    return (
        "Streaming took more, not less. Some systems keep dropped pages counted as the process's until they need them; the "
        "figure is theirs, not the blocks'."
    )


@peak.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        "Here streaming doesn't lower the peak by more than the runs differ. Where a system can't be told to drop pages, or a "
        "model has few blocks, there is little to gain."
    )


wait = explain.text(
    "09/wait",
    subject="the acoustic stage's time",
    compare=("on_demand_s", "streamed_s"),
    unit="s",
    around=(1.3, 1.5),
)


@wait.when("higher")
def _(f: explain.Figures) -> str:
    return (
        f"That is the price: {f.saved} for these two passes with their loading. Every pass reads all blocks anew, from the "
        "system's cache while it has them, from the disk when it hasn't."
    )


@wait.when("lower")
def _(f: explain.Figures) -> str:
    return "It even took less time here. Two passes with their loading don't say why; with a cold disk don't count on it."


@wait.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        "A price smaller than the spread can't be seen in two passes. The file was in the system's cache; where it has to be "
        "read from the disk first, the price may be larger."
    )


total = explain.text(
    "09/time",
    subject="the computed time of all passes",
    compare=("many", "few"),
    unit="s",
    around=(33.0, 5.2),
)


@total.when("lower")
def _(f: explain.Figures) -> str:
    return (
        f"{f.times} as fast, on top of all that the article does, and not one product became cheaper: there are fewer of them. "
        "How many is arithmetic; what one pass costs is what you measured. Factors multiply, whatever engine you take."
    )


@total.when("higher")
def _(f: explain.Figures) -> str:
    return "Fewer passes took longer, which they can't. The machine was busy with something else: run the cells again."


@total.when("can't tell")
def _(f: explain.Figures) -> str:
    return "The runs scatter too much to set one against the other. Close what else is running, and measure again."


def _least(halves: int, steps: int, guided: bool, worse: bool) -> tuple[Measurement, ...]:
    return (
        Measurement.count("least_halves", halves, "halves"),
        Measurement.count("most_halves", 64, "halves"),
        Measurement.count("steps", steps, "steps"),
        Measurement.fact("guided", guided),
        Measurement.fact("unguided_worse", worse),
    )


least = explain.text(
    "09/least",
    outcomes=("steps", "guidance", "seven"),
    decide=lambda f: (
        "guidance" if not f["guided"].median else "steps" if f["least_halves"].median < 14 else "seven"
    ),
    examples={
        "steps": _least(10, 5, True, True),
        "guidance": _least(7, 7, False, False),
        "seven": _least(14, 7, True, True),
    },
)


@least.when("steps")
def _(f: explain.Figures) -> str:
    worth = (
        " Guidance was worth its halves: without it more words were wrong."
        if f["unguided_worse"].median
        else ""
    )
    return (
        f"Of the ways that were counted, {f.of('steps')} with guidance to the end do the least that is no worse than seven: "
        f"{f.of('least_halves')} instead of {f['most_halves'].median:g}.{worth} What the published model loses wasn't counted."
    )


@least.when("guidance")
def _(f: explain.Figures) -> str:
    return (
        f"Of the ways that were counted, {f.of('steps')} with less guidance do the least that is no worse than seven guided "
        f"ones: {f.of('least_halves')} instead of {f['most_halves'].median:g}. What the published model loses wasn't counted."
    )


@least.when("seven")
def _(f: explain.Figures) -> str:
    return (
        "No way with less work was counted as no worse than seven guided steps, so those are what is compared: "
        f"{f.of('least_halves')} instead of {f['most_halves'].median:g}."
    )
