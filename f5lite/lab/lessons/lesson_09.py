"""The measurements, pictures and exercises of lesson 09, "Go past the article"; its computed texts are in `past_told`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import f5lite
from f5lite.evidence import int8_bytes, int8_speed, sampling, workload
from f5lite.evidence.comparison import Comparison
from f5lite.evidence.exercises import exercise, expect
from f5lite.evidence.measurement import Measurement
from f5lite.evidence.sampling import GRIDS, Sentence, Way, grid
from f5lite.lab.charts import lines, scatter
from f5lite.lab.figure import Figure
from f5lite.lab.lessons import past_told, past_words
from f5lite.lab.lessons.past_words import UNTIL, more_wrong, seven_more_wrong, words
from f5lite.lab.numbers import number
from f5lite.machine import quick
from f5lite.memory import meter

# What the lesson shows besides what is written here.
__all__ = ["past_told", "seven_more_wrong", "words"]

SENTENCE = "the river runs to the sea"
SEVEN, MANY = 7, 32
SAME = "Where there is no EPSS list for a number of steps, EPSS stands for the swayed grid."
RESIDENCIES = ("on-demand", "streamed")


def tried() -> tuple[int, ...]:
    """The numbers of steps that are tried."""
    return (5, SEVEN) if quick() else (5, SEVEN, 10, 16, MANY)


def target() -> Way:
    """Where very many steps lead."""
    return Way(grid("swayed", 16 if quick() else 64), 1.0)


# ---- fewer steps


def grids_picture(steps: int = SEVEN) -> Figure:
    """The flow time that each pass looks at, a line a grid."""
    times = {kind: grid(kind, steps)[:-1].tolist() for kind in GRIDS}
    return lines(
        range(1, steps + 1),
        times,
        title=f"Where the {steps} passes look",
        x_label="pass",
        y_label="flow time",
        note=f"Flow time: 0 is noise, 1 is speech. {SAME}",
    )


def followed() -> dict[tuple[str, int], Way]:
    """The ways that `follow` goes, by grid and steps."""
    return {(kind, steps): Way(grid(kind, steps), 1.0) for kind in GRIDS for steps in tried()}


def follow(voice: Any, done: Callable[[], object] = lambda: None) -> dict[str, dict[int, float]]:
    """dB from each grid's answer to that of very many steps: grid -> steps -> dB. `done` is called after each way."""
    found = sampling.distances(Sentence(voice, SENTENCE), followed(), target(), done=done)
    return {kind: {steps: found[kind, steps] for steps in tried()} for kind in GRIDS}


def distance_picture(found: dict[str, dict[int, float]]) -> Figure:
    """Distance against steps, a line a grid."""
    return lines(
        tried(),
        {kind: list(by_steps.values()) for kind, by_steps in found.items()},
        title=f"How far from {len(target().grid) - 1} steps the sound ends",
        x_label="steps",
        y_label="dB",
        log_x=True,
        note=f"One sentence of the bundled voice, from one noise. {SAME}",
    )


def at_seven(found: dict[str, dict[int, float]]) -> tuple[Measurement, ...]:
    """The distances at seven steps, dB, by grid."""
    return tuple(
        Measurement.of(kind.lower(), by_steps[SEVEN], "dB", exact=True) for kind, by_steps in found.items()
    )


# ---- half a pair, and what a pass costs


def prepare() -> tuple[Path, workload.Workload]:
    """v1 Base's shape in int8, with its table for seven steps."""
    work = workload.here()
    source = workload.prepare(work.config)
    return int8_bytes.converted(source, int8_bytes.beside(source)), work


