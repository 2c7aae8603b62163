"""At 4096 frames no backend but `math` holds the score matrix: measured, each in a process of its own."""

from __future__ import annotations

import pytest

from f5lite.memory import meter
from f5lite.model.config import DiTConfig
from f5lite.shrink.attention import predict, timing

FRAMES, PAIR, HEADS, DIM = 4096, 2, 16, 64
SCORES = PAIR * HEADS * FRAMES**2 * 4 / 1e6  # 2,147 MB
TENSOR = PAIR * HEADS * FRAMES * DIM * 4 / 1e6
INPUTS = 3 * TENSOR  # q, k, v
SLACK = 60  # what torch and the allocator take at a first call


def threads() -> int:
    import torch

    return torch.get_num_threads()


@pytest.mark.measures
@pytest.mark.slow
@pytest.mark.parametrize("name", ["sdpa", "chunked", "sdpa-bf16"])
def test_the_score_matrix_never_exists(name: str) -> None:
    measured = meter.isolated(timing.once, name, FRAMES, HEADS)
    assert measured.result == (PAIR, HEADS, FRAMES, DIM)
    expected = predict.attention(name, FRAMES, threads=threads()).held / 1e6
    print(f"{name}: {measured.peak_rss_mb:.0f} MB over imports, {expected:.0f} predicted beside the inputs")
    assert measured.peak_rss_mb > 4 * TENSOR  # the meter saw the inputs and the result at least
    assert measured.peak_rss_mb < SCORES / 4
    assert measured.peak_rss_mb < expected + INPUTS + SLACK


@pytest.mark.measures
@pytest.mark.slow
def test_chunked_in_half_precision_neither() -> None:
    """On one item of half the length: without bf16 instructions it is too slow for more."""
    frames = 2048
    measured = meter.isolated(timing.once, "chunked-bf16", frames, 8, 16, 1)
    assert measured.peak_rss_mb < 8 * frames**2 * 4 / 1e6 / 2


@pytest.mark.measures
@pytest.mark.slow
def test_math_holds_it() -> None:
    """The proof that the meter would have seen it: fewer heads, so that it fits a small machine."""
    heads, frames = 2, 2048
    scores = PAIR * heads * frames**2 * 4 / 1e6
    measured = meter.isolated(timing.once, "math", frames, heads)
    expected = predict.attention("math", frames, DiTConfig(dim=128, heads=heads)).held / 1e6
    expected += INPUTS * heads / HEADS * frames / FRAMES
    assert measured.peak_rss_mb > 2 * scores
    assert measured.peak_rss_mb == pytest.approx(expected, abs=SLACK)
