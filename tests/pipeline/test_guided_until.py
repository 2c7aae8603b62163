"""Guidance that ends on the way: which passes are pairs, that the ends are what they were, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import f5lite
from f5lite.errors import F5liteError
from f5lite.model import flow

SAID = {"text": "hello there", "steps": 7, "seed": 4, "guidance": 2.0}


def halves(pipeline: f5lite.Pipeline, **how: object) -> tuple[np.ndarray, list[int]]:
    """The mel, and for each pass how many utterances it was made on."""
    seen: list[int] = []
    with pipeline.acoustic as dit:
        hook = dit.transformer_blocks[0].register_forward_pre_hook(
            lambda _, given: seen.append(len(given[0]))
        )
        try:
            return pipeline.speak(**{**SAID, **how}).mel, seen
        finally:
            hook.remove()


def test_passes_before_the_time_are_pairs_and_the_others_are_not(small_model: Path) -> None:
    pipeline = f5lite.load(small_model)
    times = flow.time_grid(7)[:-1]
    until = float(times[4])  # the fifth pass begins there: it is the first without guidance
    assert halves(pipeline, guided_until=until)[1] == [2, 2, 2, 2, 1, 1, 1]
    assert halves(pipeline, guided_until=until, method="midpoint")[1].count(2) == 2 * 4
    assert halves(pipeline)[1] == [2] * 7


def test_at_its_ends_it_is_full_guidance_and_none(small_model: Path) -> None:
    pipeline = f5lite.load(small_model)
    whole, none = halves(pipeline)[0], halves(pipeline, guidance=0.0)
    assert np.array_equal(halves(pipeline, guided_until=1.0)[0], whole)
    alone, seen = halves(pipeline, guided_until=0.0)
    assert np.array_equal(alone, none[0]) and seen == [1] * 7
    between = halves(pipeline, guided_until=0.1)[0]
    assert not np.array_equal(between, whole) and not np.array_equal(between, alone)


def test_without_guidance_it_changes_nothing(small_model: Path) -> None:
    pipeline = f5lite.load(small_model)
    plain, seen = halves(pipeline, guidance=0.0, guided_until=0.5)
    assert np.array_equal(plain, halves(pipeline, guidance=0.0)[0]) and seen == [1] * 7


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_time_that_is_none_is_named(small_model: Path, value: float) -> None:
    with pytest.raises(F5liteError, match="guided_until is a flow time from 0"):
        f5lite.load(small_model).speak(**SAID, guided_until=value)
