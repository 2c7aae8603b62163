"""What a conversion will write: for each of the source's weights its kind, and the new file's tensors in their order. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from f5lite.errors import F5liteError
from f5lite.model import synthetic
from f5lite.model.config import ModelConfig
from f5lite.shrink.int8.file import TABLE, Planned
from f5lite.shrink.int8.layout import BF16, FOLDED, INT8, group_of, kind_of

DTYPES = {INT8: torch.int8, BF16: torch.bfloat16}
# Neighbours in the file: q, k and v are one product, so their rows, scales and biases lie under each other.
ORDER = ("attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0", "ff.ff.0.0", "ff.ff.2")


@dataclass(frozen=True)
class Kept:
    """One weight of the source and what becomes of it."""

    name: str
    shape: tuple[int, ...]
    kind: str


def expected(config: ModelConfig, vocoder: bool) -> dict[str, tuple[int, ...]]:
    """Names (without prefix) and shapes that a model of this configuration has."""
    if vocoder:
        return dict(synthetic.vocoder_parameters(config))
    return {
        name.removeprefix("ema_model.transformer."): shape for name, shape in synthetic.parameters(config)
    }


def compare(found: Mapping[str, tuple[int, ...]], config: ModelConfig, vocoder: bool, path: object) -> None:
    """F5liteError unless a file has exactly the weights that the configuration asks for."""
    wanted = expected(config, vocoder)
    if strange := sorted(set(found) - set(wanted)):
        raise F5liteError(
            f"{path} has {strange[0]!r}, which the config has no place for; pass the config it belongs to"
        )
    if missing := sorted(set(wanted) - set(found)):
        raise F5liteError(f"{path} lacks {missing[0]!r}; is it another model? Pass the config it belongs to")
    for name, shape in wanted.items():
        if found[name] != shape:
            raise F5liteError(
                f"{path}: {name!r} is {list(found[name])}, the config says {list(shape)}; "
                "pass the config that belongs to it"
            )


def kinds(
    shapes: Mapping[str, tuple[int, ...]], precision: str, keep_modulation: bool, vocoder: bool
) -> list[Kept]:
    """The kind of every weight, in the source's order."""
    return [
        Kept(
            name,
            shape,
            kind_of(name, shape, precision=precision, keep_modulation=keep_modulation, vocoder=vocoder),
        )
        for name, shape in shapes.items()
    ]


def tensors(kept: list[Kept], config: ModelConfig, steps: int | None, vocoder: bool) -> list[Planned]:
    """The new file's tensors: by group, wide numbers before narrow ones (so that all are aligned), q, k, v in a row.

    steps: rows of the modulation table, None for none.
    """
    groups: dict[str, list[tuple[int, int, int, Planned]]] = {"": []}
    for position, weight in enumerate(kept):
        if weight.kind == FOLDED:
            continue
        dtype = DTYPES.get(weight.kind, torch.float32)
        made = [Planned(weight.name, dtype, weight.shape)]
        if weight.kind == INT8:
            made.append(Planned(f"{weight.name}_scale", torch.float32, weight.shape[:1]))
        stem = weight.name.split(".", 2)[-1] if weight.name.startswith("transformer_blocks.") else ""
        place = next((i for i, name in enumerate(ORDER) if stem.startswith(f"{name}.")), len(ORDER))
        for planned in made:
            leaf = ("bias", "weight_scale", "weight").index(_leaf(planned.name))
            row = (-planned.dtype.itemsize, leaf if place < len(ORDER) else 3, place, position, planned)
            groups.setdefault(group_of(weight.name, vocoder), []).append(row)
    if steps is not None:
        dim, depth = config.dit.dim, config.dit.depth
        shapes = ((steps,), (steps, depth, 6 * dim), (steps, 2 * dim))
        for place, (name, shape) in enumerate(zip(TABLE, shapes, strict=True)):
            groups[""].append((-4, 4, place, 0, Planned(name, torch.float32, shape)))
    return [row[-1] for group in groups.values() for row in sorted(group, key=lambda row: row[:-1])]


def _leaf(name: str) -> str:
    leaf = name.rsplit(".", 1)[-1]
    return leaf if leaf in ("bias", "weight_scale") else "weight"
