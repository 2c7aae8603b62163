"""Every kind of rule, for each of its outcomes, and the property that outcome and sentence follow the figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5lite.evidence.combined import All, FirstOf
from f5lite.evidence.comparison import Comparison
from f5lite.evidence.measurement import Measurement
from f5lite.evidence.rules import (
    MARGIN,
    ROUNDING,
    Fact,
    Limit,
    Margin,
    Reduction,
    Rise,
    Rule,
    Stated,
)
from f5lite.evidence.verdict import OUTCOMES, Verdict, joined
from tests.evidence.made import exactly, once, runs

SIXTY = Reduction("the peak", "a", "b", 0.60)
LOWER = Reduction("the peak", "a", "b", stated=False)
TENTH = Reduction("the peak", "a", "b", 0.10, stated=False)
RISE = Rise("the gain", "a", "b")
STATED = Stated("the peak", "a", 1200)
AT_MOST = Limit("lost requests", "a", at_most=0)
BETWEEN = Limit("steps", "a", at_least=3, at_most=5)
MARGIN_1 = Margin("the difference", "a", 1)
FACT = Fact("a", "It is so.", "It is not so.")
PARTS = All((Reduction("the peak", "a", "b", 0.60), Reduction("the time", "c", "d", 0.40)))
SENSOR = FirstOf((Reduction("the energy", "j", "k", stated=False), LOWER), ("", "Seconds stand in."))


def points(low: float, high: float) -> Measurement:
    return Measurement.of("a", (low + high) / 2, "points", bounds=(low, high))


CASES: list[tuple[Rule, list[Measurement], str, str]] = [
    (SIXTY, [runs("a", 1000, 5), runs("b", 385, 5)], "holds", "That meets the 60 % less"),
    (SIXTY, [exactly("a", 1000), exactly("b", 404)], "holds", "59.6 %"),
    (SIXTY, [runs("a", 1000, 5), runs("b", 200, 5)], "exceeded", "more than the 60 % less"),
    (SIXTY, [runs("a", 1000, 5), runs("b", 700, 5)], "does not hold", "short of the 60 % less"),
    (SIXTY, [runs("a", 1000, 5), runs("b", 1300, 5)], "does not hold", "rose by 30 %"),
    (SIXTY, [runs("a", 1000, 5), runs("b", 400, 60)], "can't tell", "The spread covers the 60 % less"),
    (SIXTY, [once("a", 1000), once("b", 100)], "can't tell", "one run"),
    (SIXTY, [once("a", 1000)], "can't tell", "Not measured yet: b."),
    (LOWER, [runs("a", 1000, 5), runs("b", 900, 5)], "holds", "fell by 10 %"),
    (LOWER, [runs("a", 1000, 5), runs("b", 1100, 5)], "does not hold", "rose by 10 %"),
    (LOWER, [exactly("a", 1000), exactly("b", 1000)], "does not hold", "stayed the same"),
    (LOWER, [runs("a", 1000, 50), runs("b", 1010, 50)], "can't tell", "didn't change by more"),
    (TENTH, [runs("a", 1000, 5), runs("b", 500, 5)], "holds", "10 % less that would count"),
    (TENTH, [runs("a", 1000, 5), runs("b", 960, 5)], "does not hold", "short of the 10 % less"),
    (TENTH, [runs("a", 1000, 50), runs("b", 900, 50)], "can't tell", "runs differ"),
    (RISE, [runs("a", 1.1, 0.01), runs("b", 2.0, 0.01)], "holds", "rose by 82 %"),
    (RISE, [runs("a", 2.0, 0.01), runs("b", 1.5, 0.01)], "does not hold", "fell by 25 %"),
    (RISE, [exactly("a", 2), exactly("b", 2)], "does not hold", "stayed the same"),
    (RISE, [runs("a", 2.0, 0.5), runs("b", 2.1, 0.5)], "can't tell", "didn't change by more"),
    (STATED, [runs("a", 1210, 10)], "holds", "within 5 % of the 1,200 MB"),
    (STATED, [exactly("a", 1348)], "does not hold", "above the 1,200 MB"),
    (STATED, [exactly("a", 900)], "does not hold", "below the 1,200 MB"),
    (STATED, [runs("a", 1250, 40)], "can't tell", "spread covers"),
    (AT_MOST, [exactly("a", 0, "requests")], "holds", "Lost requests: 0 requests"),
    (AT_MOST, [exactly("a", 2, "requests")], "does not hold", "isn't met"),
    (AT_MOST, [runs("a", 0, 1, "requests")], "can't tell", "spread covers"),
    (BETWEEN, [exactly("a", 4, "")], "holds", "at most 5 and at least 3"),
    (BETWEEN, [exactly("a", 1, "")], "does not hold", "isn't met"),
    (BETWEEN, [runs("a", 3, 1, "")], "can't tell", "spread covers"),
    (MARGIN_1, [points(-0.4, 0.6)], "holds", "within ± 1 points"),
    (MARGIN_1, [points(-4, -2)], "exceeded", "better by more than 1 points"),
    (MARGIN_1, [points(2, 5)], "does not hold", "worse by more than 1 points"),
    (MARGIN_1, [points(-0.5, 1.8)], "can't tell", "reaches beyond ± 1 points"),
    (FACT, [Measurement.fact("a", True)], "holds", "It is so."),
    (FACT, [Measurement.fact("a", False)], "does not hold", "It is not so."),
    (FACT, [Measurement.of("a", [1, 0], "yes/no", exact=True)], "can't tell", "in some runs"),
    (
        FACT,
        [Measurement.none("a", "no compiler on this machine")],
        "can't tell",
        "no compiler on this machine",
    ),
    (
        PARTS,
        [exactly("a", 100), exactly("b", 38), exactly("c", 9, "s"), exactly("d", 1, "s")],
        "holds",
        "The time fell",
    ),
    (
        PARTS,
        [exactly("a", 100), exactly("b", 9), exactly("c", 9, "s"), exactly("d", 1, "s")],
        "exceeded",
        "The peak fell",
    ),
    (
        PARTS,
        [exactly("a", 100), exactly("b", 9), exactly("c", 9, "s"), exactly("d", 8, "s")],
        "does not hold",
        "short",
    ),
    (
        PARTS,
        [exactly("a", 100), exactly("b", 9), once("c", 9, "s"), once("d", 1, "s")],
        "can't tell",
        "one run",
    ),
    (
        SENSOR,
        [exactly("j", 9, "J"), exactly("k", 5, "J"), exactly("a", 1), exactly("b", 2)],
        "holds",
        "The energy fell",
    ),
    (
        SENSOR,
        [Measurement.none("j", "no meter"), exactly("a", 2), exactly("b", 3)],
        "does not hold",
        "Seconds stand in.",
    ),
    (SENSOR, [Measurement.none("j", "no energy meter here")], "can't tell", "no energy meter here"),
]


@pytest.mark.parametrize(("rule", "figures", "outcome", "says"), CASES)
def test_each_rule_for_each_outcome(rule: Rule, figures: list[Measurement], outcome: str, says: str) -> None:
    verdict = rule.judge({figure.name: figure for figure in figures})
    assert verdict.outcome == outcome, verdict.sentence
    assert says in verdict.sentence
    assert outcome in rule.outcomes


def test_the_cases_leave_no_outcome_of_any_rule_out() -> None:
    for rule in (SIXTY, LOWER, TENTH, RISE, STATED, AT_MOST, BETWEEN, MARGIN_1, FACT, PARTS, SENSOR):
        seen = {outcome for other, _, outcome, _ in CASES if other is rule}
        assert seen == set(rule.outcomes), f"{rule}: {set(rule.outcomes) - seen} untested"


@given(
    st.lists(st.floats(0.1, 1e4), min_size=1, max_size=8),
    st.lists(st.floats(0.1, 1e4), min_size=1, max_size=8),
    st.floats(0.02, 0.95),
    st.booleans(),
)
def test_a_reduction_is_judged_by_its_interval(
    a: list[float], b: list[float], claim: float, stated: bool
) -> None:
    before, after = Measurement.of("a", a, "MB"), Measurement.of("b", b, "MB")
    verdict = Reduction("it", "a", "b", claim, stated).judge({"a": before, "b": after})
    low, _, high = Comparison(before, after).reduction
    assert (verdict.outcome == "does not hold") == (high < claim - ROUNDING)
    assert (verdict.outcome in ("holds", "exceeded")) == (low >= claim - ROUNDING)
    assert (verdict.outcome == "exceeded") == (stated and low > claim + MARGIN)
    if verdict.outcome in ("holds", "exceeded"):
        assert " fell by " in verdict.sentence, "whoever meets a reduction must have fallen"
    words = {"holds": "meets", "exceeded": "That is more than", "does not hold": "short of"}
    assert all((word in verdict.sentence) == (verdict.outcome == outcome) for outcome, word in words.items())


@given(st.floats(-20, 20), st.floats(0, 20), st.floats(0.1, 5))
def test_a_margin_is_judged_by_its_interval(low: float, width: float, within: float) -> None:
    figure = Measurement.of("a", low, "points", bounds=(low, low + width))
    outcome = Margin("it", "a", within).judge({"a": figure}).outcome
    assert (outcome == "holds") == (-within <= low and low + width <= within)
    assert (outcome == "does not hold") == (low > within)
    assert (outcome == "exceeded") == (low + width < -within)


@given(st.lists(st.sampled_from(OUTCOMES), max_size=4))
def test_parts_join_to_what_the_weakest_allows(parts: list[str]) -> None:
    whole = joined(parts)  # type: ignore[arg-type]
    assert (whole == "does not hold") == ("does not hold" in parts)
    assert whole != "exceeded" or set(parts) == {"exceeded"}
    assert whole != "holds" or not {"can't tell", "does not hold"} & set(parts)


def test_caveats_follow_the_sentence() -> None:
    verdict = Verdict("holds", "It fell.", "int8-time", ("Quick.",))
    assert verdict.text == "It fell. Quick."
    assert verdict.to_dict() == {"id": "int8-time", "verdict": "holds", "sentence": "It fell. Quick."}
