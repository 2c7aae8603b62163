"""One sentence at a time, in lesson 03: alone, padded and masked, and in a batch of two; bytes and time of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from f5lite.evidence import explain, residency
from f5lite.evidence.measurement import Measurement
from f5lite.evidence.wording import figure
from f5lite.lab.charts import bars
from f5lite.lab.figure import Figure, Table
from f5lite.machine import quick
from f5lite.memory import meter

ALONE, MASKED, PAIR = "alone", "padded, masked", "two together"


@dataclass(frozen=True)
class Batch:
    """One way to give a sentence to the model: peak anonymous memory (MB) and seconds of a pass on the guided pair."""

    sentences: int
    memory: Measurement
    seconds: Measurement

    @property
    def each(self) -> Measurement:
        """Seconds of a pass for one sentence."""
        return replace(self.seconds, values=tuple(value / self.sentences for value in self.seconds.values))


def batches(folder: Path, frames: int) -> dict[str, Batch]:
    """A sentence of `frames` frames by itself; the same one padded to half as long again, with a mask; and the two in one
    batch, the shorter one padded. Each in a process of its own."""
    longer, repeats = frames * 3 // 2, 2 if quick() else 5
    found = {}
    for name, lengths, padded in (
        (ALONE, [frames], None),
        (MASKED, [frames], longer),
        (PAIR, [frames, longer], None),
    ):
        run = meter.isolated(residency.sentences, str(folder), lengths, padded, repeats).result
        found[name] = Batch(
            len(lengths),
            Measurement.of(name, run["peak_anonymous"], "MB"),
            Measurement.of(name, run["seconds"], "s"),
        )
    return found


def side_by_side(found: dict[str, Batch]) -> Figure:
    """Peak anonymous memory as bars, with the times in the table."""
    values = {name: one.memory for name, one in found.items()}
    picture = bars(values, title="One pass: peak anonymous memory over imports", unit="MB")
    rows = [
        (
            name,
            one.sentences,
            figure(one.memory.median, ""),
            figure(one.seconds.median, "s"),
            figure(one.each.median, "s"),
        )
        for name, one in found.items()
    ]
    columns = ("sentences", "batch", "peak anonymous (MB)", "a pass", "a pass, for each sentence")
    return replace(
        picture, table=Table.of(columns, rows, "Medians of the repeated passes; weights are mapped.")
    )


sentence = explain.text(
    "03/sentence",
    subject="the peak of anonymous memory for one sentence",
    compare=("masked_peak", "unmasked_peak"),
    unit="MB",
    around=(140, 100),
)


@sentence.when("lower")
def _(f: explain.Figures) -> str:
    return (
        f"A sentence alone needs {f.saved} less anonymous memory than one that is padded to a longer neighbour and masked. "
        "That saves nothing new: upstream, and f5lite with it, already leave mask and padding away for one sentence. "
        "Beside the weights it is little."
    )


@sentence.when("higher")
def _(f: explain.Figures) -> str:
    return (
        f"The sentence alone needed {f.saved} more, which padding can't explain: look at what else ran. Upstream, and "
        "f5lite with it, leave mask and padding away for one sentence in any case."
    )


@sentence.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        "Padding and mask don't show in the peak here: what the passes differ by is more than what they could cost. "
        "Upstream, and f5lite with it, leave both away for one sentence in any case."
    )


pair = explain.text(
    "03/pair",
    subject="the time of a pass for each sentence",
    compare=("one sentence alone", "each of two"),
    unit="s",
    around=(0.9, 0.8),
)


@pair.when("lower")
def _(f: explain.Figures) -> str:
    return (
        f"Together, each sentence costs {f.percent} less time, although one of them is longer: the weights are read once "
        "for both. A server that can wait for a second request gains by it, and pays in memory."
    )


@pair.when("higher")
def _(f: explain.Figures) -> str:
    return (
        f"Together, each sentence costs {f.percent} more time: the second one is longer, and the first is padded to its "
        "length. A processor that is already busy with one sentence gains nothing from two."
    )


@pair.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        "The runs scatter too much to tell whether sentences that share a pass cost less each. What reading the weights "
        "once for both saves, the padding may take back: the second one is longer."
    )
