"""The guidance that a model brings along: used when the caller gives none, refused when it makes no sense."""

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


def test_upstreams_is_the_default_and_a_models_own_comes_before_it(small_model: Path) -> None:
    assert V1_BASE.guidance == 2.0
    usual = f5lite.load(small_model)
    other = f5lite.load(small_model, config=replace(SMALL, guidance=1.0))
    assert other.config.guidance == 1.0
    one, two = usual.speak(**SAID).mel, other.speak(**SAID).mel
    assert not np.array_equal(one, two)
    assert np.array_equal(usual.speak(**SAID, guidance=1.0).mel, two)
    assert np.array_equal(other.speak(**SAID, guidance=2.0).mel, one)


@pytest.mark.parametrize("guidance", [-1, 21, "2", None])
def test_no_other_number_is_taken(guidance: object) -> None:
    with pytest.raises(F5liteError, match="guidance"):
        ModelConfig.from_dict({"guidance": guidance})
