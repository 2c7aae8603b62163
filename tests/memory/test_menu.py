"""What the policy picks from: a fixed list, and `plan_for` asked anew with the room there is; by tables and by properties."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f5lite.memory.gauge import Reading
from f5lite.memory.menu import LEVELS, Listed, Offer, Planned, after_failure, by_level, peak_of
from f5lite.memory.policy import Rules
from f5lite.memory.queue import Queue
from f5lite.memory.ticket import Refused
from f5lite.memory.worker import Worker
from f5lite.model.config import V1_BASE
from f5lite.plan import Speeds, Subject, Variant, Wishes
from tests.memory.work import Jobs

MB = 1_000_000
MACHINE = Speeds({("fp32", "float"): 4.0, ("int8", "reference"): 5.0, ("int8", "onednn"): 2.0})
FILES = (Variant("fp32.safetensors"), Variant("int8.safetensors", "int8", True, 7))
BOTH = Subject(V1_BASE, variants=FILES, sound={"fp32/7": 5.0, "fp32/32": 5.0, "int8/7": 5.6})
MENU = Planned(BOTH, MACHINE, Wishes(steps=7))
NAMED = {plan.name: (plan, peak_of(cost)) for plan, cost in MENU.priced}


def test_levels_name_plans_that_keep_less_and_less() -> None:
    plans = by_level(MENU, 4000 * MB)
    assert [NAMED[plans[level]][0].residency for level in LEVELS] == ["resident", "on-demand", "streamed"]
    assert all(NAMED[name][0].precision == "fp32" for name in plans.values()), "the best sound, while it fits"
    assert by_level(MENU, 10 * MB) == {level: None for level in LEVELS}


def test_less_room_gives_up_what_is_kept_then_bits_then_length() -> None:
    taken = []
    for room in range(2400, 0, -5):
        offer = MENU.pick(room * MB, "ample")
        if offer is None:
            break
        plan, _ = NAMED[offer.name]
        if not taken or taken[-1] != (plan.precision, plan.residency):
            taken.append((plan.precision, plan.residency))
        assert offer.why and "MB" in offer.why
    assert taken[0] == ("fp32", "resident") and taken[-1] == ("int8", "streamed")
    assert [kind for kind, _ in taken] == sorted((kind for kind, _ in taken)), (
        "sound is the last that is given up"
    )


def test_int8_takes_the_fastest_engine() -> None:
    only = Planned(replace(BOTH, variants=FILES[1:]), MACHINE)
    assert NAMED[only.pick(4000 * MB, "ample").name][0].engine == "onednn"


def test_a_file_that_cannot_be_mapped_is_never_streamed() -> None:
    pickled = replace(BOTH, variants=(Variant("model.pt", mapped=False),))
    menu = Planned(pickled, MACHINE)
    assert {plan.residency for plan in menu.plans} == {"resident", "on-demand"}
    assert "on-demand" in menu.pick(4000 * MB, "critical").name


def test_the_guidance_and_steps_asked_for_are_kept_and_what_no_file_allows_is_named() -> None:
    assert {plan.steps for plan in Planned(BOTH, MACHINE, Wishes(guidance=1.0)).plans} == {32, 16, 7}
    with pytest.raises(ValueError, match="fp32.safetensors: fp32, int8.safetensors: int8"):
        Planned(BOTH, MACHINE, Wishes(precision="bf16"))
    with pytest.raises(ValueError, match="at least one plan"):
        Listed([])


def test_after_a_failure_the_next_plan_is_clearly_smaller_down_to_the_last() -> None:
    offer, steps = MENU.pick(4000 * MB, "ample"), 0
    while offer is not None:
        below = after_failure(MENU, offer)
        smaller = MENU.pick(4000 * MB, "ample", below)
        assert smaller is None or smaller.peak < offer.peak
        offer, steps = smaller, steps + 1
    assert 3 <= steps <= 15, "every failure saves something worth the attempt"


rooms = st.integers(0, 3000 * MB)
belows = st.none() | st.integers(50 * MB, 2000 * MB)
levels = st.sampled_from(LEVELS)


@settings(max_examples=60, deadline=None)
@given(rooms, levels, belows)
def test_what_is_picked_fits_and_is_the_same_again(room, level, below) -> None:
    offer = MENU.pick(room, level, below)
    assert offer == MENU.pick(room, level, below)
    if offer is not None:
        assert offer.peak <= room and (below is None or offer.peak < below)
        assert offer.peak == NAMED[offer.name][1]
    smallest = MENU.smallest(below)
    if offer is not None:
        assert smallest is not None and smallest.peak <= offer.peak


@settings(max_examples=40, deadline=None)
@given(rooms, rooms, levels)
def test_more_room_never_sounds_worse(one, other, level) -> None:
    low, high = sorted((one, other))
    heard = [
        BOTH.sound[NAMED[offer.name][0].sounds_like]
        for room in (low, high)
        if (offer := MENU.pick(room, level))
    ]
    assert len(heard) < 2 or heard[1] <= heard[0]


def test_the_plan_is_decided_anew_before_every_chunk() -> None:
    """A long request begins with room for all; after its third job most of it is gone, and later it comes back."""
    available, done = [4000 * MB], []

    class Chunks(Jobs):
        def take(self, value):
            done.append(value)
            available[0] = MENU.smallest().peak + MB if 3 <= len(done) < 6 else 4000 * MB
            return super().take(value)

    def source() -> Reading:
        return Reading(time.monotonic(), 4000 * MB, "made up", available[0], 0, 0, None, "none", 0)

    said: list[str] = []
    with Queue(
        Worker("tests.memory.work:Desk"),
        MENU,
        source=source,
        rules=Rules(reserve=0),
        import_bytes=0,
        pause=0.01,
        decided=lambda name, why: said.append(name),
    ) as queue:
        ticket = queue.submit(Chunks(*({"answer": number} for number in range(9))))
        ticket.result(60)
    kinds = [(NAMED[name][0].precision, NAMED[name][0].residency) for name in ticket.offers]
    assert kinds[:3] == [("fp32", "resident")] * 3 == kinds[6:], kinds
    assert {precision for precision, _ in kinds[3:6]} == {"int8"}, kinds
    assert len(said) == 3 and said[0] == said[2], "told at every change, and only then"


def test_when_every_plan_fails_for_memory_the_request_is_refused_with_the_bytes_of_the_smallest() -> None:
    source = lambda: Reading(time.monotonic(), 4000 * MB, "made up", 4000 * MB, 0, 0, None, "none", 0)  # noqa: E731
    with Queue(Worker("tests.memory.work:Desk"), MENU, source=source, import_bytes=0, pause=0.01) as queue:
        ticket = queue.submit(Jobs({"fail": "allocation"}))
        with pytest.raises(Refused) as caught:
            ticket.result(60)
    assert caught.value.needed == MENU.smallest().peak
    peaks = [NAMED[name][1] for name in dict.fromkeys(ticket.offers)]
    assert peaks == sorted(peaks, reverse=True) and peaks[-1] == MENU.smallest().peak


def test_a_list_starts_further_down_when_memory_is_short() -> None:
    menu = Listed([Offer("a", 30), Offer("b", 20), Offer("c", 10)])
    assert [menu.pick(100, level).name for level in LEVELS] == ["a", "b", "c"]
    assert menu.pick(25, "ample").name == "b" and menu.pick(100, "ample", 20).name == "c"
    assert menu.smallest(10) is None
