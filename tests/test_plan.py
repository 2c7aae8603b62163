"""The choice of a plan: by tables, by properties, and its predicted bytes against the meter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f5lite.evidence import workload
from f5lite.memory import meter
from f5lite.model import library
from f5lite.model.config import TINY, V1_BASE
from f5lite.plan import (
    Cost,
    Plan,
    Speeds,
    Subject,
    Wishes,
    candidates,
    cost,
    plan_for,
    weight_megabytes,
)
from f5lite.shrink.int8.convert import convert

SPEEDS = Speeds({("fp32", "float"): 4.0, ("int8", "torch"): 2.0, ("bf16", "float"): 3.0})
SOUND = {"fp32/32": 5.0, "int8/32": 5.04, "fp32/7": 6.0, "int8/7": 6.0}
BASE = Subject(V1_BASE)


def test_weights_in_bytes_are_those_that_the_course_is_about() -> None:
    whole = weight_megabytes(V1_BASE, Plan())
    assert round(whole["text"]["all"] + whole["acoustic"]["all"]) == 1348
    folded = weight_megabytes(V1_BASE, Plan("int8", True, steps=7))
    assert folded["text"]["all"] + folded["acoustic"]["all"] <= 235
    assert folded["acoustic"]["block"] < folded["acoustic"]["all"] / 5
    kept = weight_megabytes(V1_BASE, Plan("int8", False))
    assert (
        130 < kept["acoustic"]["all"] - folded["acoustic"]["all"] < 145
    )  # AdaLN and time MLP at a byte each


def test_without_a_limit_the_best_sound_is_taken_then_the_fastest() -> None:
    heard = replace(BASE, sound=SOUND)
    decision = plan_for(None, heard, SPEEDS)
    # 5.0 and 5.04 are the same to a tenth of a point, so the faster int8 wins.
    assert decision.plan.sounds_like == "int8/32" and decision.plan.residency != "streamed"
    assert "word error rate" in decision.why


def test_what_was_not_measured_is_never_preferred() -> None:
    only = replace(BASE, sound={"int8/7": 40.0})
    decision = plan_for(None, only, SPEEDS)
    assert decision.plan.sounds_like == "int8/7"
    assert {r.why for r in decision.rejected if r.plan.precision == "fp32"} == {"its sound wasn't measured"}


def test_with_nothing_measured_the_sound_changes_least() -> None:
    assert plan_for(None, BASE, SPEEDS).plan.sounds_like == "fp32/32"


def test_a_budget_between_the_two_shrinks_the_plan() -> None:
    heard = replace(BASE, sound=SOUND)
    for budget in (2000, 400, 200, 130):
        decision = plan_for(budget, heard, SPEEDS)
        assert decision.cost.peak_rss_mb <= budget
        assert all("over the budget" in r.why for r in decision.rejected if r.cost.peak_rss_mb > budget)


def test_an_impossible_budget_names_the_bytes_that_would_do() -> None:
    decision = plan_for(20, BASE, SPEEDS)
    assert decision.plan is None and f"{decision.smallest[1].peak_rss_mb:.0f} MB" in decision.why
    assert plan_for(decision.smallest[1].peak_rss_mb, BASE, SPEEDS).plan is not None


def test_a_limit_on_errors_needs_a_measurement() -> None:
    heard = replace(BASE, sound={"fp32/32": 5.0, "int8/7": 30.0})
    decision = plan_for(None, heard, SPEEDS, Wishes(worst_word_error=10))
    assert decision.plan.sounds_like == "fp32/32"
    assert any("30.0 %, over 10 %" in r.why for r in decision.rejected)
    assert plan_for(None, heard, SPEEDS, Wishes(worst_word_error=1)).plan is None


def test_wishes_are_kept() -> None:
    decision = plan_for(
        None, BASE, SPEEDS, Wishes(precision="int8", steps=12, residency="streamed", guidance=0.0)
    )
    plan = decision.plan
    assert (plan.precision, plan.steps, plan.residency, plan.guidance) == ("int8", 12, "streamed", 0.0)
    with pytest.raises(ValueError, match="no plan fits the wishes"):
        plan_for(None, BASE, Speeds(), Wishes(precision="int8"))


budgets = st.floats(30, 3000)
sounds = st.dictionaries(
    st.sampled_from(["fp32/32", "fp32/7", "int8/32", "int8/7", "bf16/16"]), st.floats(0, 100)
)


@settings(max_examples=40, deadline=None)
@given(budget=budgets, sound=sounds)
def test_the_chosen_plan_fits_and_every_other_one_has_its_reason(
    budget: float, sound: dict[str, float]
) -> None:
    subject = replace(BASE, sound=sound)
    decision = plan_for(budget, subject, SPEEDS)
    assert decision == plan_for(budget, subject, SPEEDS)
    every = candidates(subject, SPEEDS)
    assert len(decision.rejected) + (decision.plan is not None) == len(every)
    assert all(r.why for r in decision.rejected)
    if decision.plan is None:
        assert decision.smallest[1].peak_rss_mb > budget
        return
    assert decision.cost.peak_rss_mb <= budget
    fitting = [r for r in decision.rejected if r.cost.peak_rss_mb <= budget]
    heard = sound.get(decision.plan.sounds_like)
    for other in fitting:
        its = sound.get(other.plan.sounds_like)
        assert its is None or (heard is not None and round(heard, 1) <= round(its, 1))


@settings(max_examples=30, deadline=None)
@given(small=budgets, more=st.floats(0, 2000))
def test_more_memory_never_costs_sound(small: float, more: float) -> None:
    subject = replace(BASE, sound=SOUND)
    first, second = plan_for(small, subject, SPEEDS), plan_for(small + more, subject, SPEEDS)
    if first.plan is None:
        return
    heard = [round(SOUND.get(d.plan.sounds_like, 1000.0), 1) for d in (first, second)]
    assert heard[1] <= heard[0]


def test_costs_order_as_they_must() -> None:
    def of(**changes: object) -> Cost:
        return cost(BASE, replace(Plan("int8", True, engine="torch", steps=7), **changes), SPEEDS, frames=512)

    assert of(residency="streamed").peak_rss_mb < of(residency="on-demand").peak_rss_mb < of().peak_rss_mb
    assert of(residency="streamed").seconds > of().seconds
    assert of(steps=32).seconds > 4 * of().seconds
    assert of(folded=False).peak_rss_mb > of().peak_rss_mb
    widened = cost(replace(BASE, source_dtype="BF16"), Plan(), SPEEDS, frames=512)
    assert widened.peak_anonymous_mb > 1000 > cost(BASE, Plan(), SPEEDS, frames=512).peak_anonymous_mb


GRID = [
    ("fp32", "float", "resident"),
    ("fp32", "float", "on-demand"),
    ("fp32", "float", "streamed"),
    ("int8", "reference", "resident"),
    ("int8", "reference", "on-demand"),
    ("int8", "reference", "streamed"),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    source = workload.prepare(V1_BASE.with_blocks(workload.FEW_BLOCKS))
    small = tmp_path_factory.mktemp("plan") / "int8"
    convert(library.find(source), small, steps=1)
    return {"fp32": source, "int8": small}


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "engine", "residency"), GRID, ids=lambda value: value)
def test_predicted_bytes_are_within_15_percent_of_the_meters(
    precision: str, engine: str, residency: str, folders: dict[str, Path]
) -> None:
    subject = Subject(V1_BASE.with_blocks(workload.FEW_BLOCKS))
    predicted = cost(subject, Plan(precision, precision != "fp32", residency, engine, steps=1), frames=512)
    product = "auto" if engine == "float" else engine
    measured = meter.isolated(workload.request, folders[precision], 512, 1, residency, engine=product)
    assert predicted.peak_rss_mb == pytest.approx(measured.peak_rss_mb, rel=0.15)


def test_the_bundled_model_fits_anywhere() -> None:
    assert plan_for(100, Subject(TINY, source_dtype="BF16"), SPEEDS).plan is not None
