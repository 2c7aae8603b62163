"""What a backend must compute and hold, from the configuration: to be set beside what is measured. Pure.

Bytes and operations of the guided pair (batch 2) unless told otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

from f5lite.model.config import DiTConfig, ModelConfig
from f5lite.shrink.attention.backends import PIECE_BYTES, piece
from f5lite.shrink.attention.own import KERNELS

FLOAT = 4
# Per thread, torch's fused CPU kernel holds one tile of scores and a few rows (ATen, FlashAttentionKernel.cpp).
TILE_ROWS, TILE_KEYS = 256, 512


@dataclass(frozen=True)
class Estimate:
    """One block's attention. operations: of both products and the softmax; scores, result: bytes held; moved: bytes to and
    from memory, if what a piece or tile needs stays in the cache."""

    operations: int
    scores: int
    result: int
    moved: int

    @property
    def held(self) -> int:
        """Bytes over the inputs, at the most at once."""
        return self.scores + self.result


def attention(
    name: str, frames: int, config: DiTConfig = DiTConfig(), batch: int = 2, threads: int = 2
) -> Estimate:
    """What one block's attention needs with that backend, at float32 inputs."""
    heads, width = config.heads, config.dim_head
    pairs = batch * heads * frames * frames
    row = batch * heads * frames * width * FLOAT  # one of q, k, v and the result
    operations = 2 * 2 * pairs * width + 5 * pairs
    half = name.endswith("-bf16") or name == "flash_attn"
    size = FLOAT // 2 if half else FLOAT
    if name == "math":  # scores and their softmax, each written and read; the scaled q besides
        return Estimate(operations, 2 * pairs * FLOAT + row, row, 4 * pairs * FLOAT + 4 * row)
    if name.startswith("chunked"):
        at_once, rows = piece(heads, frames, frames, PIECE_BYTES // size)
        scores = at_once * rows * frames * size
        copies = 3 * row // batch // 2 if half else 0  # of one item
        return Estimate(operations, scores + copies, row, 4 * row + 2 * copies * batch)
    if name in KERNELS:
        # Per thread the packed keys and values, some queries' scores and weights; copies in another format.
        kernel = KERNELS[name]
        own = threads * frames * (4 * width + kernel.size * kernel.queries)
        copies = 4 * row // 2 if kernel.dtype.itemsize < FLOAT else 0
        return Estimate(operations, own + copies, row, 4 * row + 2 * copies)
    tile = (TILE_ROWS * (TILE_KEYS + width + 2)) * FLOAT * threads
    copies = 4 * row // 2 if half else 0
    return Estimate(operations, tile + copies, row, 4 * row + 2 * copies)


def pass_operations(frames: int, config: DiTConfig = DiTConfig(), batch: int = 2) -> int:
    """Operations of the matrix products of one pass: projections, feed-forward and attention. The modulation and what
    happens once a pass (input, output) is left out: under 2 % from 256 frames on."""
    inner = config.heads * config.dim_head
    linear = 2 * batch * frames * (4 * config.dim * inner + 2 * config.ff_mult * config.dim**2)
    return config.depth * (linear + attention("sdpa", frames, config, batch).operations)


def share(frames: int, config: DiTConfig = DiTConfig()) -> float:
    """The part of a pass's operations that is attention: 0 … 1. It grows with the length, as everything else is linear in it."""
    mine = config.depth * attention("sdpa", frames, config).operations
    return mine / pass_operations(frames, config)


def even_length(config: DiTConfig = DiTConfig()) -> int:
    """Frames from which attention is more than half of a pass's operations."""
    linear = 2 * (4 * config.dim * config.heads * config.dim_head + 2 * config.ff_mult * config.dim**2)
    each = config.heads * (4 * config.dim_head + 5)
    return -(-linear // each)


def longest_chunk(
    config: ModelConfig, reference_seconds: float, reference_bytes: int, speed: float = 1.0
) -> int:
    """Frames of the longest chunk that cutting at sentence ends aims at, reference included (f5-tts `utils_infer.py`).

    A chunk may have as many bytes as fit in what the reference leaves of `chunk_seconds`, at the reference's pace. One
    sentence without a place to cut can be longer.
    """
    most = max(
        20, int(reference_bytes / reference_seconds * (config.chunk_seconds - reference_seconds) * speed)
    )
    reference = int(reference_seconds * config.mel.frames_per_second)
    return reference + int(reference / reference_bytes * most / speed)
