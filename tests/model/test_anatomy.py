"""The estimator against the modules themselves, kind by kind, for every published shape and some odd ones."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest

from f5lite.model import anatomy
from f5lite.model.checkpoint import Checkpoint
from f5lite.model.config import SHAPES, TINY, V1_BASE, ModelConfig
from f5lite.model.library import BUNDLE
from f5lite.model.synthetic import parameters, vocoder_parameters

ODD = replace(
    TINY,
    name="odd",
    dit=replace(TINY.dit, qk_norm="rms_norm", long_skip_connection=True, conv_layers=2, heads=2, ff_mult=3),
)


def listed(config: ModelConfig) -> dict[tuple[str, str], int]:
    amounts: Counter[tuple[str, str]] = Counter()
    for name, shape in (*parameters(config), *vocoder_parameters(config)):
        amounts[anatomy.kind_of(name.removeprefix("ema_model.transformer."))] += math.prod(shape)
    return amounts


@pytest.mark.parametrize("config", [*SHAPES.values(), ODD], ids=lambda c: c.name)
def test_weights_are_those_of_the_modules(config: ModelConfig) -> None:
    assert {(p.stage, p.kind): p.amount for p in anatomy.weights(config)} == listed(config)


def test_v1_base_is_the_published_size() -> None:
    parts = anatomy.weights(V1_BASE)
    model = anatomy.total(parts) - anatomy.total(parts, "vocoder")
    assert round(model / 1e6, 1) == 337.1
    assert round(100 * anatomy.total(parts, kind="AdaLN and time") / model) == 42


def test_the_bundled_file_is_counted_as_predicted() -> None:
    folder = BUNDLE / "tiny"
    files = Checkpoint(folder / "acoustic.safetensors"), Checkpoint(folder / "vocoder.safetensors")
    assert anatomy.counted(*files) == anatomy.weights(TINY)


def test_every_kind_of_operation_grows_as_it_should() -> None:
    at = {n: {p.kind: p.amount for p in anatomy.operations(V1_BASE, n, steps=7)} for n in (512, 1024)}
    assert at[1024]["feed-forward"] == 2 * at[512]["feed-forward"]
    assert at[1024]["attention"] > 2 * at[512]["attention"]  # the scores grow with the square
    assert at[1024]["AdaLN and time"] == at[512]["AdaLN and time"]
    unguided = anatomy.operations(V1_BASE, 512, steps=7, guided=False)
    assert 2 * anatomy.total(unguided, "acoustic") == sum(
        p.amount for p in anatomy.operations(V1_BASE, 512, steps=7) if p.stage == "acoustic"
    )
