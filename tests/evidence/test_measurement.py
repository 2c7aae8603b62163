"""Medians, spreads, and how a measurement travels to a file and back."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5lite.evidence import wording
from f5lite.evidence.measurement import Measurement, median_interval

NUMBERS = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("count", "low", "high"), [(2, 0, 1), (4, 0, 3), (5, 0, 4), (7, 0, 6), (8, 1, 6), (11, 2, 8), (20, 5, 14)]
)
def test_the_interval_is_a_pair_of_order_statistics(count: int, low: int, high: int) -> None:
    shuffled = random.Random(count).sample(range(count), count)
    assert median_interval(shuffled) == (low, high)


def test_the_interval_holds_the_true_median_as_often_as_it_says() -> None:
    dice = random.Random(5)
    for count in (5, 8, 15):
        held = 0
        for _ in range(2000):
            low, high = median_interval([dice.lognormvariate(0, 1) for _ in range(count)])
            held += low <= 1 <= high
        assert held / 2000 > 0.88


def test_one_run_has_no_spread_and_says_so() -> None:
    one = Measurement.of("t", 3.0, "s")
    assert one.interval == (-math.inf, math.inf) and one.spread is None
    assert "spread" not in wording.spread(0.5, "s") and "unknown" in wording.spread(one.spread, "s")


def test_an_exact_value_needs_no_repeats() -> None:
    size = Measurement.of("file", 1348, "MB", exact=True)
    assert size.interval == (1348, 1348) and size.spread == 0
    assert Measurement.of("file", [1, 2, 3], "MB", exact=True).interval == (1, 3), (
        "exact values that differ aren't"
    )


@pytest.mark.parametrize("values", [(), (float("nan"),), (1.0, float("inf"))])
def test_what_is_no_figure_is_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="thing"):
        Measurement("thing", values, "MB")


def test_bounds_that_are_no_interval_are_refused() -> None:
    for bounds in ((2, 1), (float("nan"), 1)):
        with pytest.raises(ValueError, match="interval"):
            Measurement("wer", (1.0,), "points", bounds=bounds)


@given(st.lists(NUMBERS, min_size=1, max_size=12), st.booleans(), st.booleans())
def test_there_and_back_through_json(values: list[float], exact: bool, interleaved: bool) -> None:
    before = Measurement("a", tuple(values), "MB", exact=exact, interleaved=interleaved, bounds=(-1.0, 2.0))
    assert Measurement.from_dict(json.loads(json.dumps(before.to_dict()))) == before
    assert Measurement.from_dict(Measurement.none("a", "no sensor").to_dict()).missing == "no sensor"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1421.3, "MB", "1,421 MB"),
        (0.5234, "s", "0.523 s"),
        (0.01234, "s", "12.3 ms"),
        (2.0, "s", "2 s"),
        (-3.14159, "points", "\N{MINUS SIGN}3.14 points"),
        (1, "yes/no", "yes"),
        (0, "MB", "0 MB"),
        (1234567, "", "1,234,567"),
    ],
)
def test_figures_have_one_format(value: float, unit: str, text: str) -> None:
    assert wording.figure(value, unit) == text


@pytest.mark.parametrize(
    ("fraction", "near", "text"),
    [
        (0.6123, None, "61 %"),
        (0.034, None, "3.4 %"),
        (0.5949, 0.6, "59.49 %"),
        (0.0001, None, "0.01 %"),
        (0, None, "0 %"),
    ],
)
def test_rounding_never_hides_a_missed_claim(fraction: float, near: float | None, text: str) -> None:
    assert wording.percent(fraction, near) == text
