"""Caps and the hog: memory that is really held, and a limit that really holds it back."""

from __future__ import annotations

import sys

import pytest

from f5lite.memory import meter, procfs
from f5lite.memory.cap import RLIMIT, Cap
from f5lite.memory.hog import Hog
from f5lite.memory.stand_in import all_at_once

MB = 1_000_000
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="caps are Linux only")


def test_all_at_once_only_as_many_finish_as_the_cap_has_room_for():
    assert meter.measure(all_at_once, (8, 60 * MB, 150 * MB), imports=()).result == 2
    assert meter.measure(all_at_once, (3, 20 * MB, 150 * MB), imports=()).result == 3


def held_by(pid: int) -> int:
    with procfs.Probe(pid) as probe:
        reading = probe.read()
    return reading.anonymous if reading else 0


def test_the_hog_holds_what_it_says_and_lets_go():
    with Hog() as hog:
        empty = held_by(hog.pid)
        assert hog.hold(100 * MB) == pytest.approx(100 * MB, rel=0.05)
        assert held_by(hog.pid) - empty == pytest.approx(hog.held, rel=0.05)
        hog.hold(20 * MB)
        assert held_by(hog.pid) - empty == pytest.approx(20 * MB, rel=0.3)
        assert hog.alive
    assert not hog.alive


def test_a_data_limit_refuses_the_allocation_and_the_process_lives():
    with Cap(80 * MB, groups=False) as cap, Hog() as hog:
        assert cap.kind == RLIMIT and cap.used is None and cap.kills == 0
        hog.hold(0)
        cap.join(hog.pid)
        assert 20 * MB < hog.hold(200 * MB) < 80 * MB
        assert hog.alive


def test_a_group_keeps_its_processes_within_the_cap_or_the_fallback_says_what_it_is():
    with Cap(80 * MB) as cap, Hog() as hog:
        hog.hold(0)
        cap.join(hog.pid)
        held = hog.hold(200 * MB)
        if cap.folder is None:
            assert cap.kind == RLIMIT and 20 * MB < held < 80 * MB
        else:
            assert held == 0 and not hog.alive and cap.kills == 1, "the kernel ends what doesn't fit"
            assert cap.kind in ("cgroup v1", "cgroup v2")
        folder = cap.folder
    assert folder is None or not folder.exists()
