"""Where are words lost on the way from noise to speech? Starts from real speech mixed into the noise, more and more of it:

    python -m recipes.voice.head_start f5lite/voices/tiny/acoustic.safetensors work/corpus [--utterances 36]

Of two utterances of one speaker the second is spoken anew, with its true length, from the flow time named: at 0 that is noise
alone, at 0.1 a tenth is the speech itself. Word errors, and those of the real mels through the same vocoder.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import torch

from f5lite.evidence.quality.words import errors
from f5lite.model.flow import integrate, time_grid
from f5lite.model.mel import log_mel
from recipes.voice import machine, shards
from recipes.voice.batches import ENDING, Item
from recipes.voice.network import Network, encode, start_from

TIMES = (0.0, 0.1, 0.2, 0.35, 0.5)
Utterance = TypeVar("Utterance", shards.Said, Item)
Hear = Callable[[torch.Tensor], str]  # n 100 mels → what is heard


def pairs(said: Sequence[Utterance], count: int) -> list[tuple[Utterance, Utterance]]:
    """Reference and new utterance of one `speaker`, speaker after speaker, none twice, the same every time."""
    speakers: dict[tuple, list[Utterance]] = {}
    for one in random.Random(0).sample(list(said), len(said)):
        speakers.setdefault(one.speaker, []).append(one)
    couples = {who: list(zip(its[::2], its[1::2], strict=False)) for who, its in speakers.items()}
    turns = max(map(len, couples.values()), default=0)
    return [its[i] for i in range(turns) for its in couples.values() if i < len(its)][:count]


@torch.inference_mode()
def spoken(
    network: Network, first: shards.Said, second: shards.Said, seed: int, steps: int = 16
) -> Iterator[tuple[str, torch.Tensor]]:
    """(how, mels of the second utterance): the real ones, then those from each of `TIMES`."""
    reference, real = log_mel(first.as_float()), log_mel(second.as_float())
    whole = torch.cat((reference, real))[None]
    known = whole.clone()
    known[:, len(reference) :] = 0
    tokens = torch.tensor(encode(first.text + ENDING + second.text))[None]
    valid = torch.ones(whole.shape[:2], dtype=torch.bool)
    noise = torch.randn(whole.shape, generator=torch.Generator().manual_seed(seed))
    yield "real", real
    for start in TIMES:
        grid = start + (1 - start) * time_grid(steps, epss=False)
        x = integrate(
            lambda t, x: network(x, known, tokens, t[None], valid, False, False)[0],
            (1 - start) * noise + start * whole,
            grid,
        )
        yield f"from {start}", x[0, len(reference) :]


def measure(network: Network, said: Sequence[shards.Said], count: int, hear: Hear) -> dict[str, float]:
    """How → word error rate in percent."""
    found: dict[str, list[int]] = {}
    for seed, (first, second) in enumerate(pairs(said, count)):
        for how, mel in spoken(network, first, second, seed):
            wrong, words = errors(second.text, hear(mel))
            total = found.setdefault(how, [0, 0])
            total[0], total[1] = total[0] + wrong, total[1] + words
        print(f"\r{seed + 1} utterances", end="", flush=True)
    print()
    return {how: 100 * wrong / words for how, (wrong, words) in found.items()}


def main() -> None:
    from f5lite.evidence.quality.instruments import Instruments
    from recipes.voice.sound import RATE, built

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path)
    parser.add_argument("corpus", nargs="+", help="shards, as recipes.voice.corpus writes them")
    parser.add_argument("--utterances", type=int, default=36)
    parser.add_argument("--vocoder", default="tiny", help="the model whose vocoder speaks")
    parser.add_argument("--threads", type=int)
    o = parser.parse_args()
    machine.threads(o.threads)
    network = Network().eval()
    start_from(network, o.weights)
    tools, vocoder = Instruments(o.threads), built("vocos", o.vocoder)

    def hear(mel: torch.Tensor) -> str:
        with torch.inference_mode():
            return tools.recogniser.hear(vocoder(mel[None])[0].numpy(), RATE)

    for how, rate in measure(network, list(shards.read(o.corpus)), o.utterances, hear).items():
        print(f"{how:9} {rate:5.1f} % wrong words")


if __name__ == "__main__":
    main()
