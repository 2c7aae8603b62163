"""The table of precisions: every weight of the published shapes has one rule, and the figures beside the rules are right."""

from __future__ import annotations

import math

import pytest

from f5lite.errors import F5liteError
from f5lite.model.config import SHAPES, V1_BASE
from f5lite.shrink.int8.layout import ACOUSTIC, BF16, FOLDED, FP32, INT8, VOCODER, kind_of
from f5lite.shrink.int8.plan import compare, expected


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("vocoder", [False, True])
def test_every_matrix_has_exactly_one_reason(shape: str, vocoder: bool) -> None:
    for name, size in expected(SHAPES[shape], vocoder).items():
        rules = [rule for rule in (VOCODER if vocoder else ACOUSTIC) if rule.matches(name)]
        if len(size) > 1 and not name.endswith((".dwconv.weight", ".gamma", ".beta")):
            assert len(rules) == 1, name


@pytest.mark.parametrize("vocoder", [False, True])
def test_the_millions_are_those_of_v1_base(vocoder: bool) -> None:
    rules = VOCODER if vocoder else ACOUSTIC
    found = dict.fromkeys((rule.what for rule in rules), 0)
    for name, size in expected(V1_BASE, vocoder).items():
        rule = next((rule for rule in rules if rule.matches(name)), None)
        if rule is not None:
            found[rule.what] += math.prod(size)
    for rule in rules:
        assert found[rule.what] / 1e6 == pytest.approx(rule.millions, abs=0.06), rule.what


def test_what_the_options_change() -> None:
    block = "transformer_blocks.3.attn.to_q.weight"
    norm = "transformer_blocks.3.attn_norm.linear.weight"
    assert kind_of(block, (64, 64)) == INT8
    assert kind_of(block, (64, 64), precision="bf16") == BF16
    assert kind_of(block, (8, 64)) == BF16, "too few rows for a scale each"
    assert kind_of(norm, (384, 64)) == FOLDED
    assert kind_of(norm, (384, 64), keep_modulation=True) == INT8
    assert kind_of("time_embed.time_mlp.0.weight", (64, 256), keep_modulation=True) == BF16
    assert kind_of("time_embed.time_mlp.0.bias", (64,), keep_modulation=True) == FP32
    assert kind_of("transformer_blocks.3.attn.q_norm.weight", (64,)) == FP32
    with pytest.raises(F5liteError, match="int8, bf16"):
        kind_of(block, (64, 64), precision="int4")


def test_a_file_of_another_shape_is_named() -> None:
    shapes = expected(SHAPES["tiny"], False)
    compare(shapes, SHAPES["tiny"], False, "x")
    with pytest.raises(F5liteError, match="no place for"):
        compare({**shapes, "../../secret": (1,)}, SHAPES["tiny"], False, "x")
    with pytest.raises(F5liteError, match="lacks 'proj_out.bias'"):
        compare({n: s for n, s in shapes.items() if n != "proj_out.bias"}, SHAPES["tiny"], False, "x")
    with pytest.raises(F5liteError, match=r"'proj_out.bias' is \[7\]"):
        compare({**shapes, "proj_out.bias": (7,)}, SHAPES["tiny"], False, "x")
