"""Streamed residency: weights are read block by block from the mapped file, and each block's pages dropped after its use.

The pages stay in the system's page cache while there is room, so the next pass finds them there: what is saved is memory
that the process must account for. While a block works, the next one's pages are asked for. Where the system has no
`madvise` (Windows) nothing is dropped, and the system takes pages back when it needs them.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable

from torch import nn

from f5lite.errors import F5liteError
from f5lite.model.checkpoint import Checkpoint
from f5lite.model.tensorfile import TensorFile

BLOCKS = re.compile(r"(transformer_blocks|text_blocks|backbone\.convnext)\.(\d+)\.")
Range = tuple[int, int]
DROP, WANT = getattr(mmap, "MADV_DONTNEED", None), getattr(mmap, "MADV_WILLNEED", None)


def ranges(file: TensorFile, names: Iterable[str]) -> list[Range]:
    """The byte ranges of some tensors, neighbours joined."""
    joined: list[Range] = []
    for first, last in sorted((file.entries[n].start, file.entries[n].stop) for n in names):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        elif first < last:
            joined.append((first, last))
    return joined


def advise(file: TensorFile, where: Iterable[Range], advice: int | None) -> None:
    """Tell the system about some ranges; nothing where it can't be told."""
    for first, last in where:
        if advice is not None:
            file.advise(first, last, advice)


def drop_when_reached(block: nn.Module, checkpoint: Checkpoint, names: Iterable[str]) -> None:
    """Drop some weights' pages whenever `block` begins: those that were needed before it, and won't be until the next pass."""
    file = checkpoint.source
    if isinstance(file, TensorFile):
        where = ranges(file, (checkpoint.names[name] for name in names))
        block.register_forward_pre_hook(lambda *_: advise(file, where, DROP))


def stream(module: nn.Module, checkpoint: Checkpoint, prefix: str = "", device: str = "cpu") -> nn.Module:
    """Make a loaded stage drop each block's pages after its use; returns the module.

    prefix: of the stage's names in the checkpoint. F5liteError where weights aren't used from the map.
    """
    file = checkpoint.source
    if device != "cpu" or not isinstance(file, TensorFile):
        raise F5liteError(
            f"streamed residency reads weights from a mapped safetensors file on the CPU; {checkpoint.path.name} on "
            f"{device} isn't one: use residency='on-demand', or f5lite convert"
        )
    blocks: dict[tuple[str, int], list[str]] = {}
    rest: list[str] = []
    for name, key in checkpoint.names.items():
        if not name.startswith(prefix) or (not prefix and name.startswith("text_embed.")):
            continue
        found = BLOCKS.match(name.removeprefix(prefix))
        (blocks.setdefault((found[1], int(found[2])), []) if found else rest).append(key)
    order = sorted(blocks)
    where = [ranges(file, blocks[each]) for each in order]
    others = ranges(file, rest)
    for index, (name, number) in enumerate(order):
        following = where[(index + 1) % len(order)]

        def before(*_: object, following: list[Range] = following) -> None:
            advise(file, following, WANT)

        def after(*_: object, own: list[Range] = where[index], end: bool = index + 1 == len(order)) -> None:
            advise(file, own, DROP)
            if end:
                advise(file, others, DROP)

        block = module.get_submodule(name)[number]
        block.register_forward_pre_hook(before)
        block.register_forward_hook(after)
    module.register_forward_hook(lambda *_: advise(file, [*others, *sum(where, [])], DROP))
    return module
