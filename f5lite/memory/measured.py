"""What a measurement says: the `Measured` record and the arithmetic from sampled readings to its figures. Pure.

MB is 10^6 bytes. Every `…_mb` figure is over the baseline (the process with its imports done) unless its name says `whole`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

MB = 1e6


@dataclass(frozen=True)
class Sample:
    """One sampled moment: seconds since the work began, and bytes of the whole process."""

    seconds: float
    rss: int
    anonymous: int
    file_backed: int
    shared: int = 0


@dataclass(frozen=True)
class Phase:
    """A named part of the work, in seconds since it began (see `meter.phase`)."""

    name: str
    start: float
    end: float


@dataclass
class Measured:
    """One piece of work with its memory, time and energy.

    `failure` is None when the work returned; otherwise one sentence that says how it ended, and the figures hold up to there.
    """

    result: Any = None
    failure: str | None = None
    baseline_mb: float = math.nan
    baseline_anonymous_mb: float = math.nan
    peak_rss_mb: float = math.nan
    peak_source: str = ""
    peak_anonymous_mb: float = math.nan
    peak_file_backed_mb: float = math.nan
    peak_shared_mb: float = math.nan
    mean_rss_mb: float = math.nan
    idle_rss_mb: float = math.nan
    idle_source: str = ""
    wall_seconds: float = math.nan
    cpu_seconds: float = math.nan
    minor_faults: int = 0
    major_faults: int = 0
    joules: float | None = None
    joules_source: str = ""
    clock_mhz: float | None = None
    celsius: float | None = None
    source: str = ""
    sampling_interval: float = math.nan
    longest_gap: float = math.nan
    sampler_cpu_seconds: float = math.nan
    samples_taken: int = 0
    printed: str = ""
    samples: list[Sample] = field(default_factory=list, repr=False)
    phases: list[Phase] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.failure is None

    @property
    def whole_peak_rss_mb(self) -> float:
        """Peak RSS of the whole process, imports included."""
        return self.baseline_mb + self.peak_rss_mb

    def phase_mean_mb(self, name: str) -> float:
        """Time-averaged RSS over the baseline during every phase of that name; nan when no sample fell in one."""
        spans = [(phase.start, phase.end) for phase in self.phases if phase.name == name]
        return mean_over(self.samples, spans) / MB - self.baseline_mb

    def to_dict(self) -> dict[str, Any]:
        """Everything but the result and the samples, for a ledger or for JSON (nan becomes None)."""
        left_out = {"result", "samples", "phases", "printed"}
        plain = {key: value for key, value in vars(self).items() if key not in left_out}
        return {
            key: None if isinstance(value, float) and math.isnan(value) else value
            for key, value in plain.items()
        }


def mean_over(samples: Sequence[Sample], spans: Iterable[tuple[float, float]]) -> float:
    """RSS averaged over time within the spans, each sample holding until the next. Bytes; nan without a sample."""
    weight = total = 0.0
    inside = list(spans)
    for number, sample in enumerate(samples):
        until = samples[number + 1].seconds if number + 1 < len(samples) else sample.seconds
        for start, end in inside:
            held = min(until, end) - max(sample.seconds, start)
            if held > 0:
                weight += held
                total += held * sample.rss
    if weight:
        return total / weight
    within = [s.rss for s in samples if any(start <= s.seconds <= end for start, end in inside)]
    return sum(within) / len(within) if within else math.nan


def longest_gap(samples: Sequence[Sample], wall_seconds: float) -> float:
    """The longest time without a sample: what a sampled peak may have missed."""
    moments = [0.0, *(sample.seconds for sample in samples), wall_seconds]
    return max(later - earlier for earlier, later in zip(moments, moments[1:], strict=False))


def fill_from_samples(measured: Measured) -> None:
    """Set the figures that come from samples (the first of them is the baseline): peaks, average, idle, the longest gap.

    A peak that the kernel counted is kept where it is higher. `idle` is the mean of the phases named "idle", if there are any;
    else the last sample: what the process still holds when the work has returned.
    """
    samples = measured.samples
    if not samples:
        return
    base, base_anonymous = measured.baseline_mb, measured.baseline_anonymous_mb
    sampled_peak = max(sample.rss for sample in samples) / MB - base
    if math.isnan(measured.peak_rss_mb) or sampled_peak > measured.peak_rss_mb:
        measured.peak_rss_mb = sampled_peak
    measured.peak_anonymous_mb = max(sample.anonymous for sample in samples) / MB - base_anonymous
    measured.peak_file_backed_mb = (max(s.file_backed for s in samples) - samples[0].file_backed) / MB
    measured.peak_shared_mb = (max(s.shared for s in samples) - samples[0].shared) / MB
    wall = samples[-1].seconds if math.isnan(measured.wall_seconds) else measured.wall_seconds
    measured.mean_rss_mb = mean_over(samples, [(0.0, wall)]) / MB - base
    idle = measured.phase_mean_mb("idle")
    if math.isnan(idle):
        measured.idle_rss_mb, measured.idle_source = samples[-1].rss / MB - base, "when the work had returned"
    else:
        measured.idle_rss_mb, measured.idle_source = idle, "mean of the idle phases"
    measured.longest_gap = longest_gap(samples, wall)
