"""The monitor's thread: it starts, ends, never multiplies, costs next to nothing; and traces replay."""

from __future__ import annotations

import gc
import io
import threading
import time
from contextlib import redirect_stderr, redirect_stdout

import pytest

from f5lite.errors import F5liteError
from f5lite.memory import trace
from f5lite.memory.gauge import Reading
from f5lite.memory.monitor import Monitor


def reading(seconds: float, available: int = 100) -> Reading:
    return Reading(seconds, 200, "physical", available, 10, 5, 0.0, "the whole machine's", 0)


def threads(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == f"f5lite {name}"]


def wait_for(condition, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_ten_runs_of_the_same_cell_leave_one_thread_and_stop_leaves_none():
    for _ in range(10):
        monitor = Monitor(name="cell").start()
    assert len(threads("cell")) == 1
    assert monitor.running and monitor.latest is not None
    monitor.stop()
    monitor.stop()
    assert threads("cell") == []


def test_it_ends_by_itself_after_its_longest_time():
    monitor = Monitor(hz=100, longest=0.1, name="short").start()
    assert wait_for(lambda: not monitor.running)
    assert monitor.history


def test_it_ends_when_nobody_holds_it():
    monitor = Monitor(hz=50, name="dropped").start()
    assert len(threads("dropped")) == 1
    del monitor
    gc.collect()
    assert wait_for(lambda: not threads("dropped"))


def test_history_is_bounded_and_newest():
    calls = iter(range(100_000))
    with Monitor(lambda: reading(next(calls)), hz=1000, keep=5, name="bounded") as monitor:
        assert wait_for(lambda: monitor.latest is not None and monitor.latest.seconds > 20)
    assert len(monitor.history) == 5
    assert [item.seconds for item in monitor.history] == sorted(item.seconds for item in monitor.history)


def test_five_readings_a_second_cost_under_a_percent_of_a_core():
    shares = []
    for attempt in range(3):
        with Monitor(hz=50, name=f"cost {attempt}") as monitor:
            time.sleep(0.6)
        shares.append(5 * monitor.cpu_seconds / len(monitor.history))
    assert min(shares) < 0.01


def test_it_never_prints_even_when_source_or_watcher_fail():
    def broken_source() -> Reading:
        raise OSError("gone")

    def broken_watcher(_: Reading) -> None:
        raise ValueError("watcher")

    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        failed = Monitor(broken_source, hz=100, name="broken").start()
        assert wait_for(lambda: not failed.running)
        with Monitor(hz=100, name="watched", on_reading=broken_watcher) as watched:
            assert wait_for(lambda: len(watched.history) > 3), "a failing watcher doesn't end the readings"
    assert isinstance(failed.problem, OSError) and isinstance(watched.problem, ValueError)
    assert out.getvalue() == err.getvalue() == ""


def test_a_watcher_may_stop_the_monitor():
    monitors: list[Monitor] = []
    monitor = Monitor(hz=100, name="self", on_reading=lambda _: [m.stop() for m in monitors])
    monitors.append(monitor)
    monitor.start()
    assert wait_for(lambda: not monitor.running)


def test_it_starts_once_and_refuses_nonsense():
    with Monitor(name="once") as monitor, pytest.raises(RuntimeError, match="started already"):
        monitor.start()
    with pytest.raises(ValueError, match="must be positive"):
        Monitor(hz=0)


def test_a_replay_follows_the_clock():
    now = [50.0]
    source = trace.Replay([reading(0, 100), reading(2, 60), reading(4, 20)], speed=2, clock=lambda: now[0])
    seen = []
    for moment in (50.0, 50.9, 51.0, 51.9, 52.0, 52.1):
        now[0] = moment
        item = source()
        seen.append(item and (item.available, item.seconds))
    assert seen == [(100, 50.0), (100, 50.9), (60, 51.0), (60, 51.9), (20, 52.0), None]


def test_a_replay_step_by_step_gives_every_reading_once():
    source = trace.Replay([reading(0, 3), reading(9, 2), reading(9.5, 1)], speed=None)
    assert [item.available for item in iter(source, None)] == [3, 2, 1]
    assert trace.Replay([])() is None


def test_a_monitor_on_a_replay_ends_with_it():
    source = trace.Replay([reading(0, 3), reading(1, 2)], speed=None)
    monitor = Monitor(source, hz=200, name="replay").start()
    assert wait_for(lambda: not monitor.running)
    assert [item.available for item in monitor.history] == [3, 2]


def test_traces_survive_the_file(tmp_path):
    readings = [reading(0), reading(1, 7)]
    trace.save(readings, tmp_path / "a.json", note="made up")
    assert trace.load(tmp_path / "a.json") == readings


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"format": "other"}', '{"format": "f5lite memory trace 1"}']
)
def test_a_file_that_is_no_trace_is_refused(tmp_path, text):
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(F5liteError, match="is not a memory trace"):
        trace.load(tmp_path / "bad.json")


def test_the_shipped_traces_show_what_their_names_say():
    squeeze = trace.shipped("squeeze")
    shares = [item.share_available for item in squeeze]
    assert min(shares) < 0.15 and max(shares[-5:]) > 0.5, "memory runs short and comes back"
    with pytest.raises(F5liteError, match="there are: .*squeeze"):
        trace.shipped("nothing")
