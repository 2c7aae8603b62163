"""How to run: a `Plan`, what it costs, and `plan_for`, which picks one that fits a budget. Pure: nothing is measured here.

Costs are worked out from the configuration and from what was measured on the machine before (`machine` below). A plan's
sound is known only where it was measured; what wasn't measured is never preferred to what was.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from f5lite.model.anatomy import operations, total
from f5lite.model.config import ModelConfig

MB = 1e6
REFERENCE_FRAMES = 512  # calibrations are of passes at this length
# Measured over imports on Linux x86-64 with torch 2.13 (tests compare with the meter): pages of torch's own libraries that a
# request touches, small allocations, and buffers per frame in units of the widest layer's float32 row.
LIBRARY_PAGES, SMALL_THINGS = 28.0, 10.0  # MB
ROWS_HELD = {"text": 7.0, "acoustic": 28.0, "vocoder": 15.0}
# Blocks of a converted model work in place (`shrink.int8.lean`); an int8 product has tensors of its own, the reference hasn't.
LEAN_ROWS_HELD = {"reference": 17.0, "torch": 29.0}
# The ceiling set for a streamed pass over a mapped one, not a measurement: so streaming is never taken for speed.
STREAMED_COST = 1.3
SHORTEST_CHUNK = 4.0  # seconds that a reference and its chunk take together at the least
RESIDENCIES = ("resident", "on-demand", "streamed")
STEPS = (32, 16, 7)


@dataclass(frozen=True)
class Plan:
    """One way to run. precision: "fp32", "bf16" or "int8"; folded: AdaLN as a table for `steps`; engine: of int8 products."""

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
    """What was measured on this machine at REFERENCE_FRAMES: seconds of one pass by (precision, engine).

    An engine that isn't listed can't run here. `fp32` is always listed; 1.0 where nothing was measured.
    """

    passes: Mapping[tuple[str, str], float] = field(default_factory=lambda: {("fp32", "float"): 1.0})
    attention: str = "sdpa"


@dataclass(frozen=True)
class Subject:
    """The model that is planned for. source_dtype: how its file keeps the weights ("F32", "BF16", "F16")."""

    config: ModelConfig
    source_dtype: str = "F32"
    reference_seconds: float = 3.0
    sound: Mapping[str, float] = field(default_factory=dict)  # `Plan.sounds_like` -> word error rate, percent


@dataclass(frozen=True)
class Wishes:
    """What the caller insists on; None leaves it open."""

    precision: str | None = None
    steps: int | None = None
    residency: str | None = None
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


def weight_megabytes(config: ModelConfig, plan: Plan) -> dict[str, dict[str, float]]:
    """MB of the weights by stage: `all`, and `block`, the largest group that streaming keeps at a time."""
    return _weight_megabytes(config, plan.precision, plan.folded, plan.steps if plan.folded else 0)


@functools.lru_cache(maxsize=256)
def _weight_megabytes(
    config: ModelConfig, precision: str, folded: bool, steps: int
) -> dict[str, dict[str, float]]:
    from f5lite.shrink.int8.layout import group_of
    from f5lite.shrink.int8.plan import expected, kinds, tensors

    sizes: dict[str, dict[str, float]] = {}
    for vocoder in (False, True):
        shapes = expected(config, vocoder)
        if precision == "fp32":
            named = [(name, 4 * _product(shape)) for name, shape in shapes.items()]
        else:
            kept = kinds(shapes, precision, not folded, vocoder)
            written = tensors(kept, config, steps if folded and not vocoder else None, vocoder)
            named = [(one.name, one.bytes) for one in written]
        for name, size in named:
            stage = "vocoder" if vocoder else "text" if name.startswith("text_embed.") else "acoustic"
            group = group_of(name, vocoder)
            groups = sizes.setdefault(stage, {})
            groups[group] = groups.get(group, 0.0) + size / MB
    return {stage: _summary(groups) for stage, groups in sizes.items()}


def _summary(groups: dict[str, float]) -> dict[str, float]:
    """Groups named after a block ("transformer_blocks.3") stream; what has no number stays."""
    blocks = [size for name, size in groups.items() if any(part.isdigit() for part in name.split("."))]
    whole = sum(groups.values())
    return {"all": whole, "block": whole - sum(blocks) + max(blocks, default=0.0)}


def _product(shape: Iterable[int]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size


def buffers(config: ModelConfig, frames: int, guided: bool = True, engine: str = "float") -> dict[str, float]:
    """MB of buffers at the busiest moment of each stage. Attention must not hold its scores (`math` does)."""
    held = ROWS_HELD | ({"acoustic": LEAN_ROWS_HELD[engine]} if engine in LEAN_ROWS_HELD else {})
    widths = {"text": config.dit.text_dim, "acoustic": config.dit.dim, "vocoder": config.vocos.dim}
    halves = 2 if guided else 1
    rows = {"text": 1, "acoustic": halves / 2, "vocoder": 1}
    return {s: held[s] * rows[s] * frames * widths[s] * 4 / MB for s in widths}


def frames_of(config: ModelConfig, plan: Plan) -> int:
    """Frames of a whole chunk, reference included."""
    return int(plan.chunk_seconds * config.mel.frames_per_second)


def cost(subject: Subject, plan: Plan, speeds: Speeds | None = None, frames: int | None = None) -> Cost:
    """What a plan will take for one chunk of its full length, or of `frames`."""
    speeds, config = speeds or Speeds(), subject.config
    frames = frames or frames_of(config, plan)
    weights, held = weight_megabytes(config, plan), buffers(config, frames, plan.guidance > 0, plan.engine)
    copied = plan.precision == "fp32" and subject.source_dtype != "F32"  # widened into memory of its own
    part = "block" if plan.residency == "streamed" and not copied else "all"
    sizes = {stage: weights[stage][part] for stage in weights}
    if (
        plan.residency == "resident"
    ):  # nothing is released between the stages, the allocator's freed pages neither
        together = sum(sizes.values())
        sizes, held = {"all": together}, {"all": max(held.values())}
    peak = max(sizes[stage] + held[stage] for stage in sizes)
    anonymous = max(held[stage] + (sizes[stage] if copied else 0.0) for stage in sizes)
    seconds = speeds.passes.get((plan.precision, plan.engine), speeds.passes[("fp32", "float")])
    passes = plan.steps * (1 if plan.guidance > 0 else 0.5)
    work = total(operations(config, frames, 1), "acoustic") / total(
        operations(config, REFERENCE_FRAMES, 1), "acoustic"
    )
    streamed = STREAMED_COST if plan.residency == "streamed" else 1.0
    return Cost(
        LIBRARY_PAGES + SMALL_THINGS + peak,
        SMALL_THINGS + anonymous,
        passes * seconds * work * streamed,
        frames,
    )


def candidates(subject: Subject, speeds: Speeds, wishes: Wishes = Wishes()) -> list[Plan]:
    """Every way to run that the machine and the wishes allow."""
    full = subject.config.chunk_seconds
    shortest = max(SHORTEST_CHUNK, subject.reference_seconds + 2.0)
    chunks = sorted({min(full, max(shortest, full / parts)) for parts in (1, 2, 4)})
    plans = []
    for (precision, engine), residency, steps, chunk in itertools.product(
        speeds.passes, RESIDENCIES, STEPS, chunks
    ):
        for folded in (False, True) if precision != "fp32" else (False,):
            plan = Plan(precision, folded, residency, engine, speeds.attention, steps, wishes.guidance, chunk)
            if wishes.steps is not None:
                plan = replace(plan, steps=wishes.steps)
            if wishes.precision in (None, precision) and wishes.residency in (None, residency):
                plans.append(plan)
    return list(dict.fromkeys(plans))


def plan_for(
    budget_mb: float | None, subject: Subject, machine: Speeds | None = None, wishes: Wishes | None = None
) -> Decision:
    """The best-sounding plan that fits `budget_mb` (peak RSS over imports; None for no limit), then the fastest.

    A plan whose sound was measured comes before every one whose sound wasn't; among those, what changes least (more bits,
    more steps) comes first, since nothing better is known of it.
    """
    speeds, wishes = machine or Speeds(), wishes or Wishes()
    priced = [(plan, cost(subject, plan, speeds)) for plan in candidates(subject, speeds, wishes)]
    if not priced:
        raise ValueError(f"no plan fits the wishes {wishes}; the machine has {sorted(speeds.passes)}")
    smallest = min(priced, key=lambda pair: pair[1].peak_rss_mb)
    fits, rejected = [], []
    for plan, price in priced:
        heard = subject.sound.get(plan.sounds_like)
        if budget_mb is not None and price.peak_rss_mb > budget_mb:
            over = price.peak_rss_mb - budget_mb
            rejected.append(
                Rejected(plan, price, f"needs {price.peak_rss_mb:.0f} MB, {over:.0f} over the budget")
            )
        elif wishes.worst_word_error is not None and heard is None:
            rejected.append(
                Rejected(plan, price, "its word error rate wasn't measured, and a limit was asked for")
            )
        elif wishes.worst_word_error is not None and heard > wishes.worst_word_error:
            rejected.append(
                Rejected(plan, price, f"word error rate {heard:.1f} %, over {wishes.worst_word_error:g} %")
            )
        else:
            fits.append((plan, price))
    if not fits:
        plan, price = smallest
        return Decision(
            None,
            None,
            f"nothing fits: the smallest plan needs {price.peak_rss_mb:.0f} MB ({plan})",
            smallest,
            tuple(rejected),
        )
    fits.sort(key=lambda pair: _rank(subject, *pair))
    chosen, price = fits[0]
    for plan, other in fits[1:]:
        rejected.append(Rejected(plan, other, _why_not(subject, chosen, price, plan, other)))
    return Decision(chosen, price, _why(subject, chosen, price, budget_mb), smallest, tuple(rejected))


def _rank(subject: Subject, plan: Plan, price: Cost) -> tuple:
    heard = subject.sound.get(plan.sounds_like)
    bits = {"fp32": 0, "bf16": 1, "int8": 2}[plan.precision]
    unmeasured = (bits, -plan.steps) if heard is None else (0, 0)
    pace = round(_pace(subject, price), 9)
    return (heard is None, round(heard or 0.0, 1), *unmeasured, pace, -plan.chunk_seconds, price.peak_rss_mb)


def _pace(subject: Subject, price: Cost) -> float:
    """Seconds of work for a frame of new speech: every chunk carries the reference along."""
    new = price.frames - subject.reference_seconds * subject.config.mel.frames_per_second
    return price.seconds / max(1.0, new)


def _why(subject: Subject, plan: Plan, price: Cost, budget_mb: float | None) -> str:
    heard = subject.sound.get(plan.sounds_like)
    sound = "its sound wasn't measured" if heard is None else f"word error rate {heard:.1f} %"
    room = "no limit" if budget_mb is None else f"{price.peak_rss_mb:.0f} of {budget_mb:.0f} MB"
    return f"{room}; {sound}; the fastest of those"


def _why_not(subject: Subject, chosen: Plan, price: Cost, plan: Plan, other: Cost) -> str:
    here, there = subject.sound.get(chosen.sounds_like), subject.sound.get(plan.sounds_like)
    if there is None and here is not None:
        return "its sound wasn't measured"
    if here is not None and there is not None and round(there, 1) > round(here, 1):
        return f"word error rate {there:.1f} %, the chosen one's {here:.1f} %"
    if there is None and (plan.precision, plan.steps) != (chosen.precision, chosen.steps):
        return "changes the sound more, as far as is known"
    if (slower := _pace(subject, other) / _pace(subject, price)) > 1:
        return f"{slower:.1f} × the time"
    if plan.chunk_seconds < chosen.chunk_seconds:
        return "cuts the text into more pieces, for nothing"
    return "needs more memory, for nothing"
