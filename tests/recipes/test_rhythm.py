"""The rhythm: frames of the second utterance alone are counted, in every pass of the sampler, from the noise it is given."""

from __future__ import annotations

import torch

from f5lite.model.flow import time_grid
from recipes.voice import rhythm
from recipes.voice.batches import guessed, stretched
from recipes.voice.network import CHARACTERS

from . import made


class Naming(torch.nn.Module):
    """Names the first `known` frames of the second utterance rightly, all others as a hyphen; flows to silence."""

    def __init__(self, first, second, known: int):
        super().__init__()
        self.start, self.labels, self.known, self.calls = len(first.mel), second.labels, known, []

    def forward(self, x, known, tokens, time, valid, drop_text, drop_audio):
        self.calls.append((float(time), float(x.std()), known, tokens))
        named = torch.full((x.shape[1],), CHARACTERS.index("-"))
        named[self.start : self.start + self.known] = self.labels[: self.known]
        return torch.zeros_like(x), torch.nn.functional.one_hot(named, len(CHARACTERS)).float()[None]


def test_shares_are_of_the_second_utterance_in_each_pass():
    first, second = made.items()[:2]
    network = Naming(first, second, len(second.mel) // 2)
    shares = rhythm.right(network, first, second, 3, 0.25)
    assert shares == [len(second.mel) // 2 / len(second.mel)] * rhythm.STEPS
    times, strengths, known, tokens = zip(*network.calls, strict=True)
    assert list(times) == time_grid(rhythm.STEPS)[:-1].tolist()
    assert abs(strengths[0] - 0.25) < 0.02
    assert not known[0][0, len(first.mel) :].any() and known[0][0, : len(first.mel)].any()
    assert tokens[0].shape == (1, len(first.text) + 1 + len(second.text))


def test_a_guessed_length_is_the_references_pace():
    first, second = made.items()[0], next(item for item in made.items() if len(item.text) >= 10)
    frames = guessed(first, second)
    assert frames == int(len(first.mel) / len(first.text + " ") * len(second.text))
    assert len(stretched(second, frames).mel) == frames
