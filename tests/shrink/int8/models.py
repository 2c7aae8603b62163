"""Small models to convert, and a conversion that ends its own process at a chosen moment."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from f5lite.model import library
from f5lite.model.config import DiTConfig, ModelConfig, VocosConfig
from f5lite.model.synthetic import synthetic
from f5lite.shrink.int8.convert import convert

SMALL = ModelConfig(
    name="small",
    dit=DiTConfig(dim=64, depth=3, heads=2, dim_head=32, text_dim=32, conv_layers=1, text_num_embeds=95),
    vocos=VocosConfig(dim=32, intermediate_dim=64, num_layers=2),
    tokenizer="char",
)


def small_model(folder: Path, **more: object) -> Path:
    return synthetic(SMALL, folder, **more)


def events(source: Path, destination: Path) -> list[str]:
    """The phases of the progress calls of one conversion, in order."""
    seen: list[str] = []
    convert(
        library.find(source), destination, steps=2, progress=lambda phase, done, total: seen.append(phase)
    )
    return seen


def kill_each(source: Path, folder: Path, moments: list[int]) -> None:
    """For each moment: fork, convert to folder/N, and die without warning at that progress call. Prints N and the signal."""
    import torch

    torch.set_num_threads(1)
    files = library.find(source)
    for number, moment in enumerate(moments):
        child = os.fork()
        if child == 0:
            convert(files, folder / str(number), steps=2, progress=_deadly(moment))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(number, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, flush=True)


def _deadly(moment: int) -> Callable[[str, int, int], None]:
    left = [moment]

    def progress(phase: str, done: int, total: int) -> None:
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1

    return progress


if __name__ == "__main__":
    kill_each(Path(sys.argv[1]), Path(sys.argv[2]), [int(each) for each in sys.argv[3].split(",")])


def nothing_left(folder: Path) -> bool:
    return list(folder.iterdir()) == []
