"""From interval to verdict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5lite.evidence.quality.bootstrap import Interval
from f5lite.evidence.quality.metrics import METRICS
from f5lite.evidence.quality.verdict import MOST, NO_WORSE, UNCLEAR, WORSE, judge, sentences_needed

WER, SIMILARITY = METRICS["wer"], METRICS["similarity"]


@pytest.mark.parametrize(
    ("metric", "change", "status"),
    [
        (WER, (-0.2, -0.9, 0.5), NO_WORSE),
        (WER, (4.0, 2.0, 6.0), WORSE),
        (WER, (0.5, 0.2, 0.8), NO_WORSE),  # worse, but by less than matters
        (WER, (0.5, -3.0, 4.0), UNCLEAR),
        (WER, (-9.0, -12.0, -7.0), NO_WORSE),
        (SIMILARITY, (-0.1, -0.15, -0.05), WORSE),  # higher is better there
        (SIMILARITY, (0.1, 0.05, 0.15), NO_WORSE),
        (SIMILARITY, (0.0, -0.05, 0.05), UNCLEAR),
    ],
)
def test_status(metric, change, status):
    assert judge(metric, Interval(*change, 60)).status == status


def test_the_sentences_say_what_was_found():
    assert judge(WER, Interval(-0.2, -0.9, 0.5, 60)).text == "no worse by more than 1 points"
    assert judge(WER, Interval(4.0, 2.0, 6.0, 60)).text == "worse by 2.0 to 6.0 points"
    assert "the same in every sentence" in judge(WER, Interval(0, 0, 0, 60)).text
    unclear = judge(WER, Interval(0.0, -4.0, 4.0, 50))
    assert unclear.text == "can't tell with 50 sentences: about 800 would do" and unclear.needed == 800


def test_a_margin_of_ones_own():
    change = Interval(1.0, -1.0, 3.0, 60)
    assert judge(WER, change).status == UNCLEAR
    assert judge(WER, change, margin=4).status == NO_WORSE


def test_what_compares_a_and_b_directly_has_no_verdict():
    with pytest.raises(ValueError, match="nothing to judge"):
        judge(METRICS["cepstral"], Interval(1, 0, 2, 9))
    with pytest.raises(ValueError, match="above zero"):
        judge(WER, Interval(1, 0, 2, 9), margin=0)


@given(st.floats(-5, 5), st.floats(0.01, 20), st.floats(0.1, 5), st.integers(4, 500))
def test_that_many_sentences_would_settle_it(loss, half, margin, count):
    if not (loss - half <= 0 and loss + half >= margin):
        return  # settled already
    needed = sentences_needed(loss, half, margin, count)
    assert needed > count
    if needed < MOST:
        narrowed = half * (count / needed) ** 0.5
        assert loss + narrowed <= margin + 1e-9 or loss - narrowed >= -1e-9
