"""The texts, pictures and exercises of lesson 07, "Change the attention"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from f5lite.evidence import attention as measured
from f5lite.evidence import explain
from f5lite.evidence.exercises import exercise, expect
from f5lite.evidence.measurement import Measurement
from f5lite.lab.charts.lengths import (
    FEW,
    ends,
    lengths,
    longest,
    memory_picture,
    reach,
    share_of_operations,
    time_picture,
)
from f5lite.lab.charts.tiles import WAYS, tiles
from f5lite.lab.figure import Table
from f5lite.lab.listing import Listing
from f5lite.machine import card, quick
from f5lite.model.config import V1_BASE, ModelConfig
from f5lite.shrink.attention import Math, auto, predict, refusal
from f5lite.shrink.attention.largest import Largest

# What the lesson shows besides what is written here.
__all__ = [
    "WAYS",
    "ends",
    "lengths",
    "longest",
    "memory_picture",
    "reach",
    "share_of_operations",
    "tiles",
    "time_picture",
]


def memory(name: str) -> tuple[Measurement, Measurement]:
    """(predicted, measured): MB over the inputs that one block's attention holds, on a few heads at the long length."""
    frames = ends()[1]
    runs = [measured.peak_mb(name, frames, FEW) for _ in range(2 if quick() else 3)]
    estimate = measured.predicted_mb(name, frames, FEW)
    return Measurement.of(f"{name}, predicted", estimate, "MB", exact=True), Measurement.of(name, runs, "MB")


def times_of(rows: list[measured.Row], name: str, frames: int, label: str) -> Measurement:
    """One backend's times at a length as a measurement, in ms."""
    row = next(row for row in rows if row.name == name and row.frames == frames)
    return Measurement.of(label, [1000 * s for s in row.seconds], "ms", interleaved=True)


def best(rows: list[measured.Row], frames: int) -> str:
    """The backend to compare `math` with: the fastest of those that do the same sums, in float32. Fewer bits are another
    technique, and would be counted as this one."""
    there = [
        row for row in rows if row.frames == frames and row.name != "math" and not auto.rounded(row.name)
    ]
    return min(there, key=lambda row: row.milliseconds).name


def choices() -> Listing:
    """What `auto` takes at each calibrated length, and why."""
    calibration = auto.calibrated()
    picked = [auto.choose(calibration, int(n), card().bf16_instructions) for n in calibration["lengths"]]
    return Listing(
        "What auto takes here",
        Table.of(("frames", "backend", "because"), [(c.frames, c.name, c.why) for c in picked]),
    )


def gain_figures(rows: list[measured.Row]) -> tuple[Measurement, Measurement]:
    """Times faster than `math`, at the short and at the long length, with the same backend."""
    short, long = ends()
    name = best(rows, long)
    return tuple(
        Measurement.of(label, measured.gains(rows, "math", name, frames), "×", interleaved=True)
        for label, frames in (("gain_short", short), ("gain_long", long))
    )


def steps_of_the_article() -> Listing:
    """The article's three steps, and whether each exists here."""
    rows = [(name, "yes" if there else "no", why) for name, there, why in steps()]
    return Listing("The article's three steps", Table.of(("step", "exists here", "what was found"), rows))


def steps() -> list[tuple[str, bool, str]]:
    """(step, exists here, what was found), each tried on this machine."""
    config = ModelConfig.from_dict({"dit": {"attn_backend": "torch"}})
    reason = refusal()
    return [
        (
            "switch it on in the configuration",
            config.dit.attn_backend == "torch",
            "the key attn_backend, two values",
        ),
        (
            "install a library for mobile",
            False,
            "flash-attn is the only one that the key can name, and "
            + (reason or "it is for NVIDIA cards, not phones"),
        ),
        (
            "recompile the model",
            False,
            "the model isn't compiled: this lesson changed backends between two sentences. "
            "f5lite's own kernels are, where there is a compiler",
        ),
    ]


def same(one: Any, two: Any, backend: str) -> Measurement:
    """Whether two utterances are the same to rounding: of float32, or of bfloat16 where the backend works in that."""
    worst = abs(one.mel - two.mel).max()
    return Measurement.fact("same_result", bool(worst < (0.5 if auto.rounded(backend) else 1e-3)))


def shares(frames: int | None = None) -> Measurement:
    """Percent of a block's time that is attention with torch's own backend, at the short length."""
    return Measurement.of("share", measured.shares(frames or ends()[0]), "%")


held = explain.text(
    "07/memory", subject="the memory of attention", compare=("math", "chunked"), unit="MB", around=(1100, 6)
)


@held.when("lower")
def _(f: explain.Figures) -> str:
    return (
        "The scores were there either way, one piece after the other: no piece needs the ones before it. Nothing about "
        "the result was given up for that, only the habit of writing the matrix down."
    )


