"""The policy, by tables and by properties: no starvation, no inversion beyond ageing, no flapping, no overcommitment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5lite.memory import policy
from f5lite.memory.gauge import Reading
from f5lite.memory.policy import LEVELS, Offer, Refuse, Rules, Run, Wait, Waiting

GB = 1_000_000_000
OFFERS = (
    Offer("best", 900_000_000, ("acoustic",)),
    Offer("int8", 400_000_000),
    Offer("streamed", 150_000_000),
)
RULES = Rules()


def reading(
    available: float, limit: float = 2 * GB, seconds: float = 100.0, pressure: float | None = 0.0
) -> Reading:
    return Reading(
        seconds, int(limit), "cgroup v2", int(available), 0, 0, pressure, "this container's own", 0
    )


def waiting(id: str = "a", priority: float = 0, submitted: float = 0, **more) -> Waiting:
    return Waiting(id, priority, submitted, **more)


@pytest.mark.parametrize(
    ("share", "pressure", "before", "after"),
    [
        (0.80, 0.0, "ample", "ample"),
        (0.34, 0.0, "ample", "tight"),
        (0.14, 0.0, "ample", "critical"),
        (0.37, 0.0, "tight", "tight"),
        (0.41, 0.0, "tight", "ample"),
        (0.17, 0.0, "critical", "critical"),
        (0.21, 0.0, "critical", "tight"),
        (0.80, 0.25, "ample", "tight"),
        (0.80, 0.15, "tight", "tight"),
        (0.80, 0.05, "tight", "ample"),
        (0.80, None, "ample", "ample"),
    ],
)
def test_levels(share, pressure, before, after):
    assert policy.next_level(before, reading(share * GB, GB, pressure=pressure), RULES) == after


@pytest.mark.parametrize(
    ("available", "level", "expected"),
    [
        (1.9 * GB, "ample", "best"),
        (0.9 * GB, "ample", "int8"),
        (0.6 * GB, "ample", "int8"),
        (0.3 * GB, "critical", "streamed"),
        (0.2 * GB, "critical", None),
    ],
)
def test_the_best_plan_that_fits_and_that_the_level_allows(available, level, expected):
    offer = policy.choose(waiting(), reading(available), OFFERS, level, RULES)
    assert (offer and offer.name) == expected


def test_a_plan_that_failed_is_not_tried_again_and_the_last_failure_is_a_refusal_by_name():
    decision, _ = policy.decide(reading(1.9 * GB), [waiting(below=900_000_000)], "ample", OFFERS, RULES)
    assert decision == Run("a", OFFERS[1])
    decision, _ = policy.decide(reading(1.9 * GB), [waiting(below=150_000_000)], "ample", OFFERS, RULES)
    assert isinstance(decision, Refuse) and decision.needed == 150_000_000 and "150 MB" in decision.reason


def test_what_can_never_fit_is_refused_and_what_may_fit_later_waits():
    small = 0.14 * GB
    decision, _ = policy.decide(reading(small, small), [waiting()], "ample", OFFERS, RULES)
    assert isinstance(decision, Refuse) and decision.needed == 150_000_000
    decision, _ = policy.decide(reading(0.1 * GB), [waiting()], "ample", OFFERS, RULES)
    assert isinstance(decision, Wait) and "waits for memory" in decision.reason
    decision, _ = policy.decide(
        reading(0.1 * GB), [waiting()], "ample", OFFERS, RULES, elsewhere=int(1.9 * GB)
    )
    assert isinstance(decision, Refuse)


def test_deadlines():
    late = waiting("late", deadline=99.0)
    decision, _ = policy.decide(reading(1.9 * GB), [waiting(), late], "ample", OFFERS, RULES)
    assert isinstance(decision, Refuse) and decision.id == "late" and "deadline" in decision.reason
    near, far = waiting("near", deadline=200.0, number=2), waiting("far", deadline=300.0, number=1)
    assert [one.id for one in policy.order([far, near, waiting("none")], RULES)] == ["near", "far", "none"]


def test_what_the_worker_holds_counts_as_room():
    one = waiting()
    assert policy.choose(one, reading(0.6 * GB), OFFERS, "ample", RULES).name == "int8"
    assert policy.choose(one, reading(0.6 * GB), OFFERS, "ample", RULES, held=int(0.5 * GB)).name == "best"


def test_an_empty_queue_waits_and_no_offers_is_a_mistake():
    assert isinstance(policy.decide(reading(GB), [], "ample", OFFERS, RULES)[0], Wait)
    with pytest.raises(ValueError, match="at least one plan"):
        policy.decide(reading(GB), [], "ample", [], RULES)
    with pytest.raises(ValueError, match="critical_below <= tight_below"):
        Rules(tight_below=0.1)


def test_stages_stay_only_while_memory_is_ample():
    assert policy.stages_to_keep("ample", OFFERS[0]) == ("acoustic",)
    assert policy.stages_to_keep("tight", OFFERS[0]) == () == policy.stages_to_keep("ample", None)


requests = st.builds(
    Waiting,
    id=st.uuids().map(str),
    priority=st.integers(-3, 3),
    submitted=st.floats(0, 100),
    deadline=st.none() | st.floats(0, 500),
    below=st.none() | st.sampled_from([offer.peak for offer in OFFERS]),
    number=st.integers(0, 99),
)
readings = st.builds(
    reading,
    available=st.floats(0, 2 * GB),
    limit=st.just(2 * GB),
    pressure=st.none() | st.floats(0, 1),
)
rule_sets = st.builds(
    Rules,
    tight_below=st.floats(0.2, 0.9),
    critical_below=st.floats(0, 0.2),
    margin=st.floats(0, 0.2),
    ageing=st.floats(0.5, 100),
    reserve=st.floats(0, 0.3),
)
levels = st.sampled_from(LEVELS)


@given(readings, levels, rule_sets)
def test_a_constant_reading_never_makes_the_level_flap(one, level, rules):
    once = policy.next_level(level, one, rules)
    assert policy.next_level(once, one, rules) == once


@given(readings, readings, levels, rule_sets)
def test_less_memory_never_makes_the_level_better(one, other, level, rules):
    low, high = sorted((one, other), key=lambda r: r.available)
    low, high = (Reading(**{**r.to_dict(), "pressure": 0.0}) for r in (low, high))
    assert LEVELS.index(policy.next_level(level, low, rules)) >= LEVELS.index(
        policy.next_level(level, high, rules)
    )


@given(readings, st.lists(requests, max_size=8), levels, rule_sets, st.integers(0, GB))
def test_admission_never_exceeds_what_there_is_by_the_models_own_prediction(one, queue, level, rules, held):
    decision, _ = policy.decide(one, queue, level, OFFERS, rules, held=held)
    if isinstance(decision, Run):
        assert decision.offer.peak + int(rules.reserve * one.limit) <= one.available + held
        chosen = next(r for r in queue if r.id == decision.id)
        assert chosen.below is None or decision.offer.peak < chosen.below
    if isinstance(decision, Refuse):
        assert decision.id in {r.id for r in queue} and decision.reason


@given(readings, st.lists(requests, max_size=8, unique_by=lambda r: r.id), levels, rule_sets, st.randoms())
def test_decisions_are_deterministic_whatever_the_order_of_the_queue(one, queue, level, rules, random):
    shuffled = list(queue)
    random.shuffle(shuffled)
    assert policy.decide(one, queue, level, OFFERS, rules) == policy.decide(
        one, shuffled, level, OFFERS, rules
    )


@given(st.lists(requests, min_size=2, max_size=8), rule_sets)
def test_no_inversion_beyond_ageing(queue, rules):
    ranked = policy.order(queue, rules)
    for place, first in enumerate(ranked):
        for second in ranked[place + 1 :]:
            waited_longer = second.submitted - first.submitted
            owed = (second.priority - first.priority) * rules.ageing
            assert waited_longer >= owed - 1e-6 * max(1.0, abs(owed))


@given(st.integers(-3, 3), st.integers(-3, 3), rule_sets, st.integers(1, 30))
def test_no_starvation_however_many_urgent_requests_keep_coming(low, high, rules, every):
    """A request with new, more urgent ones arriving all the time is first after a bounded wait."""
    low, high = sorted((low, high))
    patient = Waiting("patient", low, 0.0)
    bound = (high - low) * rules.ageing + every
    now, served = 0.0, None
    while now <= bound + every and served is None:
        queue = [patient, Waiting(f"urgent {now}", high, now, number=int(now) + 1)]
        if policy.order(queue, rules)[0] is patient:
            served = now
        now += every
    assert served is not None and served <= bound
