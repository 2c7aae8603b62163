"""Pictures of what attention costs against the length, measured and computed. For lesson 07."""

from __future__ import annotations

from dataclasses import replace

from f5lite.evidence import attention as measured
from f5lite.evidence.measurement import Measurement
from f5lite.lab.charts.bars import bars
from f5lite.lab.charts.xy import lines
from f5lite.lab.figure import Figure, Table
from f5lite.lab.numbers import number
from f5lite.machine import quick
from f5lite.model import flow
from f5lite.model.config import V1_BASE, ModelConfig
from f5lite.shrink.attention import predict

FEW = 2  # heads of the sixteen on which the longest length is measured
LONG, SHORT = 4096, 512
# A reference of 8 seconds and 100 bytes: the length that upstream's own examples have.
REFERENCE_SECONDS, REFERENCE_BYTES = 8.0, 100


def lengths() -> tuple[int, ...]:
    return (256, 512) if quick() else (256, 512, 1024, 2048, 4096)


def ends() -> tuple[int, int]:
    """The short and the long length of the comparison."""
    return (lengths()[0], lengths()[-1]) if quick() else (SHORT, LONG)


def memory_picture(found: dict[str, tuple[Measurement, Measurement]]) -> Figure:
    """Predicted and measured side by side."""
    values = {}
    for name, (estimate, run) in found.items():
        values |= {f"{name}, predicted": estimate, f"{name}, measured": run}
    colours = {key: "slate" if "predicted" in key else "blue" for key in values}
    return bars(
        values, title=f"Memory of attention, {FEW} heads, {ends()[1]:,} frames", unit="MB", colours=colours
    )


def time_picture(rows: list[measured.Row], memories: dict[str, tuple[Measurement, Measurement]]) -> Figure:
    """Time against frames, a line a backend, and one table with memory beside it."""
    names = list(dict.fromkeys(row.name for row in rows))
    ys = {name: [row.milliseconds for row in rows if row.name == name] for name in names}
    few = sorted({row.frames for row in rows if row.heads < 16})
    note = (
        f"From {few[0]:,} frames on fewer heads than sixteen were timed, and the rest computed."
        if few
        else ""
    )
    figure = lines(
        sorted({row.frames for row in rows}),
        ys,
        title="Attention of one block, guided pair",
        x_label="frames",
        y_label="ms",
        log_x=True,
        log_y=True,
        note=note,
    )
    cells = []
    for row in rows:
        there = row.name in memories and row.frames == ends()[1]
        seen = f"{number(memories[row.name][1].median)} ({FEW} heads)" if there else "–"
        cells.append((row.frames, row.name, number(row.milliseconds), number(row.predicted_mb), seen))
    heads = ("frames", "backend", "ms", "memory, predicted (MB)", "memory, measured (MB)")
    return replace(figure, table=Table.of(heads, cells))


def share_of_operations(frames: int = 512) -> Figure:
    """What a pass of v1 Base spends its operations on, at a length."""
    mine = 100 * predict.share(frames)
    seconds = frames / V1_BASE.mel.frames_per_second
    return bars(
        {"everything else": 100 - mine, "attention": mine},
        title=f"Operations of a pass at {frames:,} frames ({number(seconds)} s of sound)",
        unit="%",
        note=f"Half and half at {predict.even_length():,} frames. Computed from the configuration.",
    )


def longest(config: ModelConfig = V1_BASE) -> int:
    """Frames of the longest chunk that upstream's cutting aims at, reference included."""
    return predict.longest_chunk(config, REFERENCE_SECONDS, REFERENCE_BYTES)


def uncut(letters: int = 400) -> int:
    """Frames of one sentence without a place to cut, reference included."""
    reference = int(REFERENCE_SECONDS * V1_BASE.mel.frames_per_second)
    return flow.frames_to_make(reference, "x" * REFERENCE_BYTES, "x" * letters)


def reach() -> Figure:
    """The longest chunks, beside the lengths that this lesson measures."""
    values = {
        "one sentence, 5.5 s in all": 512,
        "longest chunk, upstream's rule": longest(),
        "400 letters without a comma": uncut(),
        "attention is half the work": predict.even_length(),
    }
    return bars(values, title="Lengths, reference included", unit="frames")
