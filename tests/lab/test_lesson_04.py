"""Lesson 04's caps are real: a worker that is capped can't have more, and the queue stays within what there is."""

from __future__ import annotations

import sys

import pytest

from f5lite.lab.lessons import lesson_04
from f5lite.memory.cap import Cap
from f5lite.memory.worker import Worker

MB = 1_000_000
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="caps are Linux only")


def test_a_capped_worker_gets_what_it_may_and_no_more() -> None:
    worker = Worker("f5lite.memory.stand_in:Holder", {"small": 0.25})
    try:
        lesson_04.capped(worker, 40 * MB)
        assert worker.run({"size": 60 * MB}, "large").kind != "done"
        assert worker.run({"size": 60 * MB}, "small").kind == "done"
        worker.kill()
        assert worker.run({"size": 60 * MB}, "large").kind != "done", (
            "one that takes its place is capped, too"
        )
    finally:
        worker.end()


def test_the_queue_takes_the_smaller_plan_where_the_larger_does_not_fit() -> None:
    found = lesson_04.under_a_cap(count=3, size=60 * MB, cap=40 * MB)
    assert found == {"asked": 3, "finished_without": 0, "finished_with": 3, "lost": 0, "killed": 0}


def test_the_voice_is_counted_as_ended_where_it_cannot_live_under_the_cap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def starved(worker: Worker, size: int) -> None:
        worker.cap = Cap(MB, groups=False)  # no process starts within that
        worker.kill()

    monkeypatch.setattr(lesson_04, "capped", starved)
    killed, factor = lesson_04.experience("hello there")
    assert killed.median == (2 if lesson_04.quick() else lesson_04.REPEATS)
    assert "no request lived" in factor.missing
