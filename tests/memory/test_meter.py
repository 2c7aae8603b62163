"""The meter: known bytes are read right, and work that crashes, hangs or is killed leaves a clear result."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from f5lite.memory import meter
from f5lite.memory.selfcheck import selfcheck

linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="kernel counters are read on Linux only"
)
NOTHING: tuple[str, ...] = ()


def allocate(size: int) -> int:
    block = bytearray(size)
    block[::4096] = b"\1" * len(block[::4096])
    return len(block)


def grow_and_rest(size: int) -> None:
    block = allocate_and_keep(size)
    with meter.phase("busy"):
        time.sleep(0.15)
    del block
    with meter.phase("idle"):
        time.sleep(0.15)


def allocate_and_keep(size: int) -> bytearray:
    block = bytearray(size)
    block[::4096] = b"\1" * len(block[::4096])
    return block


def raise_error(text: str) -> None:
    print("so far so good")
    raise ValueError(text)


def kill_oneself(size: int) -> None:
    block = allocate_and_keep(size)
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGKILL)
    del block


def leave(code: int) -> None:
    os._exit(code)


def abort() -> None:
    os.abort()


def spin() -> None:
    while True:
        time.sleep(0.01)


def much_to_say() -> bytes:
    print("x" * 300_000)
    return b"y" * 3_000_000


def unpicklable() -> object:
    return lambda: None


def own_main_module() -> str:
    return sys.modules["__main__"].__name__


@pytest.mark.measures
@linux
def test_known_bytes_are_read_within_two_percent():
    check = selfcheck(200)
    assert check.worst_error < 0.02, check


@pytest.mark.measures
@linux
def test_its_own_overhead_is_under_a_megabyte():
    assert selfcheck(20).empty_mb < 1


@pytest.mark.measures
def test_isolated_returns_the_result_and_figures_over_the_imports():
    measured = meter.isolated(allocate, 60_000_000)
    assert measured.ok and measured.result == 60_000_000
    assert measured.peak_rss_mb == pytest.approx(60, rel=0.05)
    assert measured.baseline_mb > 50, "torch is imported before the baseline"
    assert measured.whole_peak_rss_mb == measured.baseline_mb + measured.peak_rss_mb
    assert measured.wall_seconds > 0 and measured.cpu_seconds > 0
    assert measured.minor_faults >= 60_000_000 // 65536


@pytest.mark.measures
@linux
def test_phases_have_their_own_averages():
    measured = meter.measure(grow_and_rest, (80_000_000,), imports=NOTHING, interval=0.005)
    assert measured.phase_mean_mb("busy") == pytest.approx(80, rel=0.05)
    assert measured.idle_rss_mb < 12 and measured.idle_source == "mean of the idle phases"
    assert measured.idle_rss_mb < measured.mean_rss_mb < measured.peak_rss_mb
    assert measured.sampling_interval == 0.005 and measured.longest_gap > 0


def test_an_exception_in_the_work_says_what_and_where():
    with pytest.raises(meter.WorkFailed, match="raised ValueError: no such voice") as caught:
        meter.measure(raise_error, ("no such voice",), imports=NOTHING)
    assert "so far so good" in caught.value.measured.printed
    assert "raise_error" in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_child_leaves_its_readings():
    measured = meter.measure(kill_oneself, (50_000_000,), imports=NOTHING, check=False)
    assert measured.failure is not None and "SIGKILL" in measured.failure
    assert measured.result is None
    assert measured.peak_rss_mb == pytest.approx(50, rel=0.05)


@pytest.mark.parametrize(("work", "args", "word"), [(leave, (3,), "exit code 3"), (abort, (), "SIGABRT")])
def test_a_child_that_vanishes_is_named(work, args, word):
    measured = meter.measure(work, args, imports=NOTHING, check=False)
    assert measured.failure is not None and word in measured.failure


def test_a_child_that_hangs_is_ended_in_time():
    started = time.monotonic()
    measured = meter.measure(spin, imports=NOTHING, timeout=1, check=False)
    assert measured.failure == "ran out of its 1 s"
    assert time.monotonic() - started < 15


def test_much_output_and_a_big_result_pass_through():
    measured = meter.measure(much_to_say, imports=NOTHING)
    assert len(measured.result) == 3_000_000
    assert len(measured.printed) > 300_000


def test_a_result_that_cannot_be_sent_is_a_failure_not_a_hang():
    measured = meter.measure(os.fdopen, (1,), imports=NOTHING, check=False)
    assert measured.failure is not None


def test_a_function_of_a_notebook_cell_is_sent_by_value():
    program = (
        "from f5lite.memory import meter\n"
        "factor = 3\n"
        "def helper(x): return factor * x\n"
        "def cell(x): return helper(x) + 1\n"
        "print(meter.measure(cell, (2,), imports=()).result, meter.measure(lambda: factor, imports=()).result)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "7 3", run.stderr


def test_the_script_that_asks_is_not_run_again():
    assert meter.measure(own_main_module, imports=NOTHING).result == "__main__"


@pytest.mark.measures
def test_watch_measures_a_block_in_this_process():
    with meter.watch(interval=0.005) as measured:
        block = allocate_and_keep(70_000_000)
        with meter.phase("idle"):
            time.sleep(0.05)
    assert len(block) == 70_000_000
    assert measured.peak_rss_mb == pytest.approx(70, rel=0.1)
    assert measured.idle_rss_mb == pytest.approx(70, rel=0.1)
    assert measured.samples_taken > 2


def test_watch_lets_an_exception_through_with_its_figures():
    with pytest.raises(ZeroDivisionError), meter.watch() as measured:
        1 / 0  # noqa: B018
    assert measured.failure is not None and measured.failure.startswith("raised ZeroDivisionError")
    assert measured.wall_seconds > 0


def test_imports_that_are_not_installed_are_passed_over_but_broken_ones_are_not():
    assert meter.measure(allocate, (10,), imports=("no_such_module_anywhere",)).ok
    measured = meter.measure(allocate, (10,), imports=("tests.memory.broken_module",), check=False)
    assert measured.failure is not None and "RuntimeError" in measured.failure
    assert measured.peak_source.startswith("none")
