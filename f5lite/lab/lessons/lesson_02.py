"""The texts and exercise of lesson 02, "Measure memory honestly"."""

from __future__ import annotations

from collections.abc import Callable

from f5lite.evidence import explain
from f5lite.evidence.exercises import exercise, expect
from f5lite.evidence.measurement import Measurement
from f5lite.evidence.wording import figure as shown
from f5lite.lab.lessons.four_tools import (  # noqa: F401 - the lesson's cells find its tools here
    before_and_after,
    energy,
    in_mb,
    known_bytes,
    labelled,
    of_runs,
    picture,
    python_only,
    short_watch,
    since_the_start,
    spike,
)
from f5lite.memory.selfcheck import SelfCheck

AGREES = 2.0  # percent: what the meter promises for known bytes


def _example(outcome_figures: dict[str, float], unit: str = "MB") -> tuple[Measurement, ...]:
    return tuple(Measurement.of(name, value, unit) for name, value in outcome_figures.items())


twice = explain.text(
    "02/twice",
    outcomes=("apart", "alike"),
    decide=lambda f: "alike" if abs(f["first"].median - f["second"].median) < 20 else "apart",
    examples={
        "apart": _example({"first": 412, "second": 31}),
        "alike": _example({"first": 44, "second": 39}),
    },
)


@twice.when("apart")
def _(f: explain.Figures) -> str:
    return (
        f"The same work, twice: {f.of('first')}, then {f.of('second')}. Neither is what the work needs. The first run also "
        "paid for what was needed for the first time, pages of torch's code among it; the second found it there. And what "
        "the work gave back before it ended is in neither figure: a difference of two moments never saw the peak between "
        "them."
    )


@twice.when("alike")
def _(f: explain.Figures) -> str:
    return (
        f"The same work, twice: {f.of('first')}, then {f.of('second')}. Here they happen to agree, since everything was "
        "imported before. They still miss the peak: what the work gave back before it ended is in neither figure."
    )


tools = explain.text(
    "02/tools",
    outcomes=("four answers", "agree"),
    decide=lambda f: (
        "agree"
        if max(m.median for m in f.measured.values()) < 1.1 * min(m.median for m in f.measured.values())
        else "four answers"
    ),
    examples={
        "four answers": _example({"python": 3, "difference": 30, "since_start": 1900, "meter": 1450}),
        "agree": _example({"python": 100, "difference": 101, "since_start": 103, "meter": 102}),
    },
)


@tools.when("four answers")
def _(f: explain.Figures) -> str:
    return (
        f"Each tool is right about something else. Python's own ({f.of('python')}) counts Python's objects, and torch asks "
        f"the system for memory by itself. The difference ({f.of('difference')}) counts what is left. The peak since the "
        f"start ({f.of('since_start')}) counts everything this notebook ever held, imports and all. The meter "
        f"({f.of('meter')}) counts the peak of this work alone: a fresh process, imports done, then the peak set back."
    )


@tools.when("agree")
def _(f: explain.Figures) -> str:
    return (
        f"On this machine the four nearly agree (the meter says {f.of('meter')}). That is luck: they count different "
        "things, and a second run, or another order of the cells, would pull them apart."
    )


kinds = explain.text(
    "02/kinds",
    outcomes=("mostly file-backed", "mostly anonymous"),
    decide=lambda f: (
        "mostly file-backed" if f["file_backed"].median > f["anonymous"].median else "mostly anonymous"
    ),
    examples={
        "mostly file-backed": _example({"anonymous": 60, "file_backed": 1400}),
        "mostly anonymous": _example({"anonymous": 1400, "file_backed": 60}),
    },
)


@kinds.when("mostly file-backed")
def _(f: explain.Figures) -> str:
    return (
        f"Of this peak {f.of('file_backed')} are file-backed: pages of the weights' file and of torch's own code, which "
        "the system can drop at any time and read again. Only "
        f"{f.of('anonymous')} at their peak are anonymous, and those must stay, or go to swap. A phone that runs short "
        "kills for the second kind. So the course names the kind beside every peak of one kind alone."
    )


@kinds.when("mostly anonymous")
def _(f: explain.Figures) -> str:
    return (
        f"Of this peak {f.of('anonymous')} are anonymous: no file holds a copy, so they must stay, or go to swap. Only "
        f"{f.of('file_backed')} are file-backed and can be dropped. Weights were copied here rather than mapped; on Linux, "
        "from a safetensors file in the model's own precision, they are mapped."
    )


check = explain.text(
    "02/known",
    outcomes=("agrees", "is off"),
    decide=lambda f: "agrees" if f["error"].median <= AGREES else "is off",
    constants=("2 %",),
    examples={
        "agrees": (Measurement.of("error", 0.4, "%", exact=True),),
        "is off": (Measurement.of("error", 7.0, "%", exact=True),),
    },
)


@check.when("agrees")
def _(f: explain.Figures) -> str:
    return (
        f"The meter's worst error is {f.of('error')}, within the 2 % that it promises. A figure from it may stand in a "
        "table. How far two runs of the same work differ is another question, and the spread answers it."
    )


