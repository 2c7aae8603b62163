"""The pictures, texts and exercises of lesson 05, "Int8: bytes"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from f5lite.evidence import explain, int8_bytes, residency
from f5lite.evidence.exercises import exercise, expect
from f5lite.evidence.measurement import Measurement
from f5lite.evidence.residency import Way
from f5lite.lab.charts import bars
from f5lite.lab.figure import Figure, Table
from f5lite.lab.listing import Listing
from f5lite.lab.numbers import number
from f5lite.machine import cache_folder, quick
from f5lite.memory.measured import Measured
from f5lite.model.config import V1_BASE
from f5lite.shrink.int8 import layout
from f5lite.shrink.modulation import table_bytes

WAYS = {"fp32, kept": "resident", "int8, mapped": "on-demand", "int8, streamed": "streamed"}


def convert(source: Path) -> Path:
    """The int8 folder of a prepared model; the work of a minute, once."""
    return int8_bytes.converted(source, int8_bytes.beside(source))


def tiny() -> Path:
    """The bundled voice, converted; kept in the cache."""
    target = cache_folder() / "converted" / "tiny-int8"
    target.parent.mkdir(parents=True, exist_ok=True)
    return int8_bytes.converted("tiny", target)


def size_figures(folder: Path) -> tuple[Measurement, ...]:
    """What the linear layers and the whole file take, before and after. MB, exact."""
    found = int8_bytes.sizes(folder)
    return tuple(
        Measurement.of(name, getattr(found, name), "MB", exact=True)
        for name in ("linear_fp32", "linear_int8", "file_fp32", "file_int8")
    )


def decisions() -> Listing:
    """What is kept in which precision, and why."""
    rows = [
        (rule.what, rule.kind, f"{rule.millions:g}", rule.reason)
        for rule in (*layout.ACOUSTIC, *layout.VOCODER)
        if rule.millions >= 0.1
    ]
    columns = ("weights", "kept as", "millions in v1 Base", "why")
    table = Table.of(columns, rows)
    return Listing("What is kept in which precision", table)


def table_picture(steps: int = 7) -> Figure:
    """AdaLN's layers against the table that stands for them, v1 Base."""
    dit = V1_BASE.dit
    layers = 4 * sum(rule.millions for rule in layout.ACOUSTIC if rule.kind == layout.FOLDED)
    return bars(
        {"layers, fp32": layers, f"table, {steps} steps": table_bytes(dit, steps) / 1e6},
        title=f"AdaLN as trained, and folded for {steps} steps",
        unit="MB",
        note="Computed for v1 Base.",
    )


def serve(folder: Path, name: str) -> Way:
    """Short requests, one after the other, in a process of its own: loading and all three stages included."""
    found = residency.serve(folder, WAYS[name], count=3 if quick() else 6, pause=0.05, text="Hello.")
    return replace(found, name=name)


def peaks(way: Way, name: str) -> Measurement:
    """The peak of each request over imports, MB. The first isn't counted: it pays for what only a new process pays for."""
    return Measurement.of(name, way.peaks[1:], "MB")


def library_runs(folder: Path) -> dict[str, Measured | str]:
    """What the libraries' way needs: fp32 first, int8 made of it, one pass. Or why there is no figure."""
    if quick():
        return {name: "left out in quick mode; run the lesson in full" for name in int8_bytes.LIBRARIES}
    return {name: int8_bytes.peer(name, folder) for name in int8_bytes.LIBRARIES}


def memory_picture(ways: list[Way], libraries: dict[str, Measured | str]) -> Figure:
    """Peak RSS of each way, with the anonymous part in the table, and the libraries in the same table."""
    rows = [(way.name, number(way.peak), number(way.peak_anonymous), "") for way in ways]
    values = {way.name: max(0.0, way.peak) for way in ways}
    for name, run in libraries.items():
        if isinstance(run, str):
            rows.append((name, "–", "–", run))
        else:
            values[name] = run.peak_rss_mb
            rows.append(
                (
                    name,
                    number(run.peak_rss_mb),
                    number(run.peak_anonymous_mb),
                    "acoustic stage alone, a short pass",
                )
            )
    picture = bars(values, title="Peak memory over imports, loading included", unit="MB")
    return replace(picture, table=Table.of(("way", "peak RSS (MB)", "anonymous (MB)", "note"), rows))


