"""Batches for the acoustic model: each a function of seed and step alone, so a resumed run sees what an unbroken one does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from f5lite.model.flow import frames_to_make
from recipes.voice.network import encode, seeded

GRID = 64  # oneDNN makes code for every new shape; lengths on a grid took a third off the time
ENDING = " "  # between the reference's text and the new one, as in the model's configuration
PAIRS = 0.75  # how many examples are two utterances of one speaker
GUESSED = 0.6  # how often the second one gets the length that the sampler would guess,
STRETCHED = 0.2  # and how often another one
WHOLE = 0.85  # how often all of the second is masked, and nothing else
PACE, FARTHEST = (0.9, 1.15), (0.7, 1.4)  # of that other one; of any guess
Example = tuple[tuple[int, int], ...]  # (utterance, frames to give it), one or two


@dataclass(frozen=True)
class Item:
    """An utterance ready for training. mel: n 100, float16; labels: n, the character that each frame speaks."""

    text: str
    speaker: tuple
    mel: torch.Tensor
    labels: torch.Tensor


@dataclass(frozen=True)
class Batch:
    """mel: b n 100; tokens: b t, −1 after the end; labels: b n; span: b n, the frames to generate; valid: b n."""

    mel: torch.Tensor
    tokens: torch.Tensor
    labels: torch.Tensor
    span: torch.Tensor
    valid: torch.Tensor

    def to(self, device: str) -> Batch:
        return Batch(*(value.to(device) for value in vars(self).values()))


class Source:
    """`frames`: about how many a batch holds. Most examples are two utterances of one speaker, end to end: with the
    second one masked, cloning from a reference is what the model learns. The second is mostly stretched or shrunk to
    the length that the sampler would give it: a guess from the reference's pace, wrong by a tenth."""

    def __init__(self, items: Sequence[Item], frames: int, seed: int = 0):
        self.items, self.frames, self.seed = items, frames, seed
        self.lengths = [len(item.mel) for item in items]
        self.voices: dict[tuple, list[int]] = {}
        for index, item in enumerate(items):
            self.voices.setdefault(item.speaker, []).append(index)

    def example(self, rng) -> Example:
        """One utterance, or two of one speaker."""
        first = rng.randrange(len(self.items))
        others = self.voices[self.items[first].speaker]
        if rng.random() < PAIRS and len(others) > 1:
            second = rng.choice(others)
            return (first, self.lengths[first]), (second, self.given(rng, first, second))
        return ((first, self.lengths[first]),)

    def given(self, rng, first: int, second: int) -> int:
        """Frames for the second utterance after the first."""
        true, which, pace = self.lengths[second], rng.random(), 1.0
        if which < GUESSED:
            pace = guessed(self.items[first], self.items[second]) / true
            pace = min(max(pace, FARTHEST[0]), FARTHEST[1])
        elif which < GUESSED + STRETCHED:
            pace = rng.uniform(*PACE)
        return round(true * pace)

    def chosen(self, step: int) -> list[Example]:
        """Examples of one length on the grid."""
        rng = seeded("batch", self.seed, step)
        examples = [self.example(rng)]
        wanted = self.on_grid(examples[0])
        size = max(2, self.frames // wanted)
        for _ in range(100 * size):
            if len(examples) == size:
                break
            example = self.example(rng)
            if self.on_grid(example) == wanted:
                examples.append(example)
        return examples

    def on_grid(self, example: Example) -> int:
        return -(-sum(frames for _, frames in example) // GRID) * GRID

    def batch(self, step: int) -> Batch:
        """The batch of this step."""
        rng, examples = seeded("mask", self.seed, step), self.chosen(step)
        longest, size = self.on_grid(examples[0]), len(examples)
        mel, labels = torch.zeros(size, longest, 100), torch.zeros(size, longest, dtype=torch.long)
        span, valid = (
            torch.zeros(size, longest, dtype=torch.bool),
            torch.zeros(size, longest, dtype=torch.bool),
        )
        codes = [encode(ENDING.join(self.items[i].text for i, _ in example)) for example in examples]
        tokens = torch.full((size, max(map(len, codes))), -1)
        for row, example in enumerate(examples):
            parts = [stretched(self.items[i], frames) for i, frames in example]
            length = sum(len(part.mel) for part in parts)
            mel[row, :length] = torch.cat([part.mel for part in parts]).float()
            labels[row, :length] = torch.cat([part.labels for part in parts]).long()
            tokens[row, : len(codes[row])] = torch.tensor(codes[row])
            valid[row, :length] = True
            if len(parts) == 2 and rng.random() < WHOLE:
                span[row, len(parts[0].mel) : length] = True
            else:
                masked = int(length * rng.uniform(0.7, 1.0))
                start = rng.randrange(length - masked + 1)
                span[row, start : start + masked] = True
        return Batch(mel, tokens, labels, span, valid)


def guessed(first: Item, second: Item) -> int:
    """The frames that the sampler would give the second utterance after the first."""
    return frames_to_make(len(first.mel), first.text + ENDING, second.text) - len(first.mel)


def stretched(item: Item, frames: int) -> Item:
    """The same speech in so many frames: mels on straight lines between their frames, so the pitch stays."""
    have = len(item.mel)
    if frames == have:
        return item
    at = torch.linspace(0, have - 1, frames)
    before = at.long().clamp(max=have - 2)
    mel = torch.lerp(item.mel[before].float(), item.mel[before + 1].float(), (at - before)[:, None])
    return replace(item, mel=mel, labels=item.labels[at.round().long()])