class Costs:
    """Seconds of a pass on the pair and on one utterance, measured in turns, and what utterances take by them."""

    def __init__(self, folder: Path, frames: int, done: Callable[[], object] = lambda: None) -> None:
        import torch

        pipeline = f5lite.load(folder, attention="auto")
        time = grid("EPSS", SEVEN)[int8_speed.STEP]
        pair = torch.randn(2, frames, pipeline.config.dit.dim, generator=torch.Generator().manual_seed(0))
        with pipeline.acoustic as dit, torch.inference_mode():
            calls = {"pair": lambda: dit.flow(pair, time), "single": lambda: dit.flow(pair[:1], time)}
            turns = int8_speed.alternate(calls, passes(), done)
        self.pair, self.single = ([turn.seconds for turn in turns[name]] for name in calls)

    def figures(self) -> tuple[Measurement, Measurement]:
        """A pass on the pair, and on one utterance; s."""
        return (
            Measurement.of("pair", self.pair, "s", interleaved=True),
            Measurement.of("single", self.single, "s", interleaved=True),
        )

    def utterance(self, name: str, way: Way) -> Measurement:
        """Seconds of all passes of an utterance, computed round by round."""
        passes = len(way.grid) - 1
        pairs = way.halves - passes
        values = [
            pairs * both + (passes - pairs) * one for both, one in zip(self.pair, self.single, strict=True)
        ]
        return Measurement.of(name, values, "s", interleaved=True)


def passes() -> int:
    """How often each kind of pass is timed."""
    return 3 if quick() else 5


BASE = "7 steps, guided"  # what the others were counted against
WAYS: dict[str, tuple[Way, str]] = {  # each with its name in `COUNTED`
    "32 steps, guided": (Way(grid("swayed", MANY), 1.0), "32 steps"),
    BASE: (Way(grid("EPSS", SEVEN), 1.0), ""),
    "5 steps, guided": (Way(grid("EPSS", 5), 1.0), "5 steps"),
    "7, guided at first": (Way(grid("EPSS", SEVEN), 1.0, UNTIL), "guided at first"),
    "7, not guided": (Way(grid("EPSS", SEVEN), 0.0), "not guided"),
}


def least() -> str:
    """The way of the fewest halves among those that were counted as no worse than `BASE`."""
    good = [
        name
        for name, (_, what) in WAYS.items()
        if name == BASE or past_words.judged(more_wrong(what)) in ("no worse", "better")
    ]
    return min(good, key=lambda name: WAYS[name][0].halves)


def least_figures() -> tuple[Measurement, ...]:
    """Its halves, those of 32 guided steps, and whether it is guided to the end."""
    way, most = WAYS[least()][0], next(iter(WAYS.values()))[0]
    return (
        Measurement.count("least_halves", way.halves, "halves"),
        Measurement.count("most_halves", most.halves, "halves"),
        Measurement.count("steps", len(way.grid) - 1, "steps"),
        Measurement.fact("guided", way.halves == 2 * (len(way.grid) - 1)),
        Measurement.fact("unguided_worse", past_words.judged(more_wrong("not guided")) == "worse"),
    )


def utterances(costs: Costs) -> dict[str, Measurement]:
    """Seconds an utterance takes in each of the ways."""
    return {name: costs.utterance(name, way) for name, (way, _) in WAYS.items()}


def ends(costs: Costs) -> tuple[Measurement, Measurement]:
    """32 guided steps, and the least that is no worse than seven."""
    found = utterances(costs)
    return next(iter(found.values())).renamed("many"), found[least()].renamed("few")


# ---- blocks that come and go


def requests(folder: Path, work: workload.Workload, done: Callable[[], object]) -> dict[str, list[Any]]:
    """One request of two passes in each residency, in turns, each in a process of its own."""
    found: dict[str, list[Any]] = {name: [] for name in RESIDENCIES}
    for _ in range(passes()):
        for name, runs in found.items():
            runs.append(meter.isolated(workload.request, folder, work.frames, 2, name, "auto"))
        done()
    return found


