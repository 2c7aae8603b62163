"""The texts, pictures and exercise of lesson 01, "Anatomy"."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from f5lite.evidence import explain
from f5lite.evidence.exercises import exercise, expect
from f5lite.evidence.measurement import Measurement
from f5lite.evidence.workload import Workload
from f5lite.lab.charts import anatomy as treemap
from f5lite.lab.charts import bars
from f5lite.lab.figure import Figure
from f5lite.model import anatomy
from f5lite.model.checkpoint import Checkpoint
from f5lite.model.config import SHAPES, V1_BASE, ModelConfig

FP32 = 4 / 1e6  # MB a weight
STAGES = {"text": "text", "acoustic": "acoustic model", "vocoder": "vocoder"}


def by_stage(parts: list[anatomy.Part], scale: float = FP32) -> dict[str, dict[str, float]]:
    """Stage → kind → amount, scaled (to MB of fp32 unless said)."""
    grouped: dict[str, dict[str, float]] = {}
    for part in parts:
        inner = grouped.setdefault(STAGES[part.stage], {})
        inner[part.kind] = inner.get(part.kind, 0) + part.amount * scale
    return grouped


def bytes_of(shape: int = 0) -> Figure:
    """Where the fp32 bytes of a shape stand: 0 v1 Base, 1 v1 Small, 2 the bundled one."""
    config = list(SHAPES.values())[shape]
    return treemap(by_stage(anatomy.weights(config)), title=f"Weights of {config.name} in fp32", unit="MB")


def work_of(frames: int = 512, steps: int = 32) -> Figure:
    """Floating-point operations of one utterance of v1 Base, by kind of layer."""
    parts = anatomy.operations(V1_BASE, frames, steps)
    amounts: dict[str, float] = {}
    for part in parts:
        name = part.kind if part.stage == "acoustic" else STAGES[part.stage]
        amounts[name] = amounts.get(name, 0) + part.amount / 1e12
    order = dict(sorted(amounts.items(), key=lambda item: -item[1]))
    first = next(iter(order))
    return bars(
        order,
        title=f"Operations of one utterance, {frames} frames and {steps} steps",
        unit="TFLOP",
        colours={first: "blue"},
    )


def share(config: ModelConfig, *, stage: str | None = None, kind: str | None = None) -> float:
    """Percent of all weights, vocoder included, that stand in a stage or kind."""
    parts = anatomy.weights(config)
    return 100 * anatomy.total(parts, stage, kind) / anatomy.total(parts)


def split(config: ModelConfig = V1_BASE) -> tuple[Measurement, Measurement]:
    """What can be unloaded while the largest stage works, and the largest kind of layer, in percent of all weights."""
    freed = 100 - max(share(config, stage=stage) for stage in STAGES)
    return (
        Measurement.of("freed", freed, "%", exact=True),
        Measurement.of("AdaLN", share(config, kind="AdaLN and time"), "%", exact=True),
    )


def estimate_and_file(config: ModelConfig, folder: Path) -> tuple[Measurement, Measurement]:
    """Weights in all, in MB of fp32: worked out from the configuration, and counted in the files' headers."""
    files = Checkpoint(folder / "model.safetensors"), Checkpoint(folder / "vocoder.safetensors")
    estimated, counted = anatomy.weights(config), anatomy.counted(*files)
    return (
        Measurement.of("estimate", FP32 * anatomy.total(estimated), "MB", exact=True),
        Measurement.of("file", FP32 * anatomy.total(counted), "MB", exact=True),
    )


def baseline(work: Workload, peaks: list[float], seconds: list[float]) -> tuple[Measurement, ...]:
    """The three figures of the claim. Of a model with fewer blocks only the weights of the whole one can be told."""
    weights = Measurement.of("weights", Workload(V1_BASE, work.frames).megabytes, "MB", exact=True)
    if not work.whole:
        why = "the whole model wasn't run here; lesson 08 tells on a larger machine"
        return weights, Measurement.none("speaking_peak", why, "MB"), Measurement.none("utterance", why, "s")
    return weights, Measurement.of("speaking_peak", peaks, "MB"), Measurement.of("utterance", seconds, "s")


stages = explain.text(
    "01/split",
    outcomes=("little", "much"),
    decide=lambda f: "little" if f["freed"].median < 20 else "much",
    examples={
        "little": (
            Measurement.of("freed", 5.4, "%", exact=True),
            Measurement.of("AdaLN", 40.5, "%", exact=True),
        ),
        "much": (
            Measurement.of("freed", 41.0, "%", exact=True),
            Measurement.of("AdaLN", 9.0, "%", exact=True),
        ),
    },
)


@stages.when("little")
def _(f: explain.Figures) -> str:
    return (
        f"Splitting alone can free {f.of('freed')} of the weights: that is all that stands outside the acoustic model, "
        f"and the acoustic model has to be there while it works. Look inside it instead: {f.of('AdaLN')} of everything "
        "is AdaLN. It looks at nothing but the step's time, so its answers for a few fixed steps can be kept instead of it: "
        "lesson 05 does that."
    )


@stages.when("much")
def _(f: explain.Figures) -> str:
    return (
        f"In this shape splitting can free {f.of('freed')} of the weights, since no stage holds nearly all of them. "
        f"AdaLN, layers that look at nothing but the time step, holds {f.of('AdaLN')}."
    )


def _agree(f: explain.Figures) -> str:
    estimate, file = f["estimate"].median, f["file"].median
    return "agree" if estimate == file else "less in the file" if file < estimate else "more in the file"


def _pair(estimate: float, file: float) -> tuple[Measurement, ...]:
    return Measurement.of("estimate", estimate, "MB", exact=True), Measurement.of(
        "file", file, "MB", exact=True
    )


agree = explain.text(
    "01/agree",
    outcomes=("agree", "less in the file", "more in the file"),
    decide=_agree,
    examples={
        "agree": _pair(1402.5, 1402.5),
        "less in the file": _pair(1402.5, 1300.0),
        "more in the file": _pair(1402.5, 1500.0),
    },
)


@agree.when("agree")
def _(f: explain.Figures) -> str:
    return (
        f"The estimate says {f.of('estimate')} and so do the files, to the last weight. The estimate can be trusted for "
        "shapes that aren't here."
    )


@agree.when("less in the file")
def _(f: explain.Figures) -> str:
    return f"The file holds {f.of('file')}, the configuration promises {f.of('estimate')}: something is missing from it."


@agree.when("more in the file")
def _(f: explain.Figures) -> str:
    return f"The file holds {f.of('file')}, the estimate knows of {f.of('estimate')}: the formulas left something out."


@exercise("attention_weights", lesson="01", praise="that is every weight of the attention layers.")
def attention_weights(attempt: Callable[[int, int], int]) -> None:
    """A function from (dim, depth) to the weights and biases of the attention layers; heads × head size is dim."""
    got = attempt(1024, 22)
    wanted = anatomy.total(anatomy.weights(V1_BASE), kind="attention")
    expect(isinstance(got, int), f"return a whole number, not {got!r}")
    expect(
        got != 22 * 4 * 1024 * 1024,
        "the matrices are right; each of the four layers also has a bias of `dim`",
    )
    expect(got != wanted * 2, "that is twice too much: does something count both the guided pair's halves?")
    expect(got == wanted, f"for 1024 and 22 the file holds {wanted:,}, yours says {got:,}")
    small = SHAPES["F5TTS_v1_Small"]
    expect(
        attempt(small.dit.dim, small.dit.depth) == anatomy.total(anatomy.weights(small), kind="attention"),
        "v1 Base fits, v1 Small doesn't: use the arguments, no fixed numbers",
    )
