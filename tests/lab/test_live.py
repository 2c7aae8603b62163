"""The live chart: it samples, follows, and always ends."""

from __future__ import annotations

import threading
import time

import pytest

from f5lite import lab
from f5lite.lab import callbacks
from f5lite.lab.live import Recording


def wait(condition, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not condition():
        time.sleep(0.01)
    return condition()


def test_it_samples_while_the_body_runs_and_ends_with_it() -> None:
    values = iter(range(1000))
    with lab.live(lambda: next(values), title="Memory", unit="MB", rate=50) as recording:
        assert wait(lambda: len(recording.points) >= 3)
    assert not recording.running
    count = len(recording.points)
    time.sleep(0.1)
    assert len(recording.points) == count
    assert [value for _, value in recording.points] == list(range(count))
    assert recording.figure().data["ys"]["measured"] == [float(value) for value in range(count)]


def test_an_error_in_the_body_ends_it_too() -> None:
    with pytest.raises(RuntimeError, match="mine"):
        with lab.live(lambda: 1.0, title="T", unit="MB", rate=50) as recording:
            raise RuntimeError("mine")
    assert not recording.running


def test_it_ends_by_itself_after_its_longest_duration() -> None:
    recording = Recording(lambda: 1.0, title="T", unit="MB", rate=50, longest=0.1).start()
    assert wait(lambda: not recording.running)
    recording.stop()
    assert not [one for one in threading.enumerate() if one.name == "f5lite-live"]


def test_a_reader_that_fails_is_told_and_ends_it() -> None:
    def broken() -> float:
        raise OSError("no sensor")

    recording = Recording(broken, title="T", unit="MB", rate=50).start()
    assert wait(lambda: not recording.running)
    assert "no sensor" in recording.state()["error"]
    assert isinstance(callbacks.FAILURES.pop(), OSError)


def test_followers_see_every_sample_and_the_end() -> None:
    seen = []
    recording = Recording(lambda: 2.0, title="T", unit="MB", rate=50, limit=3.0)
    recording.followers.append(lambda one: seen.append(one.state()))
    recording.start()
    assert wait(lambda: len(seen) > 2)
    recording.stop()
    assert seen[0]["running"] and not seen[-1]["running"] and seen[-1]["limit"] == 3.0


def test_it_starts_once_and_at_a_modest_rate() -> None:
    recording = Recording(lambda: 1.0, title="T", unit="MB").start()
    with pytest.raises(RuntimeError, match="started before"):
        recording.start()
    recording.stop()
    with pytest.raises(ValueError, match="2 to 5 samples"):
        Recording(lambda: 1.0, title="T", unit="MB", rate=500)
    with pytest.raises(ValueError, match="no sample"):
        Recording(lambda: 1.0, title="T", unit="MB").figure()
