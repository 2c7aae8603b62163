"""Sustained work: does a pass slow down, does the clock fall, does the processor warm up? For the claim `heat`.

A phone that grows hot lowers its clock, and then every pass takes longer. So the passes themselves are a thermometer,
also where no sensor can be read. Clock and temperature are read between passes, where the system shows them.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from f5lite.evidence.measurement import Measurement
from f5lite.memory import energy

SHARE = 5  # the first and the last fifth of the passes are compared
LOOK_EVERY = 1.0  # seconds between two looks at the sensors


@dataclass(frozen=True)
class Sustained:
    """`passes`: seconds of each pass in order. `looks`: what the sensors said, None where they say nothing."""

    seconds: float
    passes: list[float]
    looks: list[tuple[float, float | None, float | None]] = field(default_factory=list)  # second, MHz, °C
    joules: float | None = None
    sources: dict[str, str] = field(default_factory=dict)

    def _fifth(self, name: str, last: bool) -> Measurement:
        count = max(1, len(self.passes) // SHARE)
        return Measurement.of(name, self.passes[-count:] if last else self.passes[:count], "s")

    @property
    def early(self) -> Measurement:
        """A pass in the first fifth."""
        return self._fifth("first fifth", False)

    @property
    def late(self) -> Measurement:
        """A pass in the last fifth."""
        return self._fifth("last fifth", True)

    def _change(self, index: int, name: str, unit: str, source: str) -> Measurement:
        values = [look[index] for look in self.looks if look[index] is not None]
        if len(values) < 2:
            return Measurement.none(name, self.sources.get(source) or f"no {source} could be read", unit)
        third = max(1, len(values) // SHARE)
        rise = statistics.median(values[-third:]) - statistics.median(values[:third])
        return Measurement.of(name, rise, unit)

    def warming(self, name: str = "warming") -> Measurement:
        """How much warmer the hottest sensor is at the end than at the start, °C."""
        return self._change(2, name, "°C", "temperature")

    def clock(self, name: str = "clock") -> Measurement:
        """How much the clock changed, MHz: below zero when it fell."""
        return self._change(1, name, "MHz", "clock")

    def power(self, name: str = "power") -> Measurement:
        """The whole processor's power while the passes ran, W."""
        if self.joules is None:
            return Measurement.none(name, "this machine shows no power meter to its programs", "W")
        return Measurement.of(name, self.joules / self.seconds, "W")


def keep_busy(
    work: Callable[[], object],
    seconds: float,
    look: Callable[[], energy.Sensors] = energy.sensors,
    clock: Callable[[], float] = time.perf_counter,
    at_least: int = 2 * SHARE,
) -> Sustained:
    """Call `work` again and again for `seconds`, `at_least` so many times, and look at the sensors about once a second."""
    before = latest = look()
    begin = clock()
    looks, passes = [(0.0, before.clock_mhz, before.celsius)], []
    while len(passes) < at_least or clock() - begin < seconds:
        start = clock()
        work()
        now = clock()
        passes.append(now - start)
        if now - begin - looks[-1][0] >= LOOK_EVERY:
            latest = look()
            looks.append((now - begin, latest.clock_mhz, latest.celsius))
    whole, latest = clock() - begin, look()
    looks.append((whole, latest.clock_mhz, latest.celsius))
    joules, source = energy.joules_between(before, latest)
    sources = {"clock": latest.clock_source, "temperature": latest.temperature_source, "power": source}
    return Sustained(whole, passes, looks, joules, sources)


def sustain(
    folder: str | os.PathLike[str],
    frames: int,
    seconds: float = 300.0,
    attention: str | None = None,
    engine: str = "auto",
) -> Sustained:
    """Passes of the model in `folder` on the guided pair of `frames` frames, one after another for `seconds`.

    The first pass, which pays for setting up, is done before the clock starts.
    """
    import torch

    from f5lite.pipeline import load

    pipeline = load(folder, attention=attention, engine=engine)
    pair = torch.randn(2, frames, pipeline.config.dit.dim, generator=torch.Generator().manual_seed(0))
    now = torch.tensor(0.5)
    with pipeline.acoustic as dit, torch.inference_mode():
        dit.flow(pair, now)
        return keep_busy(lambda: dit.flow(pair, now), seconds)
