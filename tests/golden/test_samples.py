"""Whole trajectories against `CFM.sample`: linear, swayed and EPSS grids, guidance, batches, Euler and midpoint."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from f5lite.model.flow import time_grid
from tests.golden import cases, compare, ours

GOLDEN = "samples"


@functools.cache
def sampled(name: str) -> tuple[float, float]:
    """The difference of the result, and of the points passed on the way."""
    case = cases.SAMPLES[name]
    model = ours.Model(cases.shape(case["shape"]), "dit", case["shape"])
    seen: list[np.ndarray] = []
    inputs = cases.sample_inputs(name, case)
    out = ours.run_sample(model, inputs, seen)
    theirs = compare.arrays(GOLDEN)
    end = compare.difference(compare.thinned(out), theirs[f"{name}/mel"], f"sample/{name}")
    # The network is asked twice a guided evaluation, and twice a midpoint step: keep the first time at each grid point.
    stride = (2 if inputs["guidance"] else 1) * (2 if inputs["method"] == "midpoint" else 1)
    points = np.stack(seen[::stride])[:, :, ::5, ::10]
    way = compare.difference(points, theirs[f"{name}/trajectory"][:-1], f"trajectory/{name}")
    return end, way


@pytest.mark.parametrize("name", cases.SAMPLES)
def test_sample_is_upstreams(name: str) -> None:
    end, way = sampled(name)
    assert end <= compare.LIMIT
    assert way <= compare.LIMIT


def test_most_samples_are_within_the_usual_difference() -> None:
    found = [sampled(name)[0] for name in cases.SAMPLES]
    assert sum(value <= compare.USUAL for value in found) >= 0.75 * len(found)


def grids() -> list[str]:
    return sorted(key for key in compare.arrays(GOLDEN) if key.startswith("grid/"))


@pytest.mark.parametrize("key", grids())
def test_time_grid_is_upstreams(key: str) -> None:
    _, steps, kind, sway = key.split("/")
    found = time_grid(int(steps), None if sway == "None" else float(sway), kind == "epss").numpy()
    assert compare.difference(found, compare.arrays(GOLDEN)[key], key) <= 1e-6


def test_the_noise_of_a_seed_is_upstreams() -> None:
    """Each utterance of a batch starts from the same numbers, however long it is."""
    start = compare.arrays(GOLDEN)["batch/trajectory"][0]
    assert np.array_equal(start[0, :4], start[1, :4]) and np.array_equal(start[0, :4], start[2, :4])
    from f5lite.model.flow import noise

    assert np.array_equal(noise([40, 21, 33], cases.MELS, 11).numpy()[:, ::5, ::10], start)
