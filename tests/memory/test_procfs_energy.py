"""What the system says about memory and energy, read from made-up files and from this process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from f5lite.memory import energy, procfs

STATUS = b"""Name:\tVmRSS: 1 kB
VmHWM:\t    300 kB
VmRSS:\t    200 kB
RssAnon:\t    120 kB
RssFile:\t     70 kB
RssShmem:\t     10 kB
VmSwap:\t      4 kB
Threads:\t1
"""


def test_status_is_read_in_bytes():
    reading = procfs.parse_status(STATUS)
    assert reading == procfs.Reading(200 << 10, 120 << 10, 70 << 10, 10 << 10, 4 << 10, 300 << 10)


def test_a_process_without_memory_reads_as_zero():
    assert procfs.parse_status(b"Name:\tkthreadd\nThreads:\t1\n") == procfs.Reading(0, 0, 0)


@pytest.mark.measures
def test_probe_agrees_with_psutil():
    psutil = pytest.importorskip("psutil")
    with procfs.Probe() as probe:
        reading = probe.read()
    assert reading is not None
    assert reading.rss == pytest.approx(psutil.Process().memory_info().rss, rel=0.05)


def test_probe_of_an_ended_process_reads_none():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with procfs.Probe(process.pid) as probe:
        assert probe.read() is not None
        process.kill()
        process.wait()
        assert probe.read() is None


def test_psutil_stands_in_with_its_label(monkeypatch):
    monkeypatch.setattr(procfs.Path, "exists", lambda self: False)
    with procfs.Probe(os.getpid()) as probe:
        reading = probe.read()
    assert reading is not None and reading.rss > 0
    assert reading.anonymous + reading.file_backed == reading.rss
    assert "stands in" in probe.source and not probe.exact_peak


def tree(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def rapl(root: Path, microjoules: int) -> Path:
    for name in ("intel-rapl:0", "intel-rapl:0:0"):
        folder = root / "sys/class/powercap" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "energy_uj").write_text(f"{microjoules}\n")
        (folder / "max_energy_range_uj").write_text("10000000\n")
    return root


def test_joules_count_packages_once_and_survive_a_wrap(tmp_path):
    before = energy.sensors(rapl(tmp_path, 9_000_000))
    after = energy.sensors(rapl(tmp_path, 1_500_000))
    joules, source = energy.joules_between(before, after)
    assert joules == pytest.approx(2.5)
    assert "other programs" in source


def test_no_sensors_says_so(tmp_path):
    nothing = energy.sensors(tmp_path)
    assert energy.joules_between(nothing, nothing) == (None, "no energy counter can be read here")
    assert (nothing.clock_mhz, nothing.celsius) == (None, None)


def test_clock_and_temperature(tmp_path):
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    clock = tmp_path / "sys/devices/system/cpu/cpu0/cpufreq"
    for folder in (zone, clock):
        folder.mkdir(parents=True)
    (zone / "temp").write_text("61000\n")
    (clock / "scaling_cur_freq").write_text("3100000\n")
    found = energy.sensors(tmp_path)
    assert found.celsius == 61 and found.clock_mhz == 3100
    (clock / "scaling_cur_freq").unlink()
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("cpu MHz\t\t: 2400.0\ncpu MHz\t\t: 2600.0\n")
    assert energy.sensors(tmp_path).clock_mhz == 2500
