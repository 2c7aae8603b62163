"""A tensor of a file some rows at a time, read past the map: a file cut short is then an error and not a signal."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from f5lite.errors import F5liteError
from f5lite.model.checkpoint import Source
from f5lite.model.tensorfile import TensorFile

PIECE = 1 << 19  # numbers at a time: 2 MB of float32


def rows(source: Source, key: str) -> Iterator[torch.Tensor]:
    """The tensor's rows in order, at most `PIECE` numbers at a time (one row at least), in memory of their own."""
    if not isinstance(source, TensorFile):
        whole = source.view(key)
        yield from (
            (piece.clone() for piece in whole.split(_count(tuple(whole.shape)))) if whole.ndim else (whole,)
        )
        return
    entry = source.entries[key]
    if not entry.shape or not entry.bytes:
        yield source.read(key)
        return
    count, width = _count(entry.shape), math.prod(entry.shape[1:])
    with open(source.path, "rb") as file:
        file.seek(entry.start)
        for first in range(0, entry.shape[0], count):
            shape = (min(count, entry.shape[0] - first), *entry.shape[1:])
            raw = bytearray(shape[0] * width * entry.dtype.itemsize)
            if file.readinto(raw) != len(raw):
                raise F5liteError(
                    f"{source.path} was cut short while it was read; is something writing to it?"
                )
            yield torch.frombuffer(raw, dtype=entry.dtype).view(shape)


def _count(shape: tuple[int, ...]) -> int:
    return max(1, PIECE // max(1, math.prod(shape[1:])))
