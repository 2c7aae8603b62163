"""Convolutions whose weights stay bf16 as they lie in the file, and in which format they are computed here.

With AMX or AVX-512's bf16 instructions the position convolutions of v1 Base take a third of the time in bf16: a tenth of a
whole int8 pass. Elsewhere bf16 is slower than float32. With AVX-512 VNNI the compiled library does them in 16-bit integers
(cpp/convolution.h), which are finer than bf16. So they are timed, once a machine.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from f5lite import machine
from f5lite.shrink.attention.timing import interleaved
from f5lite.shrink.int8.engines import ENGINES, Engine

WIDE = 512  # channels; narrower ones stay as they are: there is little to gain
PAIR, FRAMES = 2, 192  # what is timed
ROUNDS = 7
WORTH = 1.25  # what rounding must gain before it is taken
FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int16": torch.int16}
BESIDE = 32  # numbers of a group that integers take at a time


class HalfConvolution(nn.Module):
    """A one-dimensional convolution with bf16 weights, one group at a time; b d n -> b d n, float32.

    dtype: what is multiplied. In float32 a group's weights are made so as they are used; in bf16 the frames are rounded, and
    so is what comes out, to which the bias is then added in float32; in int16 frames and weights are 16 bits of the largest.
    """

    def __init__(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        like: nn.Conv1d | HalfConvolution,
        groups: int | None = None,
    ):
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.groups = groups or like.groups
        self.padding, self.stride, self.dilation = like.padding, like.stride, like.dilation
        self.dtype = torch.float32
        self.library: Path | None = None  # the compiled one, if integers are to be used

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.dtype == torch.int16:
            return in_integers(x, self.weight, self.bias, self.groups, self.library)
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
            layer.library = library() if layer.dtype == torch.int16 else None
            count += layer.dtype != torch.float32
    return count


def faster(layer: HalfConvolution) -> str:
    """The format, measured now (a tenth of a second) unless an earlier measurement is kept; "float32" if it may not be."""
    channels, width, kernel = layer.weight.shape
    usual, able = "float32", formats(layer)
    if layer.weight.device.type != "cpu" or channels < WIDE or layer.groups == 1 or len(able) < 2:
        return usual
    more = "-int16" if "int16" in able else ""
    name = f"convolution-{channels}-{layer.groups}x{width}x{kernel}-{torch.get_num_threads()}t{more}"
    if machine.quick() and not machine.calibration_path(name).is_file():
        return usual
    kept = machine.calibration(name, lambda: measure(layer))
    try:
        return choose({each: kept[each] for each in able})
    except (KeyError, TypeError, ValueError):
        return usual


def formats(layer: HalfConvolution) -> list[str]:
    """What it can be computed in here."""
    found = ["float32"]
    if not ENGINES["bf16"].problem():
        found.append("bfloat16")
    if suits(layer) and library() is not None:
        found.append("int16")
    return found


def suits(layer: HalfConvolution) -> bool:
    """Whether integers can do it: as many frames come out as went in, whole vectors of channels."""
    made, wide, taps = layer.weight.shape
    plain = (
        layer.stride == (1,) and layer.dilation == (1,) and layer.padding == (taps // 2,) and taps % 2 == 1
    )
    return plain and wide % BESIDE == 0 and made // layer.groups % BESIDE == 0


def measure(layer: HalfConvolution) -> dict[str, float]:
    """Seconds of some groups in each format, the best of some turns: other work only ever adds."""
    groups = min(layer.groups, torch.get_num_threads())  # of integers every thread takes one
    made = layer.weight.shape[0] // layer.groups * groups
    few = HalfConvolution(layer.weight[:made], None, layer, groups)
    few.library = library()
    x = torch.zeros(PAIR, FRAMES, layer.weight.shape[1] * groups).transpose(1, 2)

    def once(dtype: torch.dtype) -> torch.Tensor:
        few.dtype = dtype
        return few(x)

    with torch.inference_mode():
        calls = {name: (lambda dtype=FORMATS[name]: once(dtype)) for name in formats(layer)}
        return {name: min(taken) for name, taken in interleaved(calls, ROUNDS).items()}


def choose(seconds: dict[str, float]) -> str:
    """The fastest where it gains enough over float32. Pure."""
    best = min(seconds, key=seconds.__getitem__)
    return best if seconds[best] * WORTH < seconds["float32"] else "float32"


def in_integers(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, groups: int, library: Path
) -> torch.Tensor:
    """x: b d n, weight: bf16, as `F.conv1d` with half a kernel of zeros at both ends -> b d n float32, which lies by frames.

    What isn't a finite number makes its item's group NaN.
    """
    made, wide, taps = weight.shape
    lying, weight = x.float().transpose(1, 2).contiguous(), weight.contiguous()
    bias = None if bias is None else bias.float().contiguous()
    items, frames, _ = lying.shape
    out = torch.empty(items, frames, made)
    if out.numel():
        sizes = (items, frames, groups, wide, made // groups, taps)
        place = None if bias is None else bias.data_ptr()
        call = _loaded(library)
        call(lying.data_ptr(), weight.data_ptr(), place, *sizes, out.data_ptr(), torch.get_num_threads())
    return out.transpose(1, 2)


def library() -> Path | None:
    """The compiled library, if it is there and can do it here."""
    from f5lite.shrink.int8 import compiled

    found = None if compiled.missing() else compiled.library()
    return found if found and _loaded(found) else None


@functools.cache
def _loaded(library: Path) -> Callable[..., None] | None:
    from f5lite.shrink.int8.own import forbidden

    try:
        loaded = ctypes.CDLL(str(library))
        if forbidden("VNNI") or not loaded.convolution_int16_allowed():
            return None
        call = loaded.convolution_int16
    except (OSError, AttributeError):
        return None
    p, n, i = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32
    call.argtypes, call.restype = [p, p, p, n, n, i, i, i, i, p, i], None
    return call
