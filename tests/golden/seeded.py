"""Random numbers that never change: numpy's frozen MT19937 stream, one stream per name.

Golden files store what upstream answered, not what it was asked: weights and inputs are drawn again from these streams,
on both sides.
"""

from __future__ import annotations

import hashlib
import math
import zlib

import numpy as np

DROPPED = ("freqs_cis", "inv_freq", "mel_spec", "rotary_embed")  # constants that a model computes for itself


def stream(*name: object) -> np.random.RandomState:
    """A generator that depends only on its name. RandomState is numpy's legacy class: its output is promised not to change."""
    return np.random.RandomState(zlib.crc32("/".join(map(str, name)).encode()))


def normal(shape: tuple[int, ...], *name: object) -> np.ndarray:
    """Standard normal values, float32."""
    return stream(*name).standard_normal(shape).astype(np.float32)


def weights(shapes: dict[str, tuple[int, ...]], *name: object) -> dict[str, np.ndarray]:
    """A value for every parameter, none of them zero, sized so that signals neither die out nor explode."""
    return {key: _weight(key, tuple(shape), *name) for key, shape in sorted(shapes.items())}


def _weight(key: str, shape: tuple[int, ...], *name: object) -> np.ndarray:
    values = normal(shape, *name, key)
    if key.endswith("bias"):
        return 0.1 * values
    if "text_embed.text_embed" in key:
        return values
    if "grn." in key or key.endswith(("gamma", "beta")):
        return 0.5 * values
    if len(shape) == 1:  # the gain of a normalisation
        return 1 + 0.1 * values
    fan_in = math.prod(shape[1:])
    if ".to_q." in key or ".to_k." in key:
        values = 2 * values  # so that attention chooses: near even weights would hide a mistake in its scores
    return values / np.float32(math.sqrt(fan_in))


def fingerprint(arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 over names, shapes and bytes: tells a drifted generator from a drifted model."""
    digest = hashlib.sha256()
    for key in sorted(arrays):
        value = np.ascontiguousarray(arrays[key], dtype="<f4")
        digest.update(f"{key}{value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
