"""The words of planning: a `Plan` (one way to run), what it costs, what is planned for, what the caller insists on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from f5lite.model.config import ModelConfig

RESIDENCIES = ("resident", "on-demand", "streamed")
STEPS = (32, 16, 7)


@dataclass(frozen=True)
class Plan:
    """One way to run. precision: "fp32", "bf16" or "int8"; folded: AdaLN as a table for `steps`; engine: of int8 products.

    chunk_seconds: how much speech, the reference included, is made at once.
    """

    precision: str = "fp32"
    folded: bool = False
    residency: str = "resident"
    engine: str = "float"
    attention: str = "sdpa"
    steps: int = 32
    guidance: float = 2.0
    chunk_seconds: float = 22.0

    @property
    def sounds_like(self) -> str:
        """What decides the sound: residency, engine and attention don't, beyond rounding. The key of measured results."""
        return f"{self.precision}/{self.steps}"

    @property
    def name(self) -> str:
        """Short, and another for every plan of one model: "int8 reference, 7 steps, streamed, 22 s"."""
        products = "" if self.engine == "float" else f" {self.engine}"
        table = " table" if self.folded else ""
        steps = f"{self.steps} step{'s' if self.steps != 1 else ''}"
        return f"{self.precision}{products}{table}, {steps}, {self.residency}, {self.chunk_seconds:.3g} s"

    def __str__(self) -> str:
        table = ", modulation as a table" if self.folded else ""
        return (
            f"{self.precision}{table}, {self.steps} steps, {self.residency}, {self.engine} products, "
            f"{self.attention} attention, chunks of {self.chunk_seconds:.0f} s"
        )


@dataclass(frozen=True)
class Cost:
    """Predicted: MB over the process with imports done, and seconds for one chunk (relative where nothing was measured)."""

    peak_rss_mb: float
    peak_anonymous_mb: float
    seconds: float
    frames: int


@dataclass(frozen=True)
class Speeds:
    """What was measured on this machine at 512 frames: seconds of one pass by (precision, engine).

    An engine that isn't listed can't run here. `fp32` is always listed; 1.0 where nothing was measured.
    """

    passes: Mapping[tuple[str, str], float] = field(default_factory=lambda: {("fp32", "float"): 1.0})
    attention: str = "sdpa"


@dataclass(frozen=True)
class Variant:
    """A file that the model is kept in. path: what `f5lite.load` takes; steps: those of its folded table, None for any.

    source_dtype: how it keeps float weights ("F32", "BF16", "F16"); mapped: whether its weights can be read where they lie.
    """

    path: str
    precision: str = "fp32"
    folded: bool = False
    steps: int | None = None
    source_dtype: str = "F32"
    mapped: bool = True

    def runs(self, plan: Plan) -> bool:
        """Whether a plan can be carried out from this file."""
        alike = (self.precision, self.folded) == (plan.precision, plan.folded)
        return alike and self.steps in (None, plan.steps) and (self.mapped or plan.residency != "streamed")


@dataclass(frozen=True)
class Subject:
    """The model that is planned for. source_dtype: how its file keeps the weights ("F32", "BF16", "F16").

    variants: the files that there are of it; only what they allow is planned. Without any, everything that `f5lite convert`
    could make counts. sound: `Plan.sounds_like` -> word error rate in percent, where it was measured.
    """

    config: ModelConfig
    source_dtype: str = "F32"
    reference_seconds: float = 3.0
    sound: Mapping[str, float] = field(default_factory=dict)
    variants: tuple[Variant, ...] = ()

    def variant(self, plan: Plan) -> Variant | None:
        """The file that a plan runs from; None where no files are known, or none allows it."""
        return next((one for one in self.variants if one.runs(plan)), None)

    def dtype_for(self, plan: Plan) -> str:
        """How the weights that a plan uses are kept."""
        one = self.variant(plan)
        return self.source_dtype if one is None else one.source_dtype


@dataclass(frozen=True)
class Wishes:
    """What the caller insists on; None leaves it open."""

    precision: str | None = None
    steps: int | None = None
    residency: str | None = None
    engine: str | None = None
    guidance: float = 2.0
    worst_word_error: float | None = None  # percent


@dataclass(frozen=True)
class Rejected:
    """A plan that wasn't taken, and why."""

    plan: Plan
    cost: Cost
    why: str


@dataclass(frozen=True)
class Decision:
    """`plan` is None when none fits: `smallest` is then the least that would. `why` says what decided."""

    plan: Plan | None
    cost: Cost | None
    why: str
    smallest: tuple[Plan, Cost]
    rejected: tuple[Rejected, ...] = ()
