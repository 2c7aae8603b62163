"""What a plan costs: MB and seconds for one chunk, from the configuration and from what was measured here. Pure."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from f5lite.model.anatomy import operations, total
from f5lite.model.config import ModelConfig
from f5lite.plan.plans import Cost, Plan, Speeds, Subject

MB = 1e6
REFERENCE_FRAMES = 512  # calibrations are of passes at this length
# Measured over imports on Linux x86-64 with torch 2.13 (tests compare with the meter): pages of torch's own libraries that a
# request touches, small allocations, and buffers per frame in units of the widest layer's float32 row.
LIBRARY_PAGES, SMALL_THINGS = 28.0, 10.0  # MB
ROWS_HELD = {"text": 7.0, "acoustic": 28.0, "vocoder": 15.0}
# Blocks of a converted model work in place (`shrink.int8.lean`); an int8 product has tensors of its own.
LEAN_ROWS_HELD = {
    "reference": 18.0,
    "onednn": 20.0,
    "torch": 14.0,
    "fused": 19.0,  # 17 where its own product keeps no sums (AMX), 21 where they have a place (VNNI)
    "bf16": 17.0,
    "bitsandbytes": 28.0,
    "bf16 file": 19.0,
}
ENGINE_LIBRARIES = {"bitsandbytes": 136.0}  # MB of what an engine imports itself, most of it anonymous
# The ceiling set for a streamed pass over a mapped one, not a measurement: so streaming is never taken for speed.
STREAMED_COST = 1.3
LOADED = 2000.0  # MB of weights a second that a stage which isn't kept takes to come back, about; breaks ties, no more


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
    weights = weight_megabytes(config, plan)
    held = buffers(
        config, frames, plan.guidance > 0, "bf16 file" if plan.precision == "bf16" else plan.engine
    )
    copied = plan.precision == "fp32" and subject.dtype_for(plan) != "F32"  # widened into memory of its own
    part = "block" if plan.residency == "streamed" and not copied else "all"
    sizes = {stage: weights[stage][part] for stage in weights}
    # Kept stages release nothing between them, and the allocator keeps its freed pages.
    if plan.residency == "resident":
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
    again = 0.0 if plan.residency == "resident" else sum(w["all"] for w in weights.values()) / LOADED
    extra = SMALL_THINGS + ENGINE_LIBRARIES.get(plan.engine, 0.0)
    return Cost(
        LIBRARY_PAGES + extra + peak,
        extra + anonymous,
        passes * seconds * work * streamed + again,
        frames,
    )
