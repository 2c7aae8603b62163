"""Energy, clock and temperature, where they can be read. Where they can't, the answer is None and a reason.

CPU seconds are always known and belong to the process. RAPL joules belong to the whole processor package,
other programs included.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

RAPL_LABEL = "RAPL, whole processor package: other programs included"


@dataclass(frozen=True)
class Sensors:
    """One look at the sensors. `joules` maps a RAPL domain to (counter, its highest value), both in joules."""

    joules: dict[str, tuple[float, float]]
    clock_mhz: float | None
    clock_source: str
    celsius: float | None
    temperature_source: str


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text().strip())
    except (OSError, ValueError):
        return None


def _joules(root: Path) -> dict[str, tuple[float, float]]:
    """Package domains only (`intel-rapl:0`): their parts (`intel-rapl:0:0`) are already counted in them."""
    found = {}
    for folder in sorted((root / "sys/class/powercap").glob("*-rapl:*")):
        if not re.fullmatch(r"[\w-]*-rapl:\d+", folder.name) or "mmio" in folder.name:
            continue
        now, highest = _number(folder / "energy_uj"), _number(folder / "max_energy_range_uj")
        if now is not None:
            found[folder.name] = (now / 1e6, (highest or 0.0) / 1e6)
    return found


def _clock(root: Path) -> tuple[float | None, str]:
    readings = [
        value
        for path in (root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_cur_freq")
        if (value := _number(path)) is not None
    ]
    if readings:
        return fmean(readings) / 1e3, "cpufreq, mean of all cores"
    try:
        text = (root / "proc/cpuinfo").read_text()
    except OSError:
        return None, "this system shows no clock"
    values = [float(value) for value in re.findall(r"^cpu MHz\s*:\s*([\d.]+)", text, re.MULTILINE)]
    if not values:
        return None, "this system shows no clock"
    return fmean(values), "/proc/cpuinfo: a virtual machine shows a fixed figure here"


def _temperature(root: Path) -> tuple[float | None, str]:
    zones = [
        (value, path)
        for pattern in ("sys/class/thermal/thermal_zone*/temp", "sys/class/hwmon/hwmon*/temp*_input")
        for path in root.glob(pattern)
        if (value := _number(path)) is not None and 0 < value < 150_000
    ]
    if not zones:
        return None, "this system shows no temperature"
    hottest, path = max(zones, key=lambda zone: zone[0])
    return hottest / 1e3, f"hottest sensor: {path.parent.name}"


def sensors(root: Path = Path("/")) -> Sensors:
    """Read every sensor that can be read. `root` is the file system to look in (tests make one)."""
    clock, clock_source = _clock(root)
    celsius, temperature_source = _temperature(root)
    return Sensors(_joules(root), clock, clock_source, celsius, temperature_source)


def joules_between(before: Sensors, after: Sensors) -> tuple[float | None, str]:
    """Joules used between two looks, counters that wrapped around included, and where they come from."""
    if not before.joules:
        return None, "no energy counter can be read here"
    total = 0.0
    for domain, (start, highest) in before.joules.items():
        if domain not in after.joules:
            return None, f"energy counter {domain} could not be read again"
        used = after.joules[domain][0] - start
        total += used + highest if used < 0 else used
    return total, RAPL_LABEL
