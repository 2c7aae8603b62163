"""Measure this machine once: seconds of a pass by precision and engine, as `Speeds` for the planner.

One DiT block of the model's width, on the guided pair at 512 frames, times the number of blocks; all kinds in turn, in a
process of its own. Kept with the machine's card, so the next call costs nothing.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from f5lite import machine
from f5lite.model.config import ModelConfig
from f5lite.plan.costs import REFERENCE_FRAMES
from f5lite.plan.plans import Speeds

REPEATS, FIRST_LOOK = 5, 4  # the first look is at a quarter of the frames
SLOW = 4.0  # an engine that takes that many times as long as fp32 at the first look isn't measured further


def measured(config: ModelConfig, *, refresh: bool = False) -> Speeds:
    """The speeds of this model on this machine: seconds of one pass at 512 frames. Takes some seconds the first time."""
    times = passes(config, refresh=refresh)
    return Speeds({kind: min(taken) for kind, taken in times.items()})  # other work only ever adds


def passes(config: ModelConfig, *, refresh: bool = False) -> dict[tuple[str, str], list[float]]:
    """(precision, engine) -> seconds of a pass, each time that it was measured. Engines that can't run here are missing."""
    dit = config.dit
    name = f"passes-{dit.dim}x{dit.heads}x{dit.dim_head}x{dit.ff_mult}"

    def measure() -> dict[str, list[float]]:
        from f5lite.memory import meter

        return meter.isolated(block_times, config).result

    found: dict[str, Any] = machine.calibration(name, measure, refresh=refresh)
    if set(found) != set(_kinds()):  # an engine came or went since
        found = machine.calibration(name, measure, refresh=True)
    times = {
        (precision, engine): [dit.depth * seconds for seconds in taken]
        for (precision, engine), taken in ((_split(kind), taken) for kind, taken in found.items())
    }
    return times | _compiled(config, times)


def _compiled(
    config: ModelConfig, times: dict[tuple[str, str], list[float]]
) -> dict[tuple[str, str], list[float]]:
    """The engine "fused", which has to be compiled first: from the comparison that `auto` keeps, where it took part in one."""
    from f5lite.shrink.int8 import auto

    kept = auto.kept(config.dit)
    seconds = {} if kept is None else kept.seconds
    both = next((name for name in seconds if ("int8", name) in times), None)
    if "fused" not in seconds or both is None:
        return {}
    share = seconds["fused"] / seconds[both]
    return {("int8", "fused"): [share * taken for taken in times["int8", both]]}


def _split(kind: str) -> tuple[str, str]:
    precision, _, engine = kind.partition("/")
    return precision, engine


def _kinds() -> list[str]:
    """What is worth measuring. Not oneDNN's unsigned product: packed slowly at every call, it is no choice where it is taken,
    and one warm block says too little about a pass of it."""
    from f5lite.shrink.int8 import products
    from f5lite.shrink.int8.engines import ENGINES

    return [
        "fp32/float",
        "bf16/float",
        *(
            f"int8/{name}"
            for name, one in ENGINES.items()
            if one.problem() is None and getattr(one, "product", None) is not products.ONEDNN_UNSIGNED
        ),
    ]


def block_times(
    config: ModelConfig, frames: int = REFERENCE_FRAMES, repeats: int = REPEATS
) -> dict[str, list[float]]:
    """Seconds of one block by "precision/engine". Weights are seeded; float32 with subnormals would be slower, so none are."""
    import torch

    one = replace(config, dit=replace(config.dit, depth=1))
    generator = torch.Generator().manual_seed(0)
    pair = torch.randn(2, frames, config.dit.dim, generator=generator)
    times: dict[str, list[float]] = {kind: [] for kind in _kinds()}

    def take(dit: Any, frames: int) -> float:
        begin = time.perf_counter()
        dit.flow(pair[:, :frames], torch.tensor(0.5))
        return time.perf_counter() - begin

    with torch.inference_mode():
        blocks = {kind: _dit(one, *_split(kind)) for kind in times}
        few = max(1, frames // FIRST_LOOK)
        take(blocks["fp32/float"], few)
        looks = {kind: take(dit, few) for kind, dit in blocks.items()}
        for kind, look in looks.items():
            if look > SLOW * looks["fp32/float"]:
                times[kind] = [look * frames / few]
                del blocks[kind]
        for number in range(repeats + 1):
            for kind, dit in blocks.items():
                taken = take(dit, frames)
                if number:  # the first round warms up
                    times[kind].append(taken)
    return times


def _dit(config: ModelConfig, precision: str, engine: str) -> Any:
    """A seeded DiT of this configuration whose blocks' large layers are of one kind, as `load_stage` makes them."""
    import torch
    from torch import nn

    from f5lite.model.acoustic import DiT
    from f5lite.shrink.int8.engines import ENGINES
    from f5lite.shrink.int8.layers import HalfLinear, apply
    from f5lite.shrink.int8.lean import make_lean

    torch.manual_seed(0)
    dit = DiT(config.dit).eval()
    if precision == "fp32":
        return dit
    for block in dit.transformer_blocks:
        make_lean(block)
        for part in (block.attn, block.ff):
            if precision == "int8":
                apply(part, ENGINES[engine])
                continue
            for owner in list(part.modules()):
                for leaf, layer in list(owner.named_children()):
                    if isinstance(layer, nn.Linear):
                        setattr(owner, leaf, HalfLinear(layer.weight.bfloat16(), layer.bias))
    return dit