@check.when("is off")
def _(f: explain.Figures) -> str:
    return (
        f"The meter is off by {f.of('error')} here, more than the 2 % that it promises: take this machine's memory figures "
        "with care. Outside Linux the system gives only the nearest figure, and the meter's `source` says which."
    )


brief = explain.text(
    "02/brief",
    outcomes=("missed", "caught"),
    decide=lambda f: "missed" if f["sampled"].median < 0.9 * f["counted"].median else "caught",
    examples={
        "missed": _example({"counted": 120, "sampled": 1}),
        "caught": _example({"counted": 120, "sampled": 119}),
    },
)


@brief.when("missed")
def _(f: explain.Figures) -> str:
    return (
        f"The kernel counted a peak of {f.of('counted')}; the samples saw {f.of('sampled')}. The memory came and went "
        "between two looks. Peak RSS has a counter in the kernel and can't be missed; peak anonymous has none and is "
        "sampled. So the meter says how often it looked and how long its longest gap was."
    )


@brief.when("caught")
def _(f: explain.Figures) -> str:
    return (
        f"The kernel counted a peak of {f.of('counted')}, and the samples saw {f.of('sampled')}: this time a look fell on "
        "it. Run the cell again and it may not. Peak anonymous has no counter and is always sampled, so the meter says "
        "how often it looked."
    )


cost = explain.text(
    "02/energy",
    outcomes=("joules", "no joules"),
    decide=lambda f: "no joules" if f["joules"].missing else "joules",
    examples={
        "joules": (Measurement.of("processor", 3.0, "s"), Measurement.of("joules", 41.0, "J")),
        "no joules": (
            Measurement.of("processor", 3.0, "s"),
            Measurement.none("joules", "no energy counter can be read here", "J"),
        ),
    },
)


@cost.when("joules")
def _(f: explain.Figures) -> str:
    return (
        f"The work took {f.of('processor')} of processor time, and the processor used {f.of('joules')} meanwhile. The "
        "joules are the whole processor's, other programs included; the processor time is this work's alone."
    )


@cost.when("no joules")
def _(f: explain.Figures) -> str:
    return (
        f"The work took {f.of('processor')} of processor time. Energy can't be read on this machine "
        f"({f['joules'].missing}), as in most virtual machines and containers. Processor time is the stand-in: it belongs "
        "to this work alone, and energy grows with it."
    )


def _sensors(f: explain.Figures) -> str:
    """What the sensors said meanwhile, or why they said nothing."""
    said = []
    for name, words in (("clock", "the clock changed by"), ("warming", "the temperature by")):
        figure = f.measured.get(name)
        if figure is None:
            continue
        if figure.missing:
            said.append(figure.missing)
        elif name == "clock" and figure.median == 0:
            said.append("the clock reads the same throughout, as virtual machines show it")
        else:
            said.append(f"{words} {f.of(name)}")
    return f" The sensors: {'; '.join(said)}." if said else ""


warm = explain.text(
    "02/heat",
    subject="the time of a pass",
    compare=("first fifth", "last fifth"),
    unit="s",
    around=(0.5, 0.6),
)


@warm.when("higher")
def _(f: explain.Figures) -> str:
    return (
        f"Already within these seconds the last passes take {f.percent} longer than the first: the processor lowers its "
        f"clock, or something else began to run.{_sensors(f)}"
    )


@warm.when("lower")
def _(f: explain.Figures) -> str:
    return (
        f"The last passes are even {f.percent} faster than the first, which heat can't explain: caches fill up, and a "
        f"processor raises its clock when work arrives.{_sensors(f)}"
    )


@warm.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        "No slowing down in so short a time, which says little: a phone's body takes minutes to warm up. "
        f"Only the long run can test the claim.{_sensors(f)}"
    )


def reading(found: SelfCheck) -> dict[str, float]:
    """What was touched and what was read, for a chart."""
    return {
        "touched": found.touched_mb,
        "read as anonymous": found.read_anonymous_mb,
        "read as file-backed": found.read_mapped_mb,
    }


@exercise("average", lesson="02", praise="each sample counts for as long as it held.")
def average(attempt: Callable[[list[float], list[float]], float]) -> None:
    """A function from (seconds, megabytes) to the average over time; a sample holds until the next one."""
    got = attempt([0.0, 1.0, 2.0], [100.0, 300.0, 300.0])
    expect(isinstance(got, (int, float)), f"return a number, not {got!r}")
    even = abs(got - 200.0) < 1e-6
    expect(
        even or abs(got - 700 / 3) > 1e-6,
        "the last sample ends the run: it holds for no time, so it must not count as much as the others",
    )
    expect(
        even,
        f"100 MB for a second, then 300 MB for a second, are 200 MB on average; yours says {shown(got, 'MB')}",
    )
    uneven = attempt([0.0, 9.0, 10.0], [100.0, 600.0, 600.0])
    expect(
        abs(uneven - 150.0) < 1e-6,
        "100 MB for nine seconds and 600 MB for one are 150 MB on average: a sample that held longer counts for more; "
        f"yours says {shown(uneven, 'MB')}",
    )
