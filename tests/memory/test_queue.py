"""The queue: priority, streaming, cancelling, failing workers, memory that runs out; every request ends once and by name."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from concurrent.futures import CancelledError

import pytest

from f5lite.errors import F5liteError
from f5lite.memory.gauge import Reading
from f5lite.memory.policy import Offer, Rules
from f5lite.memory.queue import Queue
from f5lite.memory.ticket import ENDED, Refused
from f5lite.memory.worker import Worker
from tests.memory.work import Jobs

MB = 1_000_000
OFFERS = (Offer("large", 300 * MB), Offer("medium", 100 * MB), Offer("small", 30 * MB))
DESK = "tests.memory.work:Desk"


def plenty(available: float = 2000 * MB, limit: float = 2500 * MB):
    return lambda: Reading(time.monotonic(), int(limit), "made up", int(available), 0, 0, None, "none", 0)


def make(settings=None, source=None, **more) -> Queue:
    return Queue(Worker(DESK, settings), OFFERS, source=source or plenty(), pause=0.01, **more)


def test_a_request_is_done_in_another_process_with_the_best_plan():
    with make() as queue:
        ticket = queue.submit(Jobs({"answer": 42}))
        (found,) = ticket.result(60)
    assert found["answer"] == 42 and found["offer"] == "large"
    assert found["pid"] != __import__("os").getpid()
    assert ticket.state == "done" and not queue.worker.alive


def test_priority_orders_and_jobs_of_a_long_request_give_way():
    order: list[str] = []
    with make() as queue:
        first = queue.submit(Jobs({"seconds": 0.3}), id="first")
        long = queue.submit(Jobs(*({"seconds": 0.05} for _ in range(4))), id="long", priority=0)
        while first.state == "waiting":
            time.sleep(0.01)
        low = queue.submit(Jobs({}), id="low", priority=-1)
        high = queue.submit(Jobs({}), id="high", priority=5)
        for ticket in (first, long, low, high):
            ticket._future.add_done_callback(lambda _, name=ticket.id: order.append(name))
        for ticket in (first, long, low, high):
            ticket.result(60)
    assert order.index("high") < order.index("long") < order.index("low")


def test_parts_are_streamed_as_they_are_ready():
    with make() as queue:
        ticket = queue.submit(Jobs(*({"answer": n, "seconds": 0.05} for n in range(4))))
        states = [(part["answer"], ticket.state) for part in ticket.parts()]
    assert [answer for answer, _ in states] == [0, 1, 2, 3]
    assert states[0][1] in ("running", "waiting"), "the first part comes before the end"


def test_cancelling():
    with make() as queue:
        running = queue.submit(Jobs({"seconds": 0.3}, {}))
        waiting = queue.submit(Jobs({}))
        while running.state == "waiting":
            time.sleep(0.01)
        assert queue.cancel(waiting) and waiting.state == "cancelled"
        assert queue.cancel(running)
        with pytest.raises(CancelledError):
            running.result(60)
        done = queue.submit(Jobs({}))
        done.result(60)
        assert not queue.cancel(done)


def test_an_allocation_that_fails_goes_on_with_a_smaller_plan_in_the_same_process():
    with make() as queue:
        ticket = queue.submit(Jobs({"fail": "allocation", "fail_for": ["large", "medium"]}))
        (found,) = ticket.result(60)
    assert ticket.offers == ["large", "medium", "small"] and found["offer"] == "small"
    assert queue.counts["allocation"] == 2 and queue.worker.deaths == 0


def test_when_the_smallest_plan_fails_the_request_is_refused_by_name_and_the_others_go_on():
    with make() as queue:
        ticket = queue.submit(Jobs({"fail": "allocation"}))
        other = queue.submit(Jobs({"answer": 1}))
        with pytest.raises(Refused, match="30 MB") as caught:
            ticket.result(60)
        assert other.result(60)[0]["answer"] == 1
    assert caught.value.needed == 30 * MB and ticket.id in str(caught.value)


@pytest.mark.parametrize("word", ["kill", "abort"])
def test_a_worker_that_dies_fails_only_its_own_job_which_is_tried_again(word):
    with make() as queue:
        ticket = queue.submit(Jobs({"fail": word, "fail_for": ["large"]}))
        (found,) = ticket.result(60)
    assert found["offer"] == "medium" and ticket.offers.count("large") == 3
    assert queue.worker.deaths == 3 and queue.counts["died"] == 3


def test_an_error_in_the_work_is_the_requests_own():
    with make() as queue:
        ticket = queue.submit(Jobs({"fail": "error"}))
        with pytest.raises(F5liteError, match="ValueError: no such word"):
            ticket.result(60)
    assert ticket.state == "failed" and queue.worker.deaths == 0


def test_a_worker_that_cannot_start_ends_every_request_by_name():
    with Queue(Worker("tests.memory.work:broken"), OFFERS[2:], source=plenty(), pause=0.01) as queue:
        ticket = queue.submit(Jobs({}))
        with pytest.raises(Refused):
            ticket.result(60)
    assert any("no model here" in what for _, _, what in queue.log)


def test_what_never_fits_is_refused_in_advance_and_what_may_fit_waits():
    with make(source=plenty(20 * MB, 25 * MB)) as queue:
        with pytest.raises(Refused, match="all there can be"):
            queue.submit(Jobs({})).result(60)
        assert queue.worker.pid is None, "nothing was even started"
    available = [0]
    source = lambda: plenty(available[0])()  # noqa: E731
    with make(source=source) as queue:
        ticket = queue.submit(Jobs({}))
        time.sleep(0.1)
        assert ticket.state == "waiting" and queue.snapshot()["level"] == "critical"
        available[0] = 2000 * MB
        ticket.result(60)


def test_patience_and_deadlines_end_a_wait():
    with make(source=plenty(0), rules=Rules(patience=0.2)) as queue:
        with pytest.raises(Refused, match="within 0 s"):
            queue.submit(Jobs({})).result(60)
        with pytest.raises(Refused, match="deadline"):
            queue.submit(Jobs({}), deadline=0.05).result(60)


def test_it_can_be_awaited():
    async def both(queue: Queue) -> list:
        return await asyncio.gather(*(queue.submit(Jobs({"answer": n})) for n in (1, 2)))

    with make() as queue:
        found = asyncio.run(both(queue))
    assert [answers[0]["answer"] for answers in found] == [1, 2]


def test_closing_cancels_or_finishes():
    queue = make().start()
    tickets = [queue.submit(Jobs({"answer": n})) for n in range(3)]
    queue.close()
    assert [ticket.state for ticket in tickets] == ["done"] * 3
    queue = make().start()
    tickets = [queue.submit(Jobs({"seconds": 0.2})) for _ in range(3)]
    queue.close(finish=False)
    assert {ticket.state for ticket in tickets} <= {"cancelled", "done"}
    with pytest.raises(F5liteError, match="closed"):
        queue.submit(Jobs({}))


def test_critical_memory_ends_the_idle_worker_and_gives_everything_back():
    available = [2000 * MB]
    with make(source=lambda: plenty(available[0])()) as queue:
        queue.submit(Jobs({})).result(60)
        assert queue.worker.alive
        available[0] = 10 * MB
        end = time.monotonic() + 10
        while queue.worker.alive and time.monotonic() < end:
            time.sleep(0.02)
        assert not queue.worker.alive
        available[0] = 2000 * MB
        queue.submit(Jobs({})).result(60)


@pytest.mark.parametrize(
    "chances",
    [{"allocation": 0.05}, {"allocation": 0.5}, {"kill": 0.05}],
    ids=["alloc 5 %", "alloc 50 %", "kill 5 %"],
)
def test_two_hundred_mixed_requests_each_end_once(chances):
    draw = random.Random(7)
    before = threading.active_count()
    with make({**chances, "seed": None}) as queue:
        tickets = [
            queue.submit(
                Jobs(*({"answer": (number, part)} for part in range(draw.choice((1, 1, 2))))),
                priority=draw.randint(-2, 2),
                id=f"r{number}",
            )
            for number in range(200)
        ]
        for number in range(0, 200, 17):
            queue.cancel(tickets[number])
        for ticket in tickets:
            try:
                ticket.result(120)
            except (CancelledError, Refused):
                pass
    states = Counter(ticket.state for ticket in tickets)
    assert set(states) <= set(ENDED) and sum(states.values()) == 200 and "failed" not in states
    for number, ticket in enumerate(tickets):
        if ticket.state == "done":
            answers = [answer["answer"] for answer in ticket.result()]
            assert answers == [(number, part) for part in range(len(answers))] and len(answers) == len(
                ticket.work.jobs
            )
        elif ticket.state == "refused":
            assert ticket.reason and ticket.needed
    assert states["cancelled"] <= 12
    ended = sum(queue.counts[state] for state in ENDED)
    assert ended == queue.counts["submitted"] == 200, "none lost, none twice"
    assert threading.active_count() <= before + 1
