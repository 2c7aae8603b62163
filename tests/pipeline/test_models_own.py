"""Guidance and temperature that a model brings along: used when the caller gives none, refused when they make no sense."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import f5lite
from f5lite.errors import F5liteError
from f5lite.model.config import V1_BASE, ModelConfig
from tests.conftest import SMALL

SAID = {"text": "hello there", "steps": 2, "seed": 4}


@pytest.mark.parametrize(("name", "upstreams", "own"), [("guidance", 2.0, 1.0), ("temperature", 1.0, 0.5)])
def test_upstreams_is_the_default_and_a_models_own_comes_before_it(
    small_model: Path, name: str, upstreams: float, own: float
) -> None:
    assert getattr(V1_BASE, name) == upstreams
    usual = f5lite.load(small_model)
    other = f5lite.load(small_model, config=replace(SMALL, **{name: own}))
    assert getattr(other.config, name) == own
    one, two = usual.speak(**SAID).mel, other.speak(**SAID).mel
    assert not np.array_equal(one, two)
    assert np.array_equal(usual.speak(**SAID, **{name: own}).mel, two)
    assert np.array_equal(other.speak(**SAID, **{name: upstreams}).mel, one)


@pytest.mark.parametrize("value", [-1, 21, "2", None])
@pytest.mark.parametrize("name", ["guidance", "temperature"])
def test_no_other_number_is_taken(name: str, value: object) -> None:
    with pytest.raises(F5liteError, match=name):
        ModelConfig.from_dict({name: value})


def test_without_noise_every_seed_says_the_same(small_model: Path) -> None:
    pipeline = f5lite.load(small_model)
    first, second = (pipeline.speak(**{**SAID, "seed": seed}, temperature=0.0).mel for seed in (1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, pipeline.speak(**{**SAID, "seed": 1}, temperature=0.1).mel)


@pytest.mark.parametrize("how", [{"temperature": 2.1}, {"temperature": -0.1}, {"temperature": float("nan")}])
def test_a_temperature_that_makes_no_sense_is_named(small_model: Path, how: dict) -> None:
    with pytest.raises(F5liteError, match=r"temperature from 0 to 2, found .* and (2\.1|-0\.1|nan)"):
        f5lite.load(small_model).speak(**SAID, **how)
