"""Convolutions whose weights stay bf16 as they lie in the file, and in which format they are computed here.

With AMX or AVX-512's bf16 instructions the position convolutions of v1 Base take a third of the time in bf16: a tenth of a
whole int8 pass. Elsewhere bf16 is slower than float32. So it is timed, once a machine.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from f5lite import machine
from f5lite.shrink.attention.timing import interleaved
from f5lite.shrink.int8.engines import ENGINES, Engine

WIDE = 512  # channels; narrower ones stay as they are: there is little to gain
PAIR, FRAMES = 2, 192  # what is timed
ROUNDS = 7
WORTH = 1.25  # what rounding the frames to bf16 must gain before it is taken
FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class HalfConvolution(nn.Module):
    """A one-dimensional convolution with bf16 weights, one group at a time; b d n -> b d n, float32.

    dtype: what is multiplied. In float32 a group's weights are made so as they are used; in bf16 the frames are rounded, and
    so is what comes out, to which the bias is then added in float32.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, like: nn.Conv1d):
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.groups, self.padding, self.stride, self.dilation = (
            like.groups,
            like.padding,
            like.stride,
            like.dilation,
        )
        self.dtype = torch.float32

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        exact = self.dtype == torch.float32
        biases = (None,) * self.groups
        if exact and self.bias is not None:
            biases = self.bias.chunk(self.groups)
        parts = zip(
            x.to(self.dtype).chunk(self.groups, 1), self.weight.chunk(self.groups), biases, strict=True
        )
        found = [
            F.conv1d(part, w.to(self.dtype), bias, self.stride, self.padding, self.dilation)
            for part, w, bias in parts
        ]
        out = torch.cat(found, 1).float()
        return out if exact or self.bias is None else out.add_(self.bias[:, None])


def install(model: nn.Module, engine: Engine) -> int:
    """Let a model's wide grouped convolutions be computed in the format that is faster here; returns how many aren't float32.

    Not with the exact engine, nor on another device than a CPU, where nothing is timed.
    """
    count = 0
    for layer in model.modules():
        if isinstance(layer, HalfConvolution) and engine.name != "reference":
            layer.dtype = FORMATS[faster(layer)]
            count += layer.dtype != torch.float32
    return count


def faster(layer: HalfConvolution) -> str:
    """The format, measured now (a tenth of a second) unless an earlier measurement is kept; "float32" if it may not be."""
    channels, width, kernel = layer.weight.shape
    usual = "float32"
    if layer.weight.device.type != "cpu" or channels < WIDE or layer.groups == 1 or ENGINES["bf16"].problem():
        return usual
    name = f"convolution-{channels}-{layer.groups}x{width}x{kernel}-{torch.get_num_threads()}t"
    if machine.quick() and not machine.calibration_path(name).is_file():
        return usual
    kept = machine.calibration(name, lambda: measure(layer))
    try:
        return choose(kept)
    except (KeyError, TypeError, ValueError):
        return usual


def measure(layer: HalfConvolution) -> dict[str, float]:
    """Seconds of one group in each format, the best of some turns: other work only ever adds."""
    each = layer.weight.shape[0] // layer.groups
    x = torch.zeros(PAIR, layer.weight.shape[1], FRAMES)

    def once(dtype: torch.dtype) -> torch.Tensor:
        weight = layer.weight[:each].to(dtype)
        return F.conv1d(x.to(dtype), weight, None, layer.stride, layer.padding, layer.dilation).float()

    with torch.inference_mode():
        calls = {name: (lambda dtype=dtype: once(dtype)) for name, dtype in FORMATS.items()}
        return {name: min(taken) for name, taken in interleaved(calls, ROUNDS).items()}


def choose(seconds: dict[str, float]) -> str:
    """bf16 where it gains enough. Pure."""
    return "bfloat16" if seconds["bfloat16"] * WORTH < seconds["float32"] else "float32"
