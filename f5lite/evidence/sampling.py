"""Fewer passes, and cheaper ones: how far each way ends from where many small steps lead, and what it costs.

Everything starts from the same noise, so that the distance between two mels is the sampler's doing alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from f5lite.model import flow

DECIBELS = 20 / math.log(10)  # a natural logarithm of an amplitude, in dB
GRIDS: dict[str, tuple[float | None, bool]] = {
    "even": (None, False),
    "swayed": (-1.0, False),
    "EPSS": (-1.0, True),
}


def grid(kind: str, steps: int) -> torch.Tensor:
    """The flow times 0 … 1 of a kind of grid, (steps + 1,). "EPSS" where that number has no pruned grid is "swayed"."""
    sway, epss = GRIDS[kind]
    return flow.time_grid(steps, sway, epss)


@dataclass(frozen=True)
class Way:
    """One way to sample. grid: the flow times; guidance and until: as `flow.sample` takes them."""

    grid: torch.Tensor
    guidance: float
    until: float = 1.0

    @property
    def key(self) -> tuple[Any, ...]:
        """The same for ways that do the same."""
        return (*self.grid.tolist(), self.guidance, self.until)

    @property
    def halves(self) -> int:
        """Passes on one utterance: a guided pass is a pair of them."""
        if self.guidance < flow.SHORTEST_GUIDANCE:
            return len(self.grid) - 1
        return sum(2 if time < self.until else 1 for time in self.grid[:-1].tolist())


class Sentence:
    """A text in a bundled voice, ready to be sampled in many ways: what the text stage made of it is kept."""

    def __init__(self, pipeline: Any, text: str, voice: str = "kumo") -> None:
        self.pipeline, reference = pipeline, pipeline.reference(voice)
        tokens = pipeline.files.vocabulary.encode([reference.text + text]).to(pipeline.device)
        self.cond = reference.mel[None].to(pipeline.device)
        self.spoken = reference.samples // pipeline.config.mel.hop_length
        frames = flow.frames_to_make(self.spoken, reference.text, text)
        with torch.inference_mode(), pipeline.text as embed:
            self.text = embed(tokens, frames)
            self.no_text = embed(tokens, frames, drop_text=True)

    def mel(self, way: Way, seed: int) -> torch.Tensor:
        """The new speech as natural-log mels, frames × n_mels."""
        with self.pipeline.acoustic as dit:
            made = flow.sample(
                dit,
                self.cond,
                self.text,
                self.no_text,
                grid=way.grid,
                guidance=way.guidance,
                guided_until=way.until,
                temperature=self.pipeline.config.temperature,
                seed=seed,
            )
        return made[0, self.spoken :].float()


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """Root of the mean square difference of two mels, dB."""
    return DECIBELS * float((one - other).square().mean().sqrt())


def distances(
    sentence: Sentence,
    ways: Mapping[Any, Way],
    target: Way,
    seed: int = 0,
    done: Callable[[], object] = lambda: None,
) -> dict[Any, float]:
    """dB from each way's mel to the target's. What two ways have in common is made once; `done` is called after each."""
    end, made = sentence.mel(target, seed), {}
    for way in ways.values():
        if way.key not in made:
            made[way.key] = apart(sentence.mel(way, seed), end)
        done()
    return {name: made[way.key] for name, way in ways.items()}