@held.when("higher")
def _(f: explain.Figures) -> str:
    return "Pieces needed more than the whole. Something else grew in that process; measure again before you believe it."


@held.when("can't tell")
def _(f: explain.Figures) -> str:
    return "At this length the matrix is too small to stand out from what a process needs anyway. Take a longer one."


faster = explain.text(
    "07/time",
    subject="the time of attention",
    compare=("math_time", "backend_time"),
    unit="ms",
    around=(230, 75),
)


@faster.when("lower")
def _(f: explain.Figures) -> str:
    return (
        "What went away is the way to memory and back: the plain formula writes every score, reads it for the softmax, "
        "writes that and reads it again. Compared is the fastest backend that does the same sums. Those with bf16 or int16 in "
        "their names multiply with fewer bits besides; the chart has them."
    )


@faster.when("higher")
def _(f: explain.Figures) -> str:
    return "At this length the score matrix fits in the caches as it is, and cutting it up only costs."


@faster.when("can't tell")
def _(f: explain.Figures) -> str:
    return "At this length it doesn't matter which one you take: look at the longer ones."


chunk = explain.text(
    "07/share",
    outcomes=("small", "large"),
    decide=lambda f: "small" if f["share"].median < 33 else "large",
    examples={
        "small": (
            Measurement.of("share", [8.9, 9.1, 9.0], "%"),
            Measurement.count("longest", 2062, "frames"),
        ),
        "large": (
            Measurement.of("share", [44.0, 45.0, 46.0], "%"),
            Measurement.count("longest", 2062, "frames"),
        ),
    },
)


@chunk.when("small")
def _(f: explain.Figures) -> str:
    return (
        f"On your machine attention is {f.of('share')} of an fp32 block's time at {ends()[0]} frames, with torch's own backend. "
        "Even one that took no time at all could save no more of it; where int8 makes products cheaper, attention is a larger "
        f"share of what is left. Upstream cuts a text so that no chunk aims at more than {f.of('longest')}: "
        "the lengths where attention is most of the work are never reached by reading a long text, only by one long "
        "sentence without a place to cut."
    )


@chunk.when("large")
def _(f: explain.Figures) -> str:
    return (
        f"On your machine attention is {f.of('share')} of an fp32 block's time already at {ends()[0]} frames, so its backend "
        f"matters for ordinary sentences. Upstream's chunks aim at {f.of('longest')} at most, where it matters more."
    )


@exercise(
    "in_pieces", lesson="07", praise="the same result, and no more than a few rows of scores at any moment."
)
def in_pieces(attempt: Callable[..., torch.Tensor]) -> None:
    """Attention of one head, some query rows at a time: q, k, v are n × d."""
    q, k, v = (torch.randn(400, 32, generator=torch.Generator().manual_seed(i)) for i in range(3))
    wanted = Math()(*(t[None, None] for t in (q, k, v)))[0, 0]
    with Largest() as seen:
        got = attempt(q, k, v, 50)
    expect(isinstance(got, torch.Tensor), f"return a tensor of n × d, not {type(got).__name__}")
    expect(got.shape == wanted.shape, f"400 frames of 32 numbers went in, {tuple(got.shape)} came out")
    off = (got - wanted).abs().max().item()
    expect(off < 1e-4, f"the largest difference to the whole formula is {off:.2g}: is the scale 1/√d there?")
    expect(
        seen.elements < 400 * 400,
        f"somewhere a tensor of {seen.elements:,} numbers was made; 50 rows of 400 scores are {50 * 400:,}",
    )
    odd = attempt(q, k, v, 70)
    expect(
        odd.shape == wanted.shape and torch.allclose(odd, wanted, atol=1e-4),
        "70 rows don't divide 400: the rest counts too",
    )


@exercise("scores_mb", lesson="07", praise="that is what the whole score matrix takes.")
def scores_mb(attempt: Callable[[int, int], float]) -> None:
    """MB of one block's fp32 scores for the guided pair, from frames and heads."""
    got = attempt(1000, 16)
    expect(isinstance(got, (int, float)), f"return a number, not {got!r}")
    expect(abs(got - 64) > 1e-6, "that is one utterance; guidance evaluates a pair")
    expect(abs(got - 32) > 1e-6, "a float32 number takes four bytes, not one")
    expect(abs(got - 128) < 1e-6, f"1,000 frames and 16 heads make 128 MB, yours says {got:g}")
    few = replace(V1_BASE.dit, heads=4)
    scores = (predict.attention("math", 600, few).scores - 2 * 4 * 600 * 64 * 4) / 2 / 1e6
    expect(abs(attempt(600, 4) - scores) < 1e-6, "16 heads fit, 4 don't: use both arguments")
