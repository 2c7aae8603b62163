"""The pictures, texts and exercise of lesson 03, "Load three stages on demand"."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from f5lite.evidence import explain, residency
from f5lite.evidence.exercises import exercise, expect
from f5lite.evidence.measurement import Measurement
from f5lite.evidence.residency import Way
from f5lite.evidence.wording import figure as shown
from f5lite.lab.charts import bars, memory_timeline
from f5lite.lab.figure import Figure, Table
from f5lite.lab.lessons.batches import batches, side_by_side  # noqa: F401 - the lesson's cells find them here
from f5lite.machine import quick
from f5lite.memory.measured import MB
from f5lite.model import anatomy
from f5lite.model.config import V1_BASE

STAGES = ("text", "acoustic", "vocoder")
NAMES = {"resident": "kept", "on-demand": "on demand"}


def serve(folder: Path, way: str) -> Way:
    """Six short requests with pauses (three in quick mode), in a process of its own."""
    count, pause = (3, 0.3) if quick() else (6, 0.7)
    found = residency.serve(folder, way, count=count, pause=pause, text="Hello there.")
    return replace(found, name=NAMES[way])


def figures(way: Way, name: str) -> tuple[Measurement, Measurement, Measurement]:
    """Peak and average of each request with its pause in MB, and seconds to its sound. The first request isn't counted:
    it pays for what only a new process pays for."""
    return (
        Measurement.of(name, way.peaks[1:], "MB"),
        Measurement.of(name, way.averages[1:], "MB"),
        Measurement.of(name, way.first_sounds[1:], "s"),
    )


def measured_memory(way: Way, points: int = 300) -> Figure:
    """Memory of the whole run as the meter saw it, anonymous below, with the requests marked."""
    step = max(1, len(way.measured.samples) // points)
    samples, first = way.measured.samples[::step], way.measured.samples[0]
    parts = {
        "anonymous": [max(0.0, (s.anonymous - first.anonymous) / MB) for s in samples],
        "file-backed": [max(0.0, (s.file_backed - first.file_backed) / MB) for s in samples],
    }
    title = f"Memory with stages {way.name}, over imports"
    return memory_timeline([s.seconds for s in samples], parts, title=title)


def stages_over_time(way: Way, requests: int = 2) -> Figure:
    """Which stage's weights were there when, for the first requests: the acoustic stage at the bottom."""
    found: dict[str, Any] = way.measured.result
    ends = [phase.end for phase in way.measured.phases if phase.name == "idle"]
    until = ends[min(requests, len(ends)) - 1]
    moments = [moment for moment in found["moments"] if moment < until]
    order = ("acoustic", "vocoder", "text")
    stacks = {name: found["stages"].get(name, []) for name in order}
    parts = {name: [*values[: len(moments)], values[len(moments) - 1]] for name, values in stacks.items()}
    sounds = [phase.end for phase in way.measured.phases if phase.name == "request" and phase.end <= until]
    marks = [(moment, f"sound {number + 1}") for number, moment in enumerate(sounds)]
    return memory_timeline(
        [*moments, until], parts, title=f"Weights in memory, stages {way.name}", marks=marks
    )


def table(*ways: Way) -> Figure:
    """Average, idle and peak memory and the delay to the first sound, side by side."""
    values = {
        f"{what}, {way.name}": value
        for what, pick in (
            ("peak", lambda way: statistics.median(way.peaks[1:])),
            ("average", lambda way: statistics.median(way.averages[1:])),
            ("idle", lambda way: way.idle),
        )
        for way in ways
        for value in (max(0.0, pick(way)),)
    }
    colours = {f"{what}, {ways[0].name}": "slate" for what in ("peak", "average", "idle")}
    picture = bars(values, title="Requests with pauses: memory over imports", unit="MB", colours=colours)
    columns = (
        "stages",
        "average (MB)",
        "idle (MB)",
        "peak (MB)",
        "peak anonymous (MB)",
        "first sound (s)",
        "later (s)",
    )

    def memory(way: Way) -> tuple[float, ...]:
        average, peak = statistics.median(way.averages[1:]), statistics.median(way.peaks[1:])
        return average, way.idle, peak, way.peak_anonymous

    rows = [
        (
            way.name,
            *(f"{value:,.0f}" for value in memory(way)),
            f"{way.first_sounds[0]:.2f}",
            f"{statistics.median(way.first_sounds[1:]):.2f}",
        )
        for way in ways
    ]
    caption = (
        "Over imports; medians of the requests after the first. Average: a request with its pause. Idle: the pauses alone. "
        "First sound: with all that only the first request pays for."
    )
    return replace(picture, table=Table.of(columns, rows, caption))


def stage_bytes() -> tuple[Measurement, Measurement, Measurement]:
    """How many stages there are, their weights together, and the largest alone; MB of fp32, exact, for v1 Base whole."""
    parts = anatomy.weights(V1_BASE)
    sizes = {stage: 4 * anatomy.total(parts, stage) / MB for stage in STAGES}
    return (
        Measurement.count("stages", len(sizes)),
        Measurement.of("all_stages", sum(sizes.values()), "MB", exact=True),
        Measurement.of("largest_stage", max(sizes.values()), "MB", exact=True),
    )


