"""Sustained work: slowing down, warming and power from made-up sensors, and a short real run."""

from __future__ import annotations

import itertools

import pytest

from benchmarks import heat as benchmark
from f5lite.evidence import heat
from f5lite.evidence.ledger import Ledger
from f5lite.memory.energy import Sensors


def sensors(celsius: float | None, mhz: float | None = 2000.0, joules: float | None = None) -> Sensors:
    domains = {} if joules is None else {"intel-rapl:0": (joules, 0.0)}
    return Sensors(domains, mhz, "made up", celsius, "this system shows no temperature")


def run(seconds: float, looks, pass_seconds) -> heat.Sustained:
    """Passes that take what `pass_seconds` yields, on a clock that only they move."""
    now = [0.0]

    def work() -> None:
        now[0] += next(pass_seconds)

    return heat.keep_busy(work, seconds, look=lambda: next(looks), clock=lambda: now[0])


def test_a_machine_that_slows_down_and_warms_up() -> None:
    looks = (sensors(40 + count, 3000 - 50 * count, 100.0 * count) for count in itertools.count())
    found = run(20, looks, iter([1.0] * 12 + [1.5] * 99))
    assert found.seconds >= 20 and found.early.median == 1.0 and found.late.median == 1.5
    assert found.warming().median > 5 and found.clock().median < -100
    assert found.power().median == pytest.approx(100 * (len(found.looks) - 1) / found.seconds, rel=0.1)


def test_without_sensors_the_reason_is_kept_and_passes_still_tell() -> None:
    found = run(5, itertools.repeat(sensors(None)), itertools.repeat(0.5))
    assert found.warming().missing == "this system shows no temperature"
    assert "no power meter" in found.power().missing
    assert found.early.median == found.late.median == 0.5


def test_long_passes_are_made_often_enough_to_compare() -> None:
    found = run(0.0, itertools.repeat(sensors(50.0)), itertools.repeat(9.0))
    assert found.early.repeats == found.late.repeats == 2


def test_a_real_run_and_what_is_printed_and_recorded(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("F5LITE_LEDGER", str(tmp_path / "ledger.json"))
    found = heat.sustain("tiny", 64, seconds=0.2)
    assert found.seconds >= 0.2 and len(found.passes) >= 2
    said = "\n".join(benchmark.lines("tiny", found))
    assert "in the first fifth" in said and "temperature" in said and "power" in said
    benchmark.record(found, found)
    assert Ledger().latest("heat").claim == "heat"
