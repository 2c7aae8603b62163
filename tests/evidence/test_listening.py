"""The blind test's figures: an interval that covers what it says, and words that follow from it."""

from __future__ import annotations

from math import comb

import pytest

from f5lite.evidence import listening
from f5lite.evidence.ledger import Ledger
from f5lite.evidence.listening import Score


def tail(right: int, count: int, share: float) -> float:
    """Chance of `right` or more."""
    return sum(comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(right, count + 1))


def test_the_interval_is_the_exact_one() -> None:
    # None and all right have closed forms; in between, each end leaves 5 % on its side.
    assert listening.interval(0, 10) == pytest.approx((0, 1 - 0.05**0.1))
    assert listening.interval(10, 10) == pytest.approx((0.05**0.1, 1))
    assert listening.interval(1, 1) == pytest.approx((0.05, 1))
    for right in range(1, 10):
        low, high = listening.interval(right, 10)
        assert tail(right, 10, low) == pytest.approx(0.05) and tail(right + 1, 10, high) == pytest.approx(
            0.95
        )
        assert low < right / 10 < high


@pytest.mark.parametrize("share", [0.1, 0.5, 0.73])
def test_it_covers_the_truth_as_often_as_it_says(share: float) -> None:
    covered = 0.0
    for right in range(13):
        low, high = listening.interval(right, 12)
        covered += (low <= share <= high) * comb(12, right) * share**right * (1 - share) ** (12 - right)
    assert covered >= 0.9


def test_guessing_is_what_it_is_compared_with() -> None:
    assert Score(5, 10).outcome == "not shown" and "don't show" in Score(5, 10).words
    assert Score(9, 10).outcome == "heard" and "You hear a difference" in Score(9, 10).words
    assert (
        Score(6, 10, choices=4).outcome == "heard" and "guessing gets 25 %" in Score(6, 10, choices=4).words
    )
    assert Score(0, 0).outcome == "none" and Score(0, 10).outcome == "not shown"
    with pytest.raises(ValueError, match="can't be"):
        listening.interval(3, 2)


def test_the_ledger_keeps_share_interval_and_number(tmp_path) -> None:
    kept = Ledger(tmp_path / "ledger.json", card={"fingerprint": "this-one"})
    kept.record("int8-sound", *Score(9, 10).figures())
    entry = Ledger(tmp_path / "ledger.json", card={"fingerprint": "this-one"}).entries("int8-sound")[0]
    assert entry.figures["blind_right"].median == 90 and entry.figures["blind_right"].interval[0] > 60
    assert entry.figures["blind_answers"].median == 10
    assert Score(0, 0).figures()[0].missing