peak = explain.text(
    "03/peak", subject="the peak", compare=("kept", "on demand"), unit="MB", around=(1500, 1400)
)


@peak.when("lower")
def _(f: explain.Figures) -> str:
    return (
        f"{f.saved} came off the peak, and no more can: most of the weights sit in the acoustic stage, and that one has to "
        "be there while it works. What can be away meanwhile are the text stage and the vocoder. To lower the peak the "
        "acoustic stage itself must shrink, which is what lessons 05 to 09 are about."
    )


@peak.when("higher")
def _(f: explain.Figures) -> str:
    return (
        f"The peak rose by {f.saved}: loading again and again leaves more behind in the allocator than the text stage and "
        "the vocoder would have taken. Splitting can't lower the peak by much in any case, since most of the weights sit "
        "in one of the three stages."
    )


@peak.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        "The peak doesn't change by more than the requests differ among themselves. That fits what lesson 01 counted: "
        "most of the weights sit in the acoustic stage, and that one has to be there while it works."
    )


average = explain.text(
    "03/average", subject="the average", compare=("kept", "on demand"), unit="MB", around=(1450, 500)
)


@average.when("lower")
def _(f: explain.Figures) -> str:
    return (
        f"Here the article is right, and this is what it promises: the average falls by {f.percent}, because between "
        "requests nearly nothing stays. How much depends on your pauses: with none there is nothing to save, with long "
        "ones nearly everything. These requests make one pass each; one of 7 or 32 works longer between its pauses, holds "
        "everything meanwhile, and saves less."
    )


@average.when("higher")
def _(f: explain.Figures) -> str:
    return (
        f"The average rose by {f.saved}, against the article's promise: what was released didn't go back to the system. "
        "Some allocators keep freed blocks, and not every system can be asked to give them back."
    )


@average.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        "The average doesn't differ by more than the requests do among themselves. With pauses shorter than the requests "
        "there is little to save: the weights are back before they were away for long."
    )


delay = explain.text(
    "03/delay", subject="the wait for the sound", compare=("kept", "on demand"), unit="s", around=(0.9, 1.2)
)


@delay.when("higher")
def _(f: explain.Figures) -> str:
    return (
        f"Loading costs {f.saved} a request, whatever its length: a short answer feels it, a long one hardly does. The "
        "weights come from a mapped file that the system still had in its cache; from a cold disk the wait is longer."
    )


@delay.when("lower")
def _(f: explain.Figures) -> str:
    return (
        "Loading can't make a request faster by itself, so look for another cause: something else on this machine may have "
        "slowed the first run. Measure again before you believe it."
    )


@delay.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        "Loading again doesn't show in the wait. The weights are mapped, not copied, so a load is little more than opening "
        "a file that the system still had in its cache; from a cold disk it would show."
    )


same = explain.text(
    "03/same",
    outcomes=("same", "different"),
    decide=lambda f: "same" if f["same"].median else "different",
    examples={
        "same": (Measurement.fact("same", True),),
        "different": (Measurement.fact("same", False),),
    },
)


@same.when("same")
def _(f: explain.Figures) -> str:
    return "The two waves are equal, sample by sample. Loading later changes when weights are in memory, and nothing else."


@same.when("different")
def _(f: explain.Figures) -> str:
    return (
        "The two waves differ, which loading later must not do. Run the lesson again; if it stays so, please report it with "
        "what `f5lite check` prints."
    )


@exercise(
    "keep_only",
    lesson="03",
    praise="the stage that is named stays, the rest goes, and you know what came back.",
)
def keep_only(attempt: Callable[..., float]) -> None:
    """A function from (stages, names) that releases every stage not in `names` and returns the MB that came back."""
    stages = pretend()
    for stage in stages:
        with stage:
            pass
    got = attempt(stages, ["vocoder"])
    loaded = [stage.name for stage in stages if stage.loaded]
    expect("vocoder" in loaded, "the vocoder is named, so it must stay; yours released it")
    expect(loaded == ["vocoder"], f"only the vocoder should be left; yours left {', '.join(loaded)}")
    expect(isinstance(got, (int, float)), f"return the megabytes that came back, not {got!r}")
    expect(got != 5_200_000, "that is bytes: a megabyte is 10^6 of them")
    expect(
        abs(got - 5.2) < 0.01,
        f"the two stages held {shown(5.2, 'MB')}; yours says {shown(got, 'MB')} came back",
    )
    expect(attempt(stages, STAGES) == 0, "when all are named nothing comes back: return 0")


def pretend() -> list[Any]:
    """Three small stages with the real handles, to practise on: 1.2, 4 and 2 MB."""
    from torch import nn

    from f5lite.shrink.stages import Stage

    sizes = {"text": 300_000, "acoustic": 1_000_000, "vocoder": 500_000}
    return [Stage(name, lambda _, size=size: nn.Linear(size, 1, bias=False)) for name, size in sizes.items()]
