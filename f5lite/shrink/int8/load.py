"""A stage from any file: an ordinary one through `f5lite.model.stages`, a converted one with its weights used where they lie.

Nothing of a converted file is copied: int8 rows, bf16 weights, scales, biases and the modulation table are views of the map.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch
from torch import nn

from f5lite.errors import F5liteError
from f5lite.model import stages
from f5lite.model.acoustic import DiT
from f5lite.model.checkpoint import Checkpoint
from f5lite.model.config import ModelConfig
from f5lite.model.text import TextEmbedding
from f5lite.model.vocoder import Vocos
from f5lite.shrink.int8 import auto, best_product, convolution, fused
from f5lite.shrink.int8.compiled import Set
from f5lite.shrink.int8.convolution import HalfConvolution
from f5lite.shrink.int8.engines import FUSED, Engine, engine
from f5lite.shrink.int8.file import TABLE, Header, header_of
from f5lite.shrink.int8.layers import HalfEmbedding, HalfLinear, Int8Linear
from f5lite.shrink.int8.lean import fuse_projection, make_lean
from f5lite.shrink.modulation import TableModulation, drop_modulation
from f5lite.shrink.streamed import drop_when_reached, stream
from f5lite.shrink.trim import give_back

log = logging.getLogger(__name__)

PREFIXES = {"text": "text_embed.", "acoustic": "", "vocoder": ""}


def converted(checkpoint: Checkpoint) -> Header | None:
    """The header of a converted file, None for an ordinary one."""
    return header_of(checkpoint.source.metadata, checkpoint.path)


def steps_of(checkpoint: Checkpoint) -> int:
    """The steps to speak with if nobody says otherwise: those of a converted file's table, else upstream's 32."""
    header = converted(checkpoint)
    return 32 if header is None or header.steps is None else header.steps


def load_stage(
    name: str,
    checkpoint: Checkpoint,
    config: ModelConfig,
    dtype: torch.dtype | None = torch.float32,
    device: str = "cpu",
    residency: str = "resident",
    engine_name: str = "auto",
) -> nn.Module:
    """Stage "text", "acoustic" or "vocoder" from whichever file it is. residency "streamed" needs the CPU and a mapped file.

    dtype: float32 is the only one that converted files compute in. engine_name: see `engines.engine`; other files ignore it.
    """
    if converted(checkpoint) is None:
        load = {"text": stages.load_text, "acoustic": stages.load_acoustic, "vocoder": stages.load_vocoder}[
            name
        ]
        module = load(checkpoint, config, dtype, device)
    else:
        if dtype not in (None, torch.float32):
            raise F5liteError(
                f"{checkpoint.path} is a converted model, which computes in float32, not in {dtype}; leave dtype out"
            )
        how, seams = _how(engine_name, config if name == "acoustic" else None, device)
        module = _fill(_empty(name, config), checkpoint, PREFIXES[name], how, device)
        if name == "acoustic":
            convolution.install(module, how)
        if seams is not None:
            fused.install(module, seams, None if residency == "resident" else 1)
        if name == "acoustic" and residency != "resident" and device == "cpu":
            lighten(module, checkpoint, residency == "on-demand", fused=seams is not None)
    return stream(module, checkpoint, PREFIXES[name], device) if residency == "streamed" else module


STAY = 7  # on demand the pages of one block in so many don't stay: three of v1 Base's 22


def lighten(module: DiT, checkpoint: Checkpoint, on_demand: bool, fused: bool) -> None:
    """Hold less while a pass goes on: pages that aren't needed soon, holes in the heap (unfused engines leave three times more).

    On demand the embedding's pages and the first blocks' are dropped after their use, 35 MB at v1 Base, and come back from the
    page cache. So freed memory has to be given back less often for the same peak.
    """
    blocks = module.transformer_blocks
    if on_demand:
        parts = ["input_embed.", *(f"transformer_blocks.{index}." for index in range(len(blocks) // STAY))]
        for block, part in zip(blocks, parts, strict=False):
            drop_when_reached(block, checkpoint, [n for n in checkpoint.names if n.startswith(part)])
    if module.config.dim >= best_product.WIDE:
        trim_meanwhile([module.input_embed, *blocks], every=8 if fused else 4 if on_demand else 2)


def trim_meanwhile(modules: Sequence[nn.Module], every: int) -> None:
    """Give freed memory back before every so many modules of a pass.

    glibc can't put an aligned block into a hole of its own size, so holes stay and the heap grows. More often costs time:
    every page that went is faulted in again (with AVX-512 VNNI: before every block a fifth of a pass).
    """
    for module in modules[::every]:
        module.register_forward_pre_hook(lambda *_: give_back(collect=False) and None)


def _how(name: str, config: ModelConfig | None, device: str) -> tuple[Engine, Set | None]:
    """The engine of a stage's layers and, for the acoustic stage with "fused" (named or chosen), the compiled seams."""
    if config is None or name not in ("auto", FUSED) or device != "cpu":
        if name == FUSED and device != "cpu":
            raise F5liteError(f"engine 'fused' doesn't run on {device}; use engine='reference'")
        return engine(name, device), None
    if name == "auto" and auto.choice(config.dit).name != FUSED:
        return engine(auto.choice(config.dit).name), None
    try:
        seams = best_product.ready(config.dit)
    except F5liteError as error:  # no compiler, or it failed: the best of the others
        instead = auto.best_of_others(config.dit)
        log.warning("%s. Going on with engine %r.", error, instead)
        return engine(instead), None
    return engine(fused.engine_of(seams.product)), seams


