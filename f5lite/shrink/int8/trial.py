"""One block of a model's shape with every engine that runs here, ready to be timed and held against float64."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from f5lite.model.acoustic import DiTBlock, rotary
from f5lite.model.config import DiTConfig
from f5lite.shrink.int8 import compiled, engines, fused
from f5lite.shrink.int8.layers import apply, set_engine
from f5lite.shrink.int8.lean import make_lean
from f5lite.shrink.int8.products import Product

Run = Callable[[torch.Tensor], torch.Tensor]


def block(config: DiTConfig, seed: int = 0) -> DiTBlock:
    """A block with seeded weights, its own modulation left out, working in place where it can."""
    made = DiTBlock(config).eval()
    made.attn_norm = None
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in made.named_parameters():
        parameter.data.normal_(1.0 if "_norm." in name else 0.0, 0.02, generator=generator)
    make_lean(made)
    return made


class Exact:
    """The arithmetic that engines are held against: float64 on the same int8 weights."""

    name = "exact"

    def linear(
        self, x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        return nn.functional.linear(x.double(), weight.double() * scale.double()[:, None], bias)


def blocks(
    config: DiTConfig,
    names: Iterable[str],
    compiled_product: Product | None = None,
    seed: int = 0,
) -> dict[str, Run]:
    """One int8 block of the shape as functions of b n d, by engine that can run here; "exact" is float64.

    compiled_product: "fused" is among them, with that product; its code has to be compiled.
    """
    generator = torch.Generator().manual_seed(seed)
    modulation = 0.5 * torch.randn(1, 6 * config.dim, generator=generator)
    base = apply(block(config, seed), engines.ENGINES["reference"])

    def running(engine: Any, into: Callable[[DiTBlock], DiTBlock] = lambda made: made) -> Run:
        made = copy.deepcopy(base)
        set_engine(made, engine)
        into(made)
        return lambda x: made(x, modulation.to(x.dtype), None, rotary(x.shape[1], config.dim_head))

    runs = {name: running(each) for name, each in engines.ENGINES.items()
            if name in names and each.problem() is None}  # fmt: skip
    if compiled_product is not None:
        seams = compiled.load(fused.shape_of(config), compiled_product)
        runs["fused"] = running(engines.ENGINES["reference"], lambda made: fused.fuse(made, seams))
    runs["exact"] = running(Exact(), lambda made: made.double())
    return runs
