"""Ways to sample: what they cost in halves, that they start from the same noise, and how far apart they end."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import f5lite
from f5lite.evidence import sampling
from f5lite.evidence.sampling import Sentence, Way, apart, distances, grid
from f5lite.model import flow

TEXT = "hello there"


def test_grids_are_those_of_the_sampler() -> None:
    assert torch.equal(grid("EPSS", 7), flow.time_grid(7))
    assert torch.equal(grid("swayed", 7), flow.time_grid(7, epss=False))
    assert torch.allclose(grid("even", 4), torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]))
    assert torch.equal(grid("EPSS", 32), grid("swayed", 32)), "no pruned grid is known for 32"


@pytest.mark.parametrize(
    ("guidance", "until", "halves"),
    [(1.0, 1.0, 8), (0.0, 1.0, 4), (1.0, 0.5, 6), (1.0, 0.25, 5), (1.0, 0.0, 4)],
)
def test_halves_are_counted(guidance: float, until: float, halves: int) -> None:
    assert Way(grid("even", 4), guidance, until).halves == halves


def test_it_samples_what_the_pipeline_speaks(small_model: Path) -> None:
    pipeline = f5lite.load(small_model)
    sentence = Sentence(pipeline, TEXT)
    for way, how in (
        (Way(grid("EPSS", 5), 2.0), {}),
        (Way(grid("EPSS", 5), 2.0, 0.05), {"guided_until": 0.05}),
    ):
        spoken = pipeline.speak(TEXT, steps=5, guidance=2.0, seed=3, **how).mel
        assert torch.equal(sentence.mel(way, 3), torch.from_numpy(spoken))


def test_distances_share_what_is_the_same(small_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sentence, made, done = Sentence(f5lite.load(small_model), TEXT), [], []
    sample = flow.sample
    monkeypatch.setattr(sampling.flow, "sample", lambda *a, **how: made.append(1) or sample(*a, **how))
    ways = {"a": Way(grid("swayed", 2), 1.0), "b": Way(grid("EPSS", 2), 1.0), "c": Way(grid("even", 2), 1.0)}
    found = distances(sentence, ways, Way(grid("swayed", 8), 1.0), done=lambda: done.append(1))
    assert found["a"] == found["b"] > 0 and found["c"] != found["a"]
    assert len(made) == 3 and len(done) == 3
    assert distances(sentence, {"itself": ways["a"]}, ways["a"]) == {"itself": 0.0}


def test_apart_is_in_decibels() -> None:
    quiet = torch.zeros(4, 10)
    assert apart(quiet, quiet + torch.log(torch.tensor(10.0))) == pytest.approx(20.0)
