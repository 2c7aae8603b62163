"""The estimator: pure arithmetic, checked against counts made another way and against the paper's own rules."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

import f5lite
from f5lite.model import flow
from f5lite.model.acoustic import DiT
from f5lite.model.config import V1_BASE, DiTConfig
from f5lite.shrink.attention import Math, predict

SMALL = DiTConfig(dim=64, depth=3, heads=4, dim_head=16, text_dim=16, text_num_embeds=9, conv_layers=0)


def test_scores_of_the_full_size_at_4096_frames() -> None:
    held = predict.attention("math", 4096, V1_BASE.dit)
    assert held.scores > 2 * 2 * 16 * 4096**2 * 4 > 4e9
    for name in ("sdpa", "sdpa-bf16", "chunked", "chunked-bf16", "amx-bf16", "vnni-int16"):
        assert predict.attention(name, 4096, V1_BASE.dit).held < 2 * 16 * 4096**2 * 4 / 15, name


def test_operations_are_those_that_torch_counts() -> None:
    """torch counts matrix products: ours are those, and five a score for the softmax."""
    frames, batch = 40, 2
    q = torch.randn(batch, SMALL.heads, frames, SMALL.dim_head)
    with FlopCounterMode(display=False) as counter:
        Math()(q, q, q)
    softmax = 5 * batch * SMALL.heads * frames**2
    assert predict.attention("math", frames, SMALL, batch).operations == counter.get_total_flops() + softmax


def test_a_pass_is_counted_nearly_whole() -> None:
    config = DiTConfig(dim=256, depth=4, heads=4, text_dim=32, text_num_embeds=9, conv_layers=0)
    dit, frames = DiT(config).eval(), 128
    from f5lite.shrink.attention import use

    use(dit, "math")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        x = torch.randn(2, frames, 256)
        dit.flow(x, torch.tensor(0.5))
    softmax = config.depth * 5 * 2 * config.heads * frames**2
    assert predict.pass_operations(frames, config) - softmax == pytest.approx(
        counter.get_total_flops(), rel=0.04
    )


@settings(deadline=None)
@given(st.integers(64, 4000))
def test_the_share_grows_with_the_length(frames: int) -> None:
    assert 0 < predict.share(frames) < predict.share(frames + 64) < 1


def test_even_length_is_where_the_share_is_a_half() -> None:
    even = predict.even_length()
    assert predict.share(even - 1) < 0.5 <= predict.share(even)


@settings(deadline=None)
@given(
    st.integers(1, 5000),
    st.sampled_from(["math", "sdpa", "sdpa-bf16", "chunked", "chunked-bf16", "amx-bf16", "vnni-int16"]),
)
def test_only_math_grows_with_the_square(frames: int, name: str) -> None:
    ratio = predict.attention(name, 4 * frames).held / predict.attention(name, frames).held
    assert ratio < 4.001 or (name == "math" or frames * 4 <= 1024)
    if name == "math" and frames > 1000:
        assert ratio > 12


@settings(deadline=None)
@given(st.floats(1, 12), st.integers(20, 300), st.floats(0.3, 2.0))
def test_longest_chunk_is_what_the_rules_give(seconds: float, size: int, speed: float) -> None:
    """Against the pipeline's own rule for the bytes, and the model's for the frames."""
    frames = predict.longest_chunk(V1_BASE, seconds, size, speed)
    most = max(20, int(size / seconds * (22 - seconds) * speed))
    reference = int(seconds * 93.75)
    assert frames == flow.frames_to_make(reference, "r" * size, "x" * most, speed)
    if most > 20:
        assert frames <= 22 * 93.75 + 1


def test_no_chunk_of_a_real_text_is_longer() -> None:
    """The bundled voice, a text with places to cut: every chunk that is spoken stays under the prediction."""
    pipeline = f5lite.load("tiny")
    reference = pipeline.reference("kumo")
    text = " ".join(["the model speaks, and then it stops."] * 60).replace(".", "")
    seconds = reference.samples / 24000
    most = predict.longest_chunk(pipeline.config, seconds, len(reference.text.strip().encode()))
    for chunk in pipeline.cut(text, reference):
        spoken = reference.samples // 256
        assert flow.frames_to_make(spoken, reference.text, chunk) <= 1.5 * most
