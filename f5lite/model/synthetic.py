"""Seeded weights in the published shapes, for questions of size and speed: same bytes, same arithmetic, no sound.

No layer is left at zero (training starts some there, and a zero layer would make speed and error look better).
"""

from __future__ import annotations

import json
import math
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from f5lite.errors import F5liteError
from f5lite.files import atomic, write_atomically
from f5lite.model.acoustic import DiT
from f5lite.model.checkpoint import CONFIG_KEY
from f5lite.model.config import SHAPES, ModelConfig
from f5lite.model.text import TextEmbedding
from f5lite.model.vocoder import Vocos

OUTLIERS, OUTLIER_SIZE = 8, 20.0  # channels of each large matrix that are made that many times larger


def parameters(config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Key and shape of every weight of an F5-TTS file, under upstream's names."""
    with torch.device("meta"):
        parts = (("text_embed.", TextEmbedding(config.dit)), ("", DiT(config.dit)))
    for prefix, module in parts:
        for name, parameter in module.named_parameters():
            yield f"ema_model.transformer.{prefix}{name}", tuple(parameter.shape)


def vocoder_parameters(config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The same for the vocoder's file."""
    with torch.device("meta"):
        module: nn.Module = Vocos(config.vocos, config.mel)
    for name, parameter in module.named_parameters():
        yield name, tuple(parameter.shape)


def weight(key: str, shape: tuple[int, ...], seed: int, outliers: bool) -> torch.Tensor:
    """One tensor, the same for the same key and seed whatever stands around it."""
    generator = torch.Generator().manual_seed((seed << 32) ^ zlib.crc32(key.encode()))
    value = torch.randn(shape, generator=generator)
    name = key.rsplit(".", 1)[-1]
    if len(shape) == 1 or name in ("gamma", "beta"):
        if name == "weight" or (name == "gamma" and "convnext" in key):  # a norm's scale, a layer scale
            return 1 + 0.05 * value if name == "weight" else 0.1 + 0.01 * value
        return 0.02 * value
    if "norm" in key and name == "weight":  # AdaLN
        value *= 0.3
    value *= 1 / math.sqrt(max(1, math.prod(shape[1:])))
    if outliers and len(shape) == 2 and min(shape) >= 64:
        rows = torch.randperm(shape[0], generator=generator)[:OUTLIERS]
        value[rows] *= OUTLIER_SIZE
    return value


def write_stream(
    path: Path, tensors: list[tuple[str, tuple[int, ...]]], make, metadata: dict[str, str]
) -> None:
    """A safetensors file of float32, written tensor by tensor, so that no more than one is in memory. Whole or not at all."""
    header: dict[str, object] = {"__metadata__": metadata}
    offset = 0
    for key, shape in tensors:
        stop = offset + 4 * math.prod(shape)
        header[key] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, stop]}
        offset = stop
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with atomic(path) as partial, open(partial, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for key, shape in tensors:
            file.write(make(key, shape).contiguous().numpy().tobytes())


def vocabulary(size: int) -> list[str]:
    """The space, printable ASCII, then symbols of the CJK block up to `size`."""
    symbols = [chr(c) for c in range(0x20, 0x7F)] + [chr(0x4E00 + i) for i in range(max(0, size - 95))]
    return symbols[:size]


def synthetic(
    shape: str | ModelConfig,
    folder: str | os.PathLike[str],
    *,
    blocks: int | None = None,
    seed: int = 0,
    outliers: bool = False,
) -> Path:
    """Write a model folder (`model.safetensors`, `vocoder.safetensors`, `vocab.txt`, `config.json`) and return it.

    `blocks`: that many DiT blocks instead of the shape's own; `outliers`: planted outlier channels. `f5lite.load`
    takes the folder.
    """
    if isinstance(shape, str):
        if shape not in SHAPES:
            raise F5liteError(f"no shape {shape!r}; there are {', '.join(SHAPES)}")
        shape = SHAPES[shape]
    config = shape.with_blocks(blocks) if blocks else shape
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(config.to_dict())

    def make(key: str, size: tuple[int, ...]) -> torch.Tensor:
        return weight(key, size, seed, outliers)

    write_stream(
        folder / "model.safetensors", list(parameters(config)), make, {CONFIG_KEY: text, "seed": str(seed)}
    )
    write_stream(folder / "vocoder.safetensors", list(vocoder_parameters(config)), make, {})
    write_atomically(folder / "vocab.txt", "\n".join(vocabulary(config.dit.text_num_embeds)) + "\n")
    write_atomically(folder / "config.json", json.dumps(config.to_dict(), indent=1) + "\n")
    return folder
