"""The one sentence that must be right: its verb, its figures and its "can't tell"."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5lite.evidence.comparison import Comparison
from f5lite.evidence.measurement import Measurement
from tests.evidence.made import exactly, once, runs

SIZES = st.lists(st.floats(0.01, 1e5), min_size=1, max_size=9)


def both(before: Measurement, after: Measurement) -> Comparison:
    return Comparison(before, after)


@pytest.mark.parametrize(
    ("before", "after", "direction", "says"),
    [
        (
            runs("a", 1421, 6),
            runs("b", 1300, 6),
            "lower",
            "fell by 8.5 % (1,421 → 1,300 MB, 5 runs each, ± 12 MB)",
        ),
        (runs("a", 100, 1), runs("b", 130, 1), "higher", "rose by 30 %"),
        (runs("a", 100, 1), runs("b", 350, 1), "higher", "rose to 3.5 × as much"),
        (runs("a", 100, 5), runs("b", 103, 5), "can't tell", "didn't change by more than the runs differ"),
        (once("a", 100), once("b", 50), "can't tell", "one run doesn't show its spread"),
        (exactly("a", 100), exactly("b", 100), "same", "stayed the same (100 MB)"),
        (exactly("a", 1348), exactly("b", 337), "lower", "fell by 75 % (1,348 → 337 MB)."),
        (runs("a", 0), runs("b", 10), "higher", "rose (0 → 10 MB"),
    ],
)
def test_sentences(before: Measurement, after: Measurement, direction: str, says: str) -> None:
    compared = both(before, after)
    assert compared.direction == direction
    sentence = compared.sentence("the peak")
    assert says in sentence and sentence.startswith("The peak") and sentence.endswith(".")


def test_interleaved_runs_are_compared_pair_by_pair() -> None:
    """A machine that slows down halfway hides the difference between medians, not the one within pairs."""
    slow = [1.0, 1.1, 1.5, 1.9, 2.0]
    fast = [0.8 * value for value in slow]
    apart = both(Measurement.of("a", slow, "s"), Measurement.of("b", fast, "s"))
    paired = both(
        Measurement.of("a", slow, "s", interleaved=True), Measurement.of("b", fast, "s", interleaved=True)
    )
    assert apart.direction == "can't tell" and paired.direction == "lower"
    assert paired.reduction == pytest.approx((0.2, 0.2, 0.2)) and "5 pairs" in paired.sentence("the time")


def test_runs_of_two_occasions_are_never_paired() -> None:
    a = Measurement("a", (1, 2, 3), "s", interleaved=True, run="monday")
    b = Measurement("b", (1, 2, 3), "s", interleaved=True, run="tuesday")
    assert not both(a, b).paired


def test_two_units_are_refused() -> None:
    with pytest.raises(ValueError, match="one unit"):
        both(once("a", 1, "s"), once("b", 1, "MB"))


@given(SIZES, SIZES, st.booleans(), st.sampled_from(["MB", "s", "points"]))
def test_the_sentence_agrees_with_sign_and_spread(
    a: list[float], b: list[float], paired: bool, unit: str
) -> None:
    if paired:
        a, b = a[: len(b)], b[: len(a)]
    before = Measurement.of("a", a, unit, interleaved=paired)
    after = Measurement.of("b", b, unit, interleaved=paired)
    compared = both(before, after)
    low, high = compared.difference
    sentence = compared.sentence("it")
    assert (" fell" in sentence) == (high < 0)
    assert (" rose" in sentence) == (low > 0)
    assert ("stayed the same" in sentence) == (low == high == 0)
    assert ("didn't change" in sentence or "can't be compared" in sentence) == (
        low <= 0 <= high and (low, high) != (0, 0)
    )
    assert (
        compared.reduction[0] <= compared.reduction[1] + 1e-9
        and compared.reduction[1] <= compared.reduction[2] + 1e-9
    )
    assert "nan" not in sentence and "inf" not in sentence


@given(SIZES, SIZES)
def test_swapping_the_two_turns_the_sentence_round(a: list[float], b: list[float]) -> None:
    before, after = Measurement.of("a", a, "MB"), Measurement.of("b", b, "MB")
    turned = {"lower": "higher", "higher": "lower"}
    forth, back = both(before, after).direction, both(after, before).direction
    assert back == turned.get(forth, forth)
