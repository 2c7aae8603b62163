"""Does the voice know by heart what it was trained on? Its flow loss on any speech:

    python -m recipes.voice.loss f5lite/voices/tiny/acoustic.safetensors work/new work/corpus

Text and reference are always given, unlike in training; the same noise and times for every folder.
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Sequence
from pathlib import Path

import torch

from f5lite.model.mel import log_mel
from recipes.voice import machine, shards
from recipes.voice.batches import Item, Source
from recipes.voice.network import Network, start_from
from recipes.voice.objective import losses


def flow_losses(network: Network, items: Sequence[Item], batches: int) -> list[float]:
    """Mean squared error of the flow on the masked span, one value a batch of two or so of one length."""
    source = Source(items, frames=1)
    with torch.inference_mode():
        return [float(losses(network, source.batch(step), 0, step, drop=False)[0]) for step in range(batches)]


def some(folder: str, count: int) -> list[Item]:
    """`count` utterances of a folder, the same every time. Nothing is said about their frames' characters."""
    said = list(shards.read([folder]))
    random.Random(0).shuffle(said)
    mels = [log_mel(one.as_float()) for one in said[:count]]
    return [
        Item(one.text, one.speaker, mel.half(), torch.zeros(len(mel), dtype=torch.long))
        for one, mel in zip(said, mels, strict=False)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path)
    parser.add_argument("folders", nargs="+", help="of shards, as recipes.voice.corpus writes them")
    parser.add_argument("--utterances", type=int, default=100)
    parser.add_argument("--batches", type=int, default=300)
    parser.add_argument("--threads", type=int)
    o = parser.parse_args()
    machine.threads(o.threads)
    network = Network().eval()
    start_from(network, o.weights)
    for folder in o.folders:
        found = flow_losses(network, some(folder, o.utterances), o.batches)
        error = statistics.stdev(found) / len(found) ** 0.5
        print(
            f"{folder}: {statistics.mean(found):.3f} ± {error:.3f} (standard error, {len(found)} batches)",
            flush=True,
        )


if __name__ == "__main__":
    main()
