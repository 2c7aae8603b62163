"""Make a bundle folder: `python -m recipes.voice.export OUT --acoustic RUN.pt --vocoder RUN.pt`.

Averaged weights in bf16 under the names that upstream's and the vocos package's own code load; config.json and vocab.txt
beside them. `f5lite speak --model OUT` speaks with the result. One of the two may be left out: what is there stays.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from f5lite.files import atomic, write_atomically
from f5lite.model.config import TINY
from recipes.voice.network import CHARACTERS, ROTARY, published
from recipes.voice.state import load


def write(path: Path, weights: dict[str, torch.Tensor]) -> None:
    """bf16 safetensors, whole or not at all; the rotary rates stay exact."""
    kept = {n: v.to(torch.float32 if n.endswith(ROTARY) else torch.bfloat16) for n, v in weights.items()}
    with atomic(path) as temporary:
        save_file({name: value.contiguous() for name, value in kept.items()}, temporary)


def export(folder: Path, acoustic: Path | None = None, vocoder: Path | None = None) -> None:
    """Write what is given; the folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    if acoustic is not None:
        write(folder / "acoustic.safetensors", published(load(acoustic, "cpu")["average"]))
    if vocoder is not None:
        write(folder / "vocoder.safetensors", load(vocoder, "cpu")["average"])
    write_atomically(folder / "config.json", json.dumps(TINY.to_dict(), indent=1) + "\n")
    write_atomically(folder / "vocab.txt", "".join(f"{character}\n" for character in CHARACTERS))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--acoustic", type=Path)
    parser.add_argument("--vocoder", type=Path)
    o = parser.parse_args()
    export(o.out, o.acoustic, o.vocoder)


if __name__ == "__main__":
    main()
