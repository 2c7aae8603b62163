"""Does each frame speak the character that it should? After each pass of the sampler, by the head that training has:

    python -m recipes.voice.rhythm work/voice.pt --corpus work/corpus --labels work/labels.npz [--pairs 60]

Of two utterances of one speaker the second is spoken anew: with its true length, and stretched to the length that the sampler
would guess. A model whose sentences are half in place shows here what it gains before its word errors do. Four minutes a run.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from f5lite.model.flow import integrate, time_grid
from recipes.voice import machine
from recipes.voice.batches import ENDING, Item, guessed, stretched
from recipes.voice.head_start import pairs
from recipes.voice.network import Network, encode, start_from
from recipes.voice.train import items_of

STEPS, TEMPERATURES = 7, (0.0, 0.25, 1.0)


@torch.inference_mode()
def right(network: Network, first: Item, second: Item, seed: int, temperature: float) -> list[float]:
    """Share of the second utterance's frames that are named as they should be, in each pass."""
    mel = torch.cat((first.mel, second.mel)).float()[None]
    known, new = mel.clone(), slice(len(first.mel), None)
    known[:, new] = 0
    tokens = torch.tensor(encode(first.text + ENDING + second.text))[None]
    valid = torch.ones(mel.shape[:2], dtype=torch.bool)
    shares = []

    def field(time: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        flow, characters = network(x, known, tokens, time[None], valid, False, False)
        shares.append(float((characters[0, new].argmax(-1) == second.labels).float().mean()))
        return flow

    noise = torch.randn(mel.shape, generator=torch.Generator().manual_seed(seed))
    integrate(field, temperature * noise, time_grid(STEPS))
    return shares


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN.pt", help="published weights have no head")
    parser.add_argument("--corpus", nargs="+", required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--threads", type=int)
    o = parser.parse_args()
    if other := [run for run in o.runs if run.suffix != ".pt"]:
        parser.error(f"{other[0]} isn't a training run's .pt file, which alone has the head")
    machine.threads(o.threads)
    chosen = pairs(items_of(o.corpus, o.labels), o.pairs)
    fitted = [(first, stretched(second, guessed(first, second))) for first, second in chosen]
    print("frames that speak the character they should, in percent, in each of the sampler's passes")
    for run in o.runs:
        network = Network().eval()
        start_from(network, run)
        for name, couples in (("true", chosen), ("guessed", fitted)):
            for temperature in TEMPERATURES:
                found = [right(network, *couple, seed, temperature) for seed, couple in enumerate(couples)]
                shares = " ".join(f"{100 * share:5.1f}" for share in np.mean(found, 0))
                print(f"{run.name}, {name} lengths, temperature {temperature:<4}: {shares}", flush=True)


if __name__ == "__main__":
    main()