def peaks(found: dict[str, list[Any]]) -> tuple[Measurement, Measurement]:
    """Peak RSS over imports, MB: on demand, streamed."""
    return tuple(
        Measurement.of(name.replace("-", "_"), [run.peak_rss_mb for run in runs], "MB")
        for name, runs in found.items()
    )


def waits(found: dict[str, list[Any]]) -> tuple[Measurement, Measurement]:
    """Seconds of the acoustic stage, loading included: on demand, streamed."""
    return tuple(
        Measurement.of(
            f"{name.replace('-', '_')}_s", [run.result["acoustic"] for run in runs], "s", interleaved=True
        )
        for name, runs in found.items()
    )


def low(costs: Costs, found: dict[str, list[Any]]) -> Figure:
    """Memory and time of the ways that are guided to the end, on demand and streamed."""
    memory, wait = peaks(found), waits(found)
    apart = Comparison(*wait).direction != "can't tell"
    slower = wait[1].median / wait[0].median if apart else 1.0
    points = []
    for name, taken in utterances(costs).items():
        way = WAYS[name][0]
        if way.halves < 2 * (len(way.grid) - 1):
            continue  # the requests were made of guided passes
        short = name.removesuffix(", guided")
        points.append((f"{short}, on demand", memory[0].median, taken.median))
        points.append((f"{short}, streamed", memory[1].median, taken.median * slower))
    how = "by the ratio of the requests" if apart else "the same, since the requests couldn't be told apart"
    return scatter(
        points,
        title="How low both go",
        x_label="peak memory (MB)",
        y_label="seconds an utterance",
        highlight=[points[-1][0]],
        note=f"Memory: measured with guided passes. Seconds: computed from the passes; streamed, {how}.",
    )


# ---- exercises


@exercise("halves", lesson="09", praise="that is what guidance costs, and what ending it early gives back.")
def halves(attempt: Callable[[Sequence[float], float], int]) -> None:
    """Passes on one utterance, from the times of the passes and the time at which guidance ends."""
    times = [0.0, 0.1, 0.4, 0.7]
    got = attempt(times, 1.0)
    expect(isinstance(got, Integral) and not isinstance(got, bool), f"return a whole number, not {got!r}")
    expect(got != 4, "guided to the end, each of the four passes is made on a pair")
    expect(got == 8, f"four guided passes are 8 halves, yours says {got}")
    expect(
        attempt(times, 0.0) == 4,
        f"without guidance four passes are 4 halves, yours says {attempt(times, 0.0)}",
    )
    expect(
        attempt(times, 0.2) == 6,
        f"guided before 0.2, two are pairs and two aren't: 6; yours says {attempt(times, 0.2)}",
    )
    expect(attempt(times, 0.4) == 6, "a pass at the very time where guidance ends isn't guided any more")


@exercise("travel", lesson="09", praise="that is the sampler: a direction, a distance, and the next look.")
def travel(attempt: Callable[..., float]) -> None:
    """Euler's method: follow a field from x along the times."""
    looked: list[float] = []

    def steady(time: float, x: float) -> float:
        looked.append(time)
        return 2.0

    got = attempt(steady, 1.0, [0.0, 0.25, 1.0])
    expect(isinstance(got, (int, float)), f"return where x ends, not {got!r}")
    expect(len(looked) == 2, f"three times are two pieces, so two looks; yours took {len(looked)}")
    expect(
        abs(got - 5.0) > 1e-9,
        "each look counts for as long as its piece is: multiply by the distance to the next time",
    )
    expect(abs(got - 3.0) < 1e-9, f"a steady 2 from 1 ends at 3, yours at {number(got)}")
    expect(
        looked == [0.0, 0.25], f"look at the beginning of each piece, 0 and 0.25; yours looked at {looked}"
    )
    grown = attempt(lambda time, x: x, 1.0, [0.0, 0.5, 1.0])
    expect(
        abs(grown - 2.25) < 1e-9,
        f"the field sees the x of now: growing by itself 1 becomes 2.25, yours {number(grown)}",
    )