def schemes() -> Figure:
    """Error of one layer with planted outliers, for three ways to share a scale."""
    return bars(
        int8_bytes.schemes(),
        title="Error of one product in 8 bits, outliers planted",
        unit="%",
        note="Averaged over tokens, each against its own size.",
    )


def optimisers() -> tuple[Listing, Measurement]:
    """A small layer trained two ways, and whether the checkpoint holds 8-bit weights."""
    rows: list[tuple[Any, ...]] = []
    fact = Measurement.none("checkpoint_is_8bit", "bitsandbytes isn't installed or can't train here")
    for name in ("AdamW", "AdamW8bit"):
        try:
            run = int8_bytes.trained(name)
        except (ImportError, RuntimeError, NotImplementedError) as error:
            rows.append((name, "can't tell here", str(error).splitlines()[0][:60], "–"))
            continue
        types = ", ".join(run.checkpoint_types)
        rows.append((name, types, number(run.checkpoint_bytes), number(run.state_bytes)))
        if name == "AdamW8bit":
            fact = Measurement.fact("checkpoint_is_8bit", run.is_8bit)
    columns = ("optimiser", "checkpoint", "bytes a weight", "bytes of optimiser state a weight")
    return Listing("One layer, trained two ways", Table.of(columns, rows)), fact


def distance(one: Any, two: Any) -> Measurement:
    """How far two utterances' mels are apart, percent of the first's size."""
    frames = min(len(one.mel), len(two.mel))
    off = ((one.mel[:frames] - two.mel[:frames]) ** 2).sum() ** 0.5
    return Measurement.of(
        "distance", 100 * float(off / (one.mel[:frames] ** 2).sum() ** 0.5), "%", exact=True
    )


file_size = explain.text(
    "05/size", subject="the file", compare=("file_fp32", "file_int8"), unit="MB", around=(1348, 211)
)


@file_size.when("lower")
def _(f: explain.Figures) -> str:
    return (
        f"The file shrank by {f.percent}. Two things are in that figure. A linear layer loses a little less than three quarters, "
        "because each row keeps a scale. AdaLN's layers lose nearly everything, because a table stands for them, and that "
        "has nothing to do with 8 bits."
    )


@file_size.when("higher")
def _(f: explain.Figures) -> str:
    return "The file grew, which 8 bits can't do. Delete the converted folder in the cache and run the lesson again."


@file_size.when("can't tell")
def _(f: explain.Figures) -> str:
    return "The two sizes can't be told apart. Delete the converted folder in the cache and run the lesson again."


peak_text = explain.text(
    "05/peak", subject="the peak", compare=("fp32_peak", "int8_peak"), unit="MB", around=(1380, 260)
)


@peak_text.when("lower")
def _(f: explain.Figures) -> str:
    return (
        f"The peak fell by {f.percent}, loading included. There is no moment at which fp32 weights exist: the file is mapped, "
        "a layer's int8 rows are used where they lie, and pages that the system wants back can go, since the file has them."
    )


@peak_text.when("higher")
def _(f: explain.Figures) -> str:
    return (
        f"The peak rose by {f.saved}. On a model this small what a process needs besides weights decides; the full model "
        "needs a machine with more memory."
    )


@peak_text.when("can't tell")
def _(f: explain.Figures) -> str:
    return "The peaks don't differ by more than the requests do. On a small model what a process needs besides weights decides."


library_text = explain.text(
    "05/libraries",
    outcomes=("above", "below", "can't tell"),
    decide=lambda f: _against(f["fp32_peak"], f["library_peak"]),
    examples={
        "above": (
            Measurement.of("fp32_peak", [1380.0, 1385.0], "MB"),
            Measurement.of("library_peak", 1600.0, "MB"),
        ),
        "below": (
            Measurement.of("fp32_peak", [1380.0, 1385.0], "MB"),
            Measurement.of("library_peak", 700.0, "MB"),
        ),
        "can't tell": (
            Measurement.of("fp32_peak", [1380.0, 1385.0], "MB"),
            Measurement.none("library_peak", "no library could be measured", "MB"),
        ),
    },
)


