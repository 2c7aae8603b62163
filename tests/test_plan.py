"""The choice of a plan: by tables, by properties, and its predicted bytes against the meter."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import f5lite
from f5lite import machine
from f5lite.evidence import workload
from f5lite.evidence.quality import shipped
from f5lite.evidence.sound import word_errors
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
from f5lite.plan.speeds import block_times, passes
from f5lite.plan.speeds import measured as measured_speeds
from f5lite.shrink.int8 import products
from f5lite.shrink.int8.convert import convert
from f5lite.shrink.int8.engines import ENGINES
from f5lite.shrink.int8.layers import set_engine

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


FEW = workload.FEW_BLOCKS
GRID = [
    ("fp32", "float", "resident", FEW),
    ("fp32", "float", "on-demand", FEW),
    ("fp32", "float", "streamed", FEW),
    ("int8", "reference", "resident", FEW),
    ("int8", "reference", "on-demand", FEW),
    ("int8", "reference", "streamed", FEW),
    ("bf16", "float", "on-demand", FEW),
]
# The other engines, where they run; of some a single block, since without their instructions a pass takes half a minute.
HERE = [name for name, one in ENGINES.items() if name != "reference" and one.problem() is None]
GRID += [("int8", name, "on-demand", 1 if name in ("torch", "bf16") else FEW) for name in HERE]
if machine.card().compiler is not None:
    GRID += [("int8", "fused", residency, FEW) for residency in ("resident", "on-demand", "streamed")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The v1 Base shape with that many blocks in that precision, made when it is first asked for."""
    folder = tmp_path_factory.mktemp("plan")

    def make(precision: str, blocks: int, keep_modulation: bool = False) -> Path:
        source = workload.prepare(V1_BASE.with_blocks(blocks))
        target = folder / f"{precision}-{blocks}-{keep_modulation}"
        if precision == "fp32":
            return source
        if not target.is_dir():
            steps = None if keep_modulation else 1
            convert(
                library.find(source),
                target,
                steps=steps or 7,
                precision=precision,
                keep_modulation=keep_modulation,
            )
        return target

    return make


@pytest.mark.measures
@pytest.mark.slow
@pytest.mark.parametrize(("precision", "engine", "residency", "blocks"), GRID, ids=lambda value: str(value))
def test_predicted_bytes_are_within_15_percent_of_the_meters(
    precision: str, engine: str, residency: str, blocks: int, made: Callable[..., Path]
) -> None:
    plan = Plan(precision, precision != "fp32", residency, engine, steps=1)
    predicted = cost(Subject(V1_BASE.with_blocks(blocks)), plan, frames=512)
    product = "auto" if engine == "float" else engine
    measured = meter.isolated(workload.request, made(precision, blocks), 512, 1, residency, engine=product)
    assert predicted.peak_rss_mb == pytest.approx(measured.peak_rss_mb, rel=0.15)


@pytest.mark.measures
@pytest.mark.slow
def test_the_order_of_times_is_right_wherever_the_gap_exceeds_the_spread(made: Callable[..., Path]) -> None:
    """Passes of a model, measured, beside what the planner makes of one block measured on its own."""
    config = V1_BASE.with_blocks(FEW)
    kinds = passes(config, refresh=True)
    fast = 3 * min(kinds["fp32", "float"])  # what takes longer is in no doubt
    usual = {kind: taken for kind, taken in kinds.items() if min(taken) < fast and kind[1] != "fused"}
    predicted: dict[tuple[str, int], list[float]] = {}
    measured: dict[tuple[str, int], list[float]] = {}
    for precision, engine in usual:
        for frames in (256, 512) if precision == "fp32" else (512,):
            name = (f"{precision}/{engine}", frames)
            plan = Plan(precision, precision != "fp32", engine=engine, steps=1)
            predicted[name] = [
                cost(Subject(config), plan, Speeds({**MACHINE, (precision, engine): seconds}), frames).seconds
                for seconds in usual[precision, engine]
            ]
            change = None
            if precision == "int8":
                change = lambda dit, engine=engine: set_engine(dit, ENGINES[engine]) and None  # noqa: E731
            measured[name] = workload.pass_times(
                made(precision, FEW, keep_modulation=True), frames, 3, change
            )
    told = 0
    for one, other in itertools.permutations(measured, 2):
        same = one[0] == other[0]  # one measured block for both, so its spread doesn't matter
        if max(measured[one]) < min(measured[other]) and (
            same or not overlap(predicted[one], predicted[other])
        ):
            told += 1
            assert min(predicted[one]) < min(predicted[other]), (one, other, predicted, measured)
    print({name: (round(median(predicted[name]), 2), round(median(measured[name]), 2)) for name in measured})
    assert told, "at least half the frames take less time than all of them"


MACHINE = {("fp32", "float"): 1.0}


def overlap(one: list[float], other: list[float]) -> bool:
    return max(min(one), min(other)) <= min(max(one), max(other))


def test_speeds_are_measured_once_a_machine_and_name_only_what_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("F5LITE_CACHE", str(tmp_path))
    small = TINY.with_blocks(2)
    times = block_times(small, frames=32, repeats=2)
    asked: list[int] = []

    class Once:
        result = {kind: [0.25, 0.5, 0.5] for kind in times}

    monkeypatch.setattr(meter, "isolated", lambda *_: asked.append(1) or Once)
    speeds = measured_speeds(small)
    assert speeds == measured_speeds(small) and len(asked) == 1, "kept with the machine's card"
    assert speeds.passes["fp32", "float"] == 2 * 0.25, "one block times the number of blocks"
    engines = {engine for precision, engine in speeds.passes if precision == "int8"} - {"fused"}
    left_out = {"onednn"} if products.onednn() is products.ONEDNN_UNSIGNED else set()
    assert engines == {name for name, one in ENGINES.items() if one.problem() is None} - left_out
    assert all(taken and all(seconds > 0 for seconds in taken) for taken in times.values())


def test_what_was_measured_of_the_bundled_voices_sound_ranks_its_plans() -> None:
    heard = word_errors()
    assert heard == {name: found.high for name, found in shipped.plans().items()}
    assert word_errors("F5TTS_v1_Base") == {}, "another model's sound was not measured"
    decision = plan_for(None, Subject(TINY, "BF16", sound=heard), SPEEDS)
    if heard:
        assert decision.plan.sounds_like in heard, "what wasn't measured is never preferred"
        assert heard[decision.plan.sounds_like] == min(heard.values())


def test_it_is_at_hand_at_the_top() -> None:
    assert f5lite.plan_for is plan_for and f5lite.Plan is Plan


def test_the_bundled_model_fits_anywhere() -> None:
    assert plan_for(100, Subject(TINY, source_dtype="BF16"), SPEEDS).plan is not None
