"""Which character each mel frame speaks: `python -m recipes.voice.align labels.npz --corpus corpus [--epochs 12]`.

Trains a small CTC recogniser on the corpus itself (0.7 M parameters, minutes), takes its best path for every utterance,
and gives each frame the nearest character on it. train.py uses the result in a loss that makes alignment appear early.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from f5lite.files import atomic
from f5lite.model.mel import log_mel
from recipes.voice import machine, shards
from recipes.voice.network import CHARACTERS, encode

BLANK, SILENCE, BATCH = len(CHARACTERS), -11.5, 32
Heard = tuple[torch.Tensor, list[int]]  # n 100 mels, character codes


class Recogniser(nn.Module):
    """b n 100 → b n/2 34: log probabilities of the characters and of the blank."""

    def __init__(self, width: int = 160):
        super().__init__()
        self.first = nn.Conv1d(100, width, 5, 2, 2)
        self.convolutions = nn.ModuleList(nn.Conv1d(width, width, 5, 1, 2) for _ in range(3))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.recurrent = nn.GRU(width, 96, batch_first=True, bidirectional=True)
        self.out = nn.Linear(192, BLANK + 1)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        x = F.gelu(self.first(((mel + 5) / 3).transpose(1, 2)))
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = x + F.gelu(convolution(norm(x.transpose(1, 2)).transpose(1, 2)))
        return self.out(self.recurrent(x.transpose(1, 2))[0]).log_softmax(-1)


def best_path(scores: np.ndarray, tokens: Sequence[int]) -> np.ndarray:
    """CTC's Viterbi: the state of each frame. State 2 i + 1 is token i, even states are blanks. scores: n c."""
    states = np.array([state for token in tokens for state in (BLANK, token)] + [BLANK])
    may_skip = np.r_[False, False, (states[2:] != BLANK) & (states[2:] != states[:-2])]
    emitted, never = scores[:, states], -1e9
    best = np.full(len(states), never)
    best[:2] = emitted[0, :2]
    came = np.zeros(emitted.shape, np.int8)
    for frame in range(1, len(scores)):
        skipped = np.where(may_skip, np.r_[never, never, best[:-2]], never)
        moves = np.stack([best, np.r_[never, best[:-1]], skipped])
        came[frame] = moves.argmax(0)
        best = moves.max(0) + emitted[frame]
    state = len(states) - 1 - int(best[-2] > best[-1])
    path = np.zeros(len(scores), int)
    for frame in reversed(range(len(scores))):
        path[frame] = state
        state -= came[frame, state]
    return path


def frame_labels(scores: np.ndarray, tokens: Sequence[int], frames: int) -> np.ndarray:
    """The character of each of `frames` mel frames; scores are at half their rate."""
    path = best_path(scores, tokens)
    centres = 2 * np.array([np.flatnonzero(path == 2 * i + 1).mean() for i in range(len(tokens))]) + 0.5
    return np.array(tokens)[np.searchsorted((centres[1:] + centres[:-1]) / 2, np.arange(frames))]


def learn(items: Sequence[Heard], epochs: int, seed: int = 0) -> Recogniser:
    """Train the recogniser; utterances of like length share a batch, noise is added from the third epoch on."""
    torch.manual_seed(seed)
    rng, model, step, begin = random.Random(seed), Recogniser(), 0, time.monotonic()
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=0.01)
    last = max(1, epochs * len(items) / BATCH)
    for epoch in range(epochs):
        order = sorted(range(len(items)), key=lambda i: len(items[i][0]) + 30 * rng.random())
        groups = [[items[i] for i in order[k : k + BATCH]] for k in range(0, len(order), BATCH)]
        rng.shuffle(groups)
        seen = []
        for group in groups:
            optimiser.param_groups[0]["lr"] = 2e-3 * min(1, (step + 1) / 100) * max(0.05, 1 - step / last)
            loss = ctc_loss(model, group, noise=0.3 if epoch > 1 else 0.0)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            step += 1
            seen.append(float(loss.detach()))
        spent = time.monotonic() - begin
        left = spent / (epoch + 1) * (epochs - epoch - 1)
        print(f"epoch {epoch + 1} of {epochs}: loss {np.mean(seen):.3f}, about {left:.0f} s left", flush=True)
    return model.eval()


def ctc_loss(model: Recogniser, group: Sequence[Heard], noise: float) -> torch.Tensor:
    x = torch.full((len(group), max(len(mel) for mel, _ in group), 100), SILENCE)
    for row, (mel, _) in enumerate(group):
        x[row, : len(mel)] = mel
    x = x + noise * torch.randn_like(x)
    return F.ctc_loss(
        model(x).transpose(0, 1),
        torch.tensor([token for _, tokens in group for token in tokens]),
        torch.tensor([(len(mel) + 1) // 2 for mel, _ in group]),
        torch.tensor([len(tokens) for _, tokens in group]),
        blank=BLANK,
        zero_infinity=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("labels", type=Path)
    parser.add_argument("--corpus", nargs="+", required=True)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int)
    o = parser.parse_args()
    machine.threads(o.threads)
    items = [(log_mel(said.as_float()), encode(said.text)) for said in shards.read(o.corpus)]
    model = learn(items, o.epochs, o.seed)
    with torch.inference_mode():
        labels = [frame_labels(model(m[None])[0].numpy(), t, len(m)).astype(np.int8) for m, t in items]
    with atomic(o.labels) as temporary:
        np.savez(temporary, labels=np.concatenate(labels), frames=np.array([len(x) for x in labels]))


if __name__ == "__main__":
    main()
