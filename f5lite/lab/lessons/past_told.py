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
        f"{_all(f)} The same number of passes, and only the moments differ: the way bends near the noise, where it is decided "
        "what is said when, and later it is nearly straight. Looking often early and seldom later is the better use of seven."
    )


@where.when("swayed")
def _(f: explain.Figures) -> str:
    return (
        f"{_all(f)} Looking often early pays, since the way bends near the noise. That EPSS isn't nearest here is no fault of "
        "it: its list was found on the published model, and this is another one."
    )


@where.when("even")
def _(f: explain.Figures) -> str:
    return (
        f"{_all(f)} For this sentence and this voice even steps are nearest, against what the published model shows. Distance "
        "isn't the whole story: the words below are."
    )


pair = explain.text(
    "09/pair", subject="the time of a pass", compare=("pair", "single"), unit="s", around=(1.0, 0.52)
)


@pair.when("lower")
def _(f: explain.Figures) -> str:
    return (
        f"One utterance takes {f.percent} less than the pair. Half the rows are multiplied, but the weights are read all the "
        "same, and what a pass costs whatever its length stays: near half is as much as there is to gain."
    )


@pair.when("higher")
def _(f: explain.Figures) -> str:
    return "Half the rows took longer, which can't be the arithmetic's doing. Something else was busy: run the cell again."


@pair.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        "On inputs this short a pass costs nearly the same for one as for two. Longer ones tell them apart."
    )


peak = explain.text(
    "09/peak", subject="the peak", compare=("on_demand", "streamed"), unit="MB", around=(260, 120)
)


@peak.when("lower")
def _(f: explain.Figures) -> str:
    return (
        f"{f.saved} less at the peak: a block's weights are read from the mapped file when its turn comes, and dropped after "
        "it. What is left is the largest block, the sums it works on, and the table."
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
        "Here streaming doesn't lower the peak by more than the runs differ. In a model of few blocks what every process needs "
        "weighs more than the weights."
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
        f"That is the price: {f.saved} for a request of one pass. Every pass reads all blocks anew, from the system's cache "
        "while it has them, from the disk when it hasn't; with more passes the price is paid as often."
    )


@wait.when("lower")
def _(f: explain.Figures) -> str:
    return (
        "It even took less time. A block that is used at once is still in the processor's caches, and pages that are given "
        "back need not be kept account of; don't count on it with a cold disk."
    )


@wait.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        "The price doesn't show: while the file is in the system's cache, reading a block is cheap beside multiplying with it. "
        "From a cold disk it would show."
    )


total = explain.text(
    "09/time", subject="the time of an utterance", compare=("many", "few"), unit="s", around=(33.0, 3.9)
)


@total.when("lower")
def _(f: explain.Figures) -> str:
    return (
        f"{f.times} as fast, on top of all that the article does, and not one product became cheaper: there are fewer of them. "
        "Factors multiply. Steps and guidance work on any machine, with any engine, at any length."
    )


@total.when("higher")
def _(f: explain.Figures) -> str:
    return "Fewer passes took longer, which they can't. The machine was busy with something else: run the cells again."


@total.when("can't tell")
def _(f: explain.Figures) -> str:
    return "The runs scatter too much to set one against the other. Close what else is running, and measure again."


def _least(halves: int, steps: int, guided: bool) -> tuple[Measurement, ...]:
    return (
        Measurement.count("least_halves", halves, "halves"),
        Measurement.count("most_halves", 64, "halves"),
        Measurement.count("steps", steps, "steps"),
        Measurement.fact("guided", guided),
    )


least = explain.text(
    "09/least",
    outcomes=("steps", "guidance", "seven"),
    decide=lambda f: (
        "guidance" if not f["guided"].median else "steps" if f["least_halves"].median < 14 else "seven"
    ),
    examples={"steps": _least(10, 5, True), "guidance": _least(7, 7, False), "seven": _least(14, 7, True)},
)


@least.when("steps")
def _(f: explain.Figures) -> str:
    return (
        f"Of the ways that were counted, {f.of('steps')} with guidance to the end do the least that costs no words beside seven: "
        f"{f.of('least_halves')} instead of {f['most_halves'].median:g}. Whole steps were the cheaper thing to leave out here; "
        "guidance was worth its halves."
    )


@least.when("guidance")
def _(f: explain.Figures) -> str:
    return (
        f"Of the ways that were counted, {f.of('steps')} with less guidance do the least without costing words beside seven: "
        f"{f.of('least_halves')} instead of {f['most_halves'].median:g}."
    )


@least.when("seven")
def _(f: explain.Figures) -> str:
    return (
        "Nothing below seven guided steps was counted to cost no words, so they are the least that can be recommended here: "
        f"{f.of('least_halves')} instead of {f['most_halves'].median:g}."
    )
