"""Engine `fused`: a block whose arithmetic between the products is compiled, ahead of time, once for a machine.

The products are exact int8 ones, whichever is fastest here: the library's own, or that of `torch` or `onednn`. The attention
is whatever backend the model has. Between them stand five compiled seams (`seams`). So one small set serves any length, any
weights (they are inputs, used where they lie), any attention and any modulation.
A model with `qk_norm` or `pe_attn_head` turns its heads uncompiled; the rest is compiled all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import torch
from torch import nn

from f5lite.errors import F5liteError
from f5lite.model.acoustic import DiT
from f5lite.model.config import DiTConfig
from f5lite.shrink.attention.switch import resolved
from f5lite.shrink.int8 import compiled, engines, native, seams
from f5lite.shrink.int8.compiled import Set
from f5lite.shrink.int8.layers import Int8Linear
from f5lite.shrink.int8.lean import LeanAttention, LeanBlock
from f5lite.shrink.int8.products import RISKY, Prepared, Product, Space
from f5lite.shrink.int8.quantise import row_sums
from f5lite.shrink.int8.seams import Shape

log = logging.getLogger(__name__)


def shape_of(config: DiTConfig) -> Shape:
    """The sizes that the seams are compiled for."""
    return Shape(config.dim, config.heads, config.dim_head, config.dim * config.ff_mult)


def uncompiled(product: Product, shape: Shape) -> Set:
    """The same set without a compiler: for tests, and to see what compiling brings."""
    return Set(product, dict(seams.seams(product, shape)))


class FusedBlock(LeanBlock):
    """b n d and its modulation (b or 1, 6 d) -> b n d, a new tensor. `fused` is the set it runs.

    at_once: how many items of the batch go through a step together, None for all: fewer need less memory, and are slower.
    space: where sums lie; every one is used up before the next product, so blocks share it.
    """

    fused: Set
    at_once: int | None
    space: Space

    def forward(
        self,
        x: torch.Tensor,
        modulation: torch.Tensor,
        mask: torch.Tensor | None,
        rope: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:
        if x.dtype != torch.float32 or not x.numel():
            return super().forward(x, modulation, mask, rope)
        each = modulation[:, None].expand(len(x), 1, modulation.shape[-1]).chunk(6, dim=-1)
        shift1, scale1, gate1, shift2, scale2, gate2 = (part.contiguous() for part in each)
        keep = x.new_ones((*x.shape[:2], 1), dtype=torch.bool)
        kept = keep if mask is None else mask[..., None].contiguous()
        # Nothing that a step has used up is held through the next: no names but x's, in calls that end.
        x = x.contiguous()
        step = self.at_once or len(x)
        groups = [slice(i, i + step) for i in range(0, len(x), step)]
        between = self._attended(x, (shift1, scale1, gate1, kept), mask, rope, groups)
        return self._fed(between, (shift2, scale2, gate2, keep), groups)

    def by_layers(self) -> None:
        """The block as it was before `fuse`."""
        self.__class__ = LeanBlock
        del self.fused, self.at_once, self.space

    def _attended(
        self,
        x: torch.Tensor,
        each: tuple[torch.Tensor, ...],
        mask: torch.Tensor | None,
        rope: tuple[torch.Tensor, torch.Tensor],
        groups: list[slice],
    ) -> torch.Tensor:
        """x b n d and its shift, scale, gate and kept frames -> x after the attention, b n d.

        Of one item at a time q, k and v are there; a layer's weight is packed once for all.
        """
        attention = self.attn
        shift, scale, gate, kept = each
        sums = self._of(attention.to_qkv, inside=self._plain)
        mixed = [
            self._mixed(sums, x[i], shift[i], scale[i], None if mask is None else mask[i], rope)
            for i in (slice(i, i + 1) for i in range(len(x)))
        ]
        sums, out = self._of(attention.to_out[0]), torch.empty_like(x)
        for group in groups:
            values, token = (joined(parts) for parts in zip(*mixed[group], strict=True))
            found = self._product(attention.to_out[0], values, token, sums)
            self.fused.run["closed"](*found, x[group], gate[group], kept[group], out[group])
        return out

    def _mixed(
        self,
        sums: Prepared,
        x: torch.Tensor,
        shift: torch.Tensor,
        scale: torch.Tensor,
        mask: torch.Tensor | None,
        rope: tuple[torch.Tensor, torch.Tensor],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What attention makes of x, quantised: values b n d and their tokens b n 2."""
        attention = self.attn
        backend = resolved(attention.backend, (len(x), attention.heads, x.shape[1], self._size))
        dtype = torch.bfloat16 if getattr(backend, "dtype", None) is torch.bfloat16 else torch.float32
        q, k, v = (part.transpose(1, 2) for part in self._turned(sums, x, shift, scale, rope, dtype))
        # Frames of a head side by side (uncompiled they lie 4 KB apart at v1 Base): products read them so much faster.
        k, v = k.contiguous(), v.contiguous()
        mixed = backend(q, k, v, mask if attention.masked else None)
        del q, k, v
        return self.fused.run["mixed"](mixed.to(dtype).transpose(1, 2))

    def _fed(self, x: torch.Tensor, each: tuple[torch.Tensor, ...], groups: list[slice]) -> torch.Tensor:
        """x b n d with its shift, scale, gate and kept frames -> x after the feed-forward, where it lies."""
        run = self.fused.run
        widen, narrow = self.ff.ff[0][0], self.ff.ff[2]
        wider, narrower = self._of(widen), self._of(narrow)
        for group in groups:
            its, (shift, scale, gate, kept) = x[group], (part[group] for part in each)
            wide = run["widened"](*self._product(widen, *run["opened"](its, shift, scale), wider))
            run["closed"](*self._product(narrow, *wide, narrower), its, gate, kept, its)
            del wide
        return x

    @property
    def _size(self) -> int:
        """Numbers of a head."""
        return self.attn.to_qkv.out_features // (3 * self.attn.heads)

    @property
    def _plain(self) -> bool:
        """Whether the heads are turned by a compiled seam."""
        return self.attn.q_norm is None and self.attn.rotated_heads is None

    def _of(self, layer: Int8Linear, inside: bool = True) -> Prepared:
        return self.fused.of(layer.weight, self.space, inside)

    def _product(
        self, layer: Int8Linear, values: torch.Tensor, token: torch.Tensor, sums: Prepared
    ) -> tuple[torch.Tensor, ...]:
        """values: b n in -> sums b n out (see `Set.of`), with what makes numbers of them. `sums`: prepared for the layer."""
        return sums(values), token, layer.weight_scale, row_sums(layer.weight), layer.bias

    def _turned(
        self,
        sums: Prepared,
        x: torch.Tensor,
        shift: torch.Tensor,
        scale: torch.Tensor,
        rope: tuple[torch.Tensor, torch.Tensor],
        dtype: torch.dtype,
    ) -> tuple[torch.Tensor, ...]:
        """q, k, v, turned by their frames' angles: b n heads dim_head each, of `dtype`."""
        attention = self.attn
        found = self._product(attention.to_qkv, *self.fused.run["opened"](x, shift, scale), sums)
        if self._plain:
            return self.fused.run["turned"](
                *found, *(part[:, None].contiguous() for part in rope), dtype=dtype
            )
        y = seams.meant(*found).unflatten(-1, (3, attention.heads, -1))
        q, k, v = (part.transpose(1, 2) for part in y.unbind(-3))
        if attention.q_norm is not None:
            q, k = attention.q_norm(q), attention.k_norm(k)
        turned = (attention.turn(q, rope), attention.turn(k, rope), v)
        return tuple(part.transpose(1, 2).to(dtype) for part in turned)


