"""The claims as data, and their verdicts from a ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from f5lite.errors import F5liteError
from f5lite.evidence.claims import CLAIMS
from f5lite.evidence.measurement import Measurement
from f5lite.evidence.verdict import OUTCOMES, judge, judge_ledger
from tests.evidence.made import exactly, ledger, once, runs

# The article's claims, in its order. A claim that goes missing here is a claim that the course drops silently.
IDS = """title baseline heat single-sentence on-demand three-stages monitor priority-queue int8-size int8-memory
int8-time int8-battery int8-sound trainer-ready flash-attention long-text three-steps all-memory all-time experience
pruning distillation accelerators""".split()


def test_every_claim_is_there_in_the_articles_order() -> None:
    assert list(CLAIMS) == IDS


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=IDS)
def test_a_claim_is_whole(claim) -> None:
    assert claim.words.endswith(".") and claim.test and claim.needs
    assert claim.lessons and all(len(number) == 2 and number.isdigit() for number in claim.lessons)
    assert {"holds", "does not hold", "can't tell"} <= set(claim.rule.outcomes) <= set(OUTCOMES)
    if claim.id not in ("single-sentence", "trainer-ready", "three-steps", "all-memory", "all-time"):
        assert (
            any("\u4e00" <= letter <= "\u9fff" for letter in claim.chinese)
            or claim.chinese == "FlashAttention"
        )


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=IDS)
def test_nothing_measured_and_nothing_measurable_can_not_be_told(claim) -> None:
    verdict = judge(claim, {})
    assert (
        verdict.outcome == "can't tell"
        and "Not measured yet" in verdict.sentence
        and verdict.claim == claim.id
    )
    absent = {name: Measurement.none(name, "no such sensor") for name in claim.needs}
    verdict = judge(claim, absent)
    assert verdict.outcome == "can't tell" and "no such sensor" in verdict.sentence


def test_the_articles_own_figures_hold_and_f5ttss_own_size_does_not() -> None:
    said = judge(
        CLAIMS["int8-memory"],
        {"fp32_peak": runs("fp32_peak", 1200, 2), "int8_peak": runs("int8_peak", 480, 0.5)},
    )
    assert said.outcome == "holds"
    figures = [exactly("weights", 1348), runs("speaking_peak", 1450, 5), runs("utterance", 90, 1, "s")]
    assert judge(CLAIMS["baseline"], {figure.name: figure for figure in figures}).outcome == "does not hold"


def test_an_unknown_claim_is_named_with_those_there_are() -> None:
    with pytest.raises(F5liteError, match="no claim 'int4'.*int8-time"):
        CLAIMS["int4"]
    assert "int4" not in CLAIMS and [claim.id for claim in CLAIMS.of_lesson("07")] == [
        "flash-attention",
        "long-text",
        "three-steps",
    ]


def test_a_full_run_goes_before_a_later_quick_one(tmp_path: Path) -> None:
    kept = ledger(tmp_path / "l.json")
    kept.record(
        "int8-memory", runs("fp32_peak", 1000, 1), runs("int8_peak", 300, 1), quick=False, model="v1 Base"
    )
    kept.record("int8-memory", runs("fp32_peak", 1000, 1), runs("int8_peak", 900, 1), quick=True)
    verdict = judge_ledger(CLAIMS["int8-memory"], kept)
    assert verdict.outcome == "exceeded" and "Measured with model v1 Base." in verdict.caveats
    assert "quick" not in verdict.text


def test_quick_runs_and_figures_from_different_runs_are_said_to_be_so(tmp_path: Path) -> None:
    kept = ledger(tmp_path / "l.json")
    kept.record("int8-memory", runs("fp32_peak", 1000, 1), quick=True, shape="4 blocks")
    kept.record("int8-memory", runs("int8_peak", 300, 1), quick=True)
    verdict = judge_ledger(CLAIMS["int8-memory"], kept)
    assert verdict.outcome == "exceeded"
    for said in ("different runs", "quick runs", "shape 4 blocks"):
        assert said in verdict.text


def test_another_machines_figures_never_decide_here(tmp_path: Path) -> None:
    there = ledger(tmp_path / "l.json", fingerprint="elsewhere")
    there.record("int8-memory", runs("fp32_peak", 1000, 1), runs("int8_peak", 300, 1))
    here = ledger(tmp_path / "l.json")
    assert judge_ledger(CLAIMS["int8-memory"], here).outcome == "can't tell"
    assert judge_ledger(CLAIMS["int8-memory"], here, machine="elsewhere").outcome == "exceeded"


def test_one_run_each_can_not_decide(tmp_path: Path) -> None:
    kept = ledger(tmp_path / "l.json")
    kept.record("all-time", once("upstream_time", 90, "s"), once("article_rung_time", 9, "s"))
    assert judge_ledger(CLAIMS["all-time"], kept).outcome == "can't tell"
