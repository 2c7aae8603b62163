"""The arithmetic from samples to figures, on made-up samples."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5lite.memory.measured import MB, Measured, Phase, Sample, fill_from_samples, longest_gap, mean_over


def sample(seconds: float, rss_mb: float, anonymous_mb: float = 0) -> Sample:
    return Sample(seconds, int(rss_mb * MB), int(anonymous_mb * MB), int((rss_mb - anonymous_mb) * MB))


def test_mean_weighs_by_time_not_by_number_of_samples():
    samples = [sample(0, 100), sample(9, 200), sample(9.5, 200), sample(10, 200)]
    assert mean_over(samples, [(0, 10)]) / MB == pytest.approx(110)


def test_mean_of_a_span_without_time_is_its_samples_mean_and_nan_without_any():
    assert mean_over([sample(1, 50)], [(1, 1)]) / MB == 50
    assert math.isnan(mean_over([sample(1, 50)], [(2, 3)]))
    assert math.isnan(mean_over([], [(0, 1)]))


def test_figures_are_over_the_baseline():
    measured = Measured(baseline_mb=100, baseline_anonymous_mb=40, wall_seconds=3.0)
    measured.samples = [sample(0, 100, 40), sample(1, 300, 90), sample(2, 150, 50), sample(3, 150, 50)]
    measured.phases = [Phase("idle", 2, 3)]
    fill_from_samples(measured)
    assert measured.peak_rss_mb == 200
    assert measured.peak_anonymous_mb == 50
    assert measured.peak_file_backed_mb == 150
    assert measured.idle_rss_mb == 50
    assert measured.mean_rss_mb == pytest.approx((0 + 200 + 50) / 3)
    assert measured.longest_gap == 1


def test_a_peak_that_the_kernel_saw_between_samples_is_kept():
    measured = Measured(baseline_mb=0, baseline_anonymous_mb=0, wall_seconds=1.0, peak_rss_mb=500)
    measured.samples = [sample(0, 0), sample(1, 10)]
    fill_from_samples(measured)
    assert measured.peak_rss_mb == 500
    assert measured.idle_source == "when the work had returned"


def test_to_dict_has_no_nan():
    assert None in Measured().to_dict().values()
    assert not any(isinstance(v, float) and math.isnan(v) for v in Measured().to_dict().values())


@given(st.lists(st.tuples(st.floats(0.001, 1), st.integers(0, 2000)), min_size=1, max_size=30))
def test_mean_lies_between_lowest_and_highest(steps):
    moment, samples = 0.0, []
    for gap, level in steps:
        samples.append(sample(moment, level))
        moment += gap
    levels = [s.rss for s in samples]
    assert min(levels) - 1 <= mean_over(samples, [(0, moment)]) <= max(levels) + 1
    assert longest_gap(samples, moment) <= max(gap for gap, _ in steps) + 1e-9