def joined(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Along the first axis; one alone as it is."""
    return parts[0] if len(parts) == 1 else torch.cat(tuple(parts))


def refusal(block: nn.Module) -> str | None:
    """Why a block can't be fused, None if it can."""
    if type(block) not in (LeanBlock, FusedBlock) or not isinstance(block.attn, LeanAttention):
        return "its q, k and v aren't one int8 layer"
    layers = (block.attn.to_qkv, block.attn.to_out[0], block.ff.ff[0][0], block.ff.ff[2])
    if not all(isinstance(layer, Int8Linear) and layer.bias is not None for layer in layers):
        return "not all of its layers are int8 with a bias"
    if getattr(block.ff.ff[0][1], "approximate", "") != "tanh":
        return "its activation isn't GELU's tanh form"
    return None


def install(dit: DiT, fused: Set, at_once: int | None = None) -> int:
    """Fuse every block that can be; returns how many. Their weights, hooks, attention and modulation stay as they are.

    at_once: see `FusedBlock`.
    """
    count, space = 0, Space()
    for index, block in enumerate(dit.transformer_blocks):
        if why := refusal(block):
            log.info("block %d stays unfused: %s", index, why)
            continue
        fuse(block, fused, at_once, space)
        count += 1
    return count


def fuse(block: LeanBlock, fused: Set, at_once: int | None = None, space: Space | None = None) -> LeanBlock:
    """One block, for which `refusal` has no reason."""
    block.__class__ = FusedBlock
    block.fused, block.at_once, block.space = fused, at_once, space or Space()
    return block


def remove(dit: DiT) -> None:
    """The blocks as they were before `install`."""
    for block in dit.transformer_blocks:
        if type(block) is FusedBlock:
            block.by_layers()


def product_here() -> Product:
    """The product that `fused` uses, by instruction set: that of engine "torch" or "onednn"."""
    named = "torch" if engines.native() and engines.ENGINES["torch"].problem() is None else "onednn"
    product = engines.ENGINES[named].product
    if why := product.problem():
        raise F5liteError(f"engine 'fused' can't run here: {why}; use engine='reference'")
    return product


def engine_of(product: Product) -> str:
    """The name of the engine whose product that is, or does the same."""
    return "onednn" if product in RISKY.values() else "torch"


def build(config: DiTConfig, say: Callable[[str], None] = log.warning) -> None:
    """Compile what a model needs unless it is there. F5liteError without a compiler, or for odd widths."""
    if why := native.refusal(shape_of(config)):
        raise F5liteError(f"engine 'fused' can't run this model: {why}")
    compiled.build(say)