def _against(fp32: Measurement, library: Measurement) -> str:
    if library.missing:
        return "can't tell"
    return "above" if library.median > fp32.median else "below"


@library_text.when("above")
def _(f: explain.Figures) -> str:
    return (
        f"The lowest library peaked at {f.of('library_peak')}, above the fp32 model's own {f.of('fp32_peak')}. It makes int8 "
        "from layers that were loaded as fp32, so at some moment both are there. What is left afterwards is smaller, but a "
        "process that was killed at the peak never gets there."
    )


@library_text.when("below")
def _(f: explain.Figures) -> str:
    return (
        f"The lowest library peaked at {f.of('library_peak')}, below the fp32 model's {f.of('fp32_peak')}: here the mapped fp32 "
        "weights could go while the int8 ones were made. They were read all the same; a converted file never needs them."
    )


@library_text.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        "No library could be measured here; the table says why. Such a library makes int8 out of fp32 weights that it "
        "loads first."
    )


heard = explain.text(
    "05/heard",
    outcomes=("near", "far"),
    decide=lambda f: "near" if f["distance"].median < 5 else "far",
    examples={
        "near": (Measurement.of("distance", 1.1, "%", exact=True),),
        "far": (Measurement.of("distance", 41.0, "%", exact=True),),
    },
)


@heard.when("near")
def _(f: explain.Figures) -> str:
    return (
        f"The two mels differ by {f.of('distance')}. One sentence proves nothing about quality; lesson 06 asks many sentences, "
        "and your ears, without telling them which is which."
    )


@heard.when("far")
def _(f: explain.Figures) -> str:
    return f"The two mels differ by {f.of('distance')}, which is a lot. Listen to both; lesson 06 looks for the layers to blame."


@exercise(
    "quantise",
    lesson="05",
    praise="a scale a row, numbers that stay within 127, and a row of zeros that stays zero.",
)
def quantise(attempt: Callable[[Any], Any]) -> None:
    """A function from a weight (rows × columns) to int8 values and a scale a row."""
    import torch

    w = torch.randn(6, 32, generator=torch.Generator().manual_seed(0))
    w[1] *= 100
    w[4] = 0
    got = attempt(w.clone())
    expect(isinstance(got, tuple) and len(got) == 2, "return two things: the values and the scales")
    values, scale = got
    expect(values.dtype == torch.int8, f"the values should be torch.int8, yours are {values.dtype}")
    expect(scale.numel() == 6, f"six rows have six scales, yours has {scale.numel()}")
    again = values.float() * scale.reshape(-1, 1).float()
    expect(bool(torch.isfinite(again).all()), "a row of zeros has the scale 0: dividing by it gives NaN")
    off = (again - w).abs().amax(1)
    step = w.abs().amax(1) / 127
    expect(
        bool((off <= 1.01 * step).all()),
        f"row {int((off / step.clamp(min=1e-9)).argmax())} is off by more than its scale: is there one scale for all rows?",
    )
    expect(bool((off <= 0.51 * step).all()), "off by up to a whole step: round before you convert")


@exercise("int8_mb", lesson="05", praise="the scales are small change, and so it is nearly a quarter.")
def int8_mb(attempt: Callable[[int, int], float]) -> None:
    """MB of a linear layer in int8, with its float32 scales and without bias, from rows and columns."""
    got = attempt(1000, 2000)
    expect(isinstance(got, (int, float)), f"return a number, not {got!r}")
    expect(abs(got - 8) > 1e-6, "that is the layer in fp32")
    expect(abs(got - 2) > 1e-6, "each row has a scale, and it is float32")
    expect(got < 1000, "that is bytes: a megabyte is 10^6 of them")
    expect(abs(got - 2.004) < 1e-9, f"1,000 rows of 2,000 make 2.004 MB, yours says {got:g}")
    expect(abs(attempt(10, 20) - 0.00024) < 1e-12, "it has to hold for other sizes too")