def _empty(name: str, config: ModelConfig) -> nn.Module:
    with torch.device("meta"):
        if name == "vocoder":
            return Vocos(config.vocos, config.mel)
        return TextEmbedding(config.dit) if name == "text" else DiT(config.dit)


def _fill(module: nn.Module, checkpoint: Checkpoint, prefix: str, how: Engine, device: str) -> nn.Module:
    """Give an empty module the file's weights, each in the kind of layer that its precision asks for."""
    names = {
        n.removeprefix(prefix)
        for n in checkpoint.names
        if n.startswith(prefix) and (prefix or not n.startswith("text_embed."))
    }

    def get(name: str) -> torch.Tensor:
        return checkpoint.tensor(prefix + name).to(device)

    if set(TABLE) <= names:
        table = TableModulation(*(get(name) for name in TABLE))
        _same(checkpoint, TABLE[1], table.blocks.shape[1:], (module.config.depth, 6 * module.config.dim))
        drop_modulation(module, table)
        names -= set(TABLE)
    shapes = {n: tuple(p.shape) for n, p in module.named_parameters()}
    scales = {n for n in names if n.endswith(".weight_scale")}
    for name in names - scales - set(shapes):
        raise F5liteError(f"{checkpoint.path} has {prefix + name!r}, which the config has no place for")
    for name, shape in shapes.items():
        if name not in names:
            raise F5liteError(f"{checkpoint.path} lacks {prefix + name!r}; convert the model again")
        _same(checkpoint, prefix + name, checkpoint.shape(prefix + name), shape)
    for owner_name, owner in list(module.named_modules()):
        for leaf, layer in list(owner.named_children()):
            path = f"{owner_name}.{leaf}" if owner_name else leaf
            if f"{path}.weight" in names and (made := _layer(layer, path, get, names, how)) is not None:
                setattr(owner, leaf, made)
    for name, _ in list(module.named_parameters()):
        owner_name, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(owner_name), leaf, nn.Parameter(get(name), requires_grad=False))
    if isinstance(module, DiT):
        for index, block in enumerate(module.transformer_blocks):
            make_lean(block)
            _fuse(block.attn, checkpoint, f"transformer_blocks.{index}.attn", how, device)
    return module.eval()


def _same(checkpoint: Checkpoint, name: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if tuple(found) != tuple(wanted):
        raise F5liteError(
            f"{checkpoint.path}: {name!r} is {list(found)}, the config says {list(wanted)}; convert the model again"
        )


def _layer(layer: nn.Module, path: str, get, names: set[str], how: Engine) -> nn.Module | None:
    """The layer that takes the place of a float one; None where the file's weight is float32."""
    weight = get(f"{path}.weight")
    if weight.dtype == torch.float32:
        return None
    bias = get(f"{path}.bias") if f"{path}.bias" in names else None
    if weight.dtype == torch.int8 and isinstance(layer, nn.Linear) and f"{path}.weight_scale" in names:
        return Int8Linear(weight, get(f"{path}.weight_scale"), bias, how)
    if weight.dtype == torch.bfloat16:
        if isinstance(layer, nn.Linear):
            return HalfLinear(weight, bias)
        if isinstance(layer, nn.Conv1d):
            return HalfConvolution(weight, bias, layer)
        if isinstance(layer, nn.Embedding):
            return HalfEmbedding(weight)
    raise F5liteError(
        f"{path!r} is kept as {weight.dtype}, which a {type(layer).__name__} can't be; convert again"
    )


def _fuse(attention: nn.Module, checkpoint: Checkpoint, path: str, how: Engine, device: str) -> None:
    """One view for q, k and v where the three are int8 and lie in that order."""
    parts = (attention.to_q, attention.to_k, attention.to_v)
    if not all(isinstance(part, Int8Linear) for part in parts):
        return
    names = [f"{path}.{each}" for each in ("to_q", "to_k", "to_v")]
    views = [
        joined(checkpoint, [f"{n}.{leaf}" for n in names]) for leaf in ("weight", "weight_scale", "bias")
    ]
    if all(view is not None for view in views):
        fuse_projection(attention, Int8Linear(*(view.to(device) for view in views), how))


def joined(checkpoint: Checkpoint, names: list[str]) -> torch.Tensor | None:
    """Tensors that lie one behind the other, as one view with their rows under each other; None if they don't."""
    source = checkpoint.source
    entries = [source.entries[checkpoint.names[name]] for name in names]
    neighbours = all(a.stop == b.start for a, b in zip(entries, entries[1:], strict=False))
    alike = len({(e.dtype, e.shape[1:]) for e in entries}) == 1
    if not neighbours or not alike or entries[0].start % entries[0].dtype.itemsize:
        return None
    return source.span(entries[0], entries[-1].stop)
