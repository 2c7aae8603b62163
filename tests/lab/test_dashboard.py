"""The dashboard of lesson 04 without a browser: the session, its end, what the reader may do, and the view that passes it on."""

from __future__ import annotations

import threading
import time

import pytest

from f5lite.errors import F5liteError
from f5lite.lab import callbacks
from f5lite.lab.dashboard import Dashboard
from f5lite.lab.sandbox import MB, MOST_WAITING
from f5lite.memory.menu import Listed, Offer
from f5lite.memory.stand_in import Holding
from f5lite.memory.worker import Worker

WHOLE = 40 * MB
SHARES = {"large": 1.0, "medium": 0.6, "small": 0.4}


def made(seconds: float = 0.05, **more) -> Dashboard:
    """A dashboard whose requests only hold memory: 40, 24 or 16 of 80 MB."""
    menu = Listed([Offer(name, int(share * WHOLE)) for name, share in SHARES.items()])
    return Dashboard(
        lambda: Worker("f5lite.memory.stand_in:Holder", SHARES),
        menu,
        lambda number: Holding(WHOLE, seconds),
        limit_mb=80,
        hz=20,
        **more,
    )


def until(true, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    assert true()


@pytest.fixture
def board():
    one = made()
    yield one
    one.stop()
    assert callbacks.FAILURES == []


def test_the_demonstration_shows_large_smaller_waiting_and_an_end(board: Dashboard) -> None:
    before = threading.active_count()
    board.demonstrate()
    assert not board.running and not board.worker.alive and not board.hog.alive
    assert [ticket.state for ticket in board.tickets.values()] == ["done"] * 6
    assert board.plans_used[0] == "large" and len(board.plans_used) >= 2, board.plans_used
    assert {level for _, level in board.marks} >= {"tight", "critical", "ample"}
    figure = board.figure()
    assert (
        figure.data["limit"] == 80 and "6 done" in figure.note and max(h for _, h, _, _ in board.points) > 50
    )
    until(lambda: threading.active_count() <= before)


def test_the_hog_really_holds_and_no_more_than_the_limit(board: Dashboard) -> None:
    with pytest.raises(F5liteError, match="press Start"):
        board.hold(10)
    board.start()
    board.start()  # a second click changes nothing
    assert 28 * MB <= board.hold(32) <= 32 * MB
    assert board.reading().available <= 52 * MB
    assert board.hold(10_000) <= 80 * MB, "never more than the limit"
    hog = board.hog
    board.stop()
    assert not hog.alive and board.state()["hog"] == 0


def test_lanes_show_who_waits_in_which_order(board: Dashboard) -> None:
    with pytest.raises(F5liteError, match="nobody is there"):
        board.ask("urgent")
    board.start()
    board.hold(80)  # nothing fits: all of them wait
    for lane in ("whenever", "normal", "urgent", "normal"):
        board.ask(lane)
    until(lambda: board.queue.level == "critical")
    state = board.state()
    assert state["lanes"] == {"urgent": [["3", 1]], "normal": [["2", 2], ["4", 3]], "whenever": [["1", 4]]}
    assert state["plans"] == {"ample": None, "tight": None, "critical": None} and state["current"] == ""
    with pytest.raises(F5liteError, match="no lane 'vip'"):
        board.ask("vip")
    for _ in range(MOST_WAITING - 4):
        board.ask("normal")
    with pytest.raises(F5liteError, match="wait already"):
        board.ask("normal")
    board.stop()
    assert {ticket.state for ticket in board.tickets.values()} == {"cancelled"}
    assert board.state()["counts"]["cancelled"] == MOST_WAITING


def test_the_policy_changes_while_it_runs(board: Dashboard) -> None:
    board.start()
    board.hold(45)  # 35 of 80 MB are left: 44 %
    until(lambda: len(board.points) > 2)
    assert board.queue.level == "ample"
    board.tune("tight below", 60)
    until(lambda: board.queue.level == "tight")
    with pytest.raises(F5liteError, match="critical must stay below"):
        board.tune("critical below", 60 + 0) if board.rules.tight_below < 0.6 else board.tune(
            "tight below", 1
        )
    with pytest.raises(F5liteError, match="outside 0"):
        board.tune("margin", 99)
    with pytest.raises(F5liteError, match="to change"):
        board.tune("luck", 1)
    assert {knob["name"]: round(knob["value"]) for knob in board.state()["knobs"]}["tight below"] == 60


def test_a_session_ends_by_itself() -> None:
    board = made(longest=0.8)
    board.start()
    board.hold(20)
    until(lambda: not board.running)
    until(lambda: not board.hog.alive)
    assert "ended by itself" in board.problem and board.state()["running"] is False
    board.start()
    assert board.problem == "" and len(board.points) <= 2
    board.stop()


def test_the_view_passes_on_and_follows(board: Dashboard) -> None:
    panel = board.view("dashboard")

    def click(name: str, value: object = True) -> None:
        panel.event = {"name": name, "value": value, "count": time.monotonic_ns()}

    click("hold", 10)
    assert "press Start" in panel.state["error"]
    click("start")
    assert panel.state["running"] and panel.state["error"] == ""
    click("hold", 30)
    click("ask", "urgent")
    until(lambda: panel.state["counts"].get("done") == 1)
    assert any("request 1 done" in line for line in panel.state["said"])
    click("tune", {"name": "ageing", "value": 5})
    assert board.rules.ageing == 5
    click("stop")
    assert not panel.state["running"] and panel.state["held"] == 0


def test_a_follower_that_fails_is_told_and_ends_nothing() -> None:
    board = made()
    board.followers = [lambda one: 1 / 0]
    board.start()
    until(lambda: len(board.points) > 2)
    board.stop()
    assert callbacks.FAILURES and all(isinstance(one, ZeroDivisionError) for one in callbacks.FAILURES)
    callbacks.FAILURES.clear()
