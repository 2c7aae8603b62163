"""Layers whose weights stay as they lie in the file: int8 with scales, or bf16; and putting them into any model."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from f5lite.model.acoustic import Attention
from f5lite.shrink.int8.engines import Engine, product_in_pieces
from f5lite.shrink.int8.lean import LeanBlock, fuse_projection
from f5lite.shrink.int8.quantise import dequantise, quantise_rows


class Int8Linear(nn.Module):
    """A linear layer with weight (out, in) int8 and a scale an output channel. `engine` does the product."""

    def __init__(
        self, weight: torch.Tensor, weight_scale: torch.Tensor, bias: torch.Tensor | None, engine: Engine
    ):
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("weight_scale", weight_scale)
        self.register_buffer("bias", bias)
        self.engine = engine
        self.out_features, self.in_features = weight.shape

    @classmethod
    def of(cls, linear: nn.Linear, engine: Engine) -> Int8Linear:
        """A float layer, quantised."""
        bias = None if linear.bias is None else linear.bias.detach().float()
        return cls(*quantise_rows(linear.weight), bias, engine)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.engine.linear(x, self.weight, self.weight_scale, self.bias)

    def float_weight(self) -> torch.Tensor:
        """The weight as the file means it, (out, in) float32, in memory of its own."""
        return dequantise(self.weight, self.weight_scale)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, engine={self.engine.name}"


class HalfLinear(nn.Module):
    """A linear layer with bf16 weights, made float32 in pieces as they are used. b … in -> b … out float32."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None):
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.out_features, self.in_features = weight.shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return product_in_pieces(x, self.weight, None, self.bias)


class HalfEmbedding(nn.Module):
    """An embedding table in bf16: only the rows in use are made float32."""

    def __init__(self, weight: torch.Tensor):
        super().__init__()
        self.register_buffer("weight", weight)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return F.embedding(tokens, self.weight).float()


def apply(
    model: nn.Module,
    engine: Engine,
    wanted: Callable[[str, nn.Linear], bool] = lambda name, layer: True,
    fuse: bool = True,
) -> nn.Module:
    """Quantise the linear layers of any model in place, where `wanted(name, layer)` says so. Works on foreign models too.

    fuse: one product for q, k and v, in f5lite's own attention where all three are wanted.
    """
    chosen = [n for n, m in model.named_modules() if isinstance(m, nn.Linear) and wanted(n, m)]
    for name in chosen:
        owner, _, leaf = name.rpartition(".")
        setattr(
            model.get_submodule(owner) if owner else model,
            leaf,
            Int8Linear.of(model.get_submodule(name), engine),
        )
    if fuse:
        for module in list(model.modules()):
            if isinstance(module, Attention):
                parts = (module.to_q, module.to_k, module.to_v)
                if all(isinstance(part, Int8Linear) for part in parts):
                    joined = (
                        torch.cat([getattr(p, n) for p in parts]) for n in ("weight", "weight_scale", "bias")
                    )
                    fuse_projection(module, Int8Linear(*joined, engine))
    return model


def set_engine(model: nn.Module, engine: Engine, wanted: Callable[[str], bool] = lambda name: True) -> int:
    """Give every int8 layer that `wanted(name)` another engine; returns how many there were.

    A fused block, which has one product for all its layers, calls them one by one again if one of them is among these.
    """
    chosen = {m for n, m in model.named_modules() if isinstance(m, Int8Linear) and wanted(n)}
    for layer in chosen:
        layer.engine = engine
    for block in model.modules():
        if isinstance(block, LeanBlock) and not chosen.isdisjoint(block.modules()):
            block.by_layers()
    return len(chosen)
