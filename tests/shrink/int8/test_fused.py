"""Fused blocks: the same numbers as unfused ones, compiled or not, whatever the model, the mask, the attention or the length."""

from __future__ import annotations

import copy
import math
import threading
from dataclasses import replace

import pytest
import torch
from torch import nn

from f5lite.model.acoustic import DiT, DiTBlock
from f5lite.model.config import V1_BASE, DiTConfig
from f5lite.shrink import attention
from f5lite.shrink.int8 import fused, products, seams
from f5lite.shrink.int8.engines import ENGINES
from f5lite.shrink.int8.fused import FusedBlock, uncompiled
from f5lite.shrink.int8.layers import Int8Linear, apply, set_engine
from f5lite.shrink.int8.lean import LeanBlock, make_lean
from f5lite.shrink.int8.quantise import quantise_tokens, relative_error
from tests.shrink.int8.conftest import needs_compiler

SMALL = DiTConfig(dim=32, depth=2, heads=2, dim_head=16, text_dim=16, text_num_embeds=9, conv_layers=0)
WIDE = replace(V1_BASE.dit, depth=2)
ENGINE = "torch" if ENGINES["torch"].problem() is None else "onednn"
PRODUCT = ENGINES[ENGINE].product


def dit(config: DiTConfig, engine: str = ENGINE) -> DiT:
    """Blocks in int8 as a converted file would give them, seeded; everything around them in float32."""
    generator = torch.Generator().manual_seed(0)
    made = DiT(config).eval()
    for name, parameter in made.named_parameters():
        size = 0.3 / math.sqrt(config.dim / 32)
        parameter.data.normal_(1.0 if "_norm.weight" in name else 0.0, size, generator=generator)
    for block in made.transformer_blocks:
        make_lean(block)
    return apply(made, ENGINES[engine], lambda name, _: ".attn." in name or ".ff." in name)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def both(made: DiT, x: torch.Tensor, run: fused.Set, mask: torch.Tensor | None = None, time: float = 0.3):
    """A pass with the blocks as they are, and with fused ones."""
    with torch.inference_mode():
        wanted = made.flow(x, torch.tensor(time), mask)
        assert fused.install(made, run) == len(made.transformer_blocks)
        found = made.flow(x, torch.tensor(time), mask)
    fused.remove(made)
    return wanted, found


@pytest.mark.parametrize(
    "more",
    [{}, {"qk_norm": "rms_norm"}, {"pe_attn_head": 1}, {"long_skip_connection": True}],
    ids=lambda more: next(iter(more), "plain"),
)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", ["torch", "onednn"])
def test_a_fused_block_says_the_same(more: dict, masked: bool, name: str) -> None:
    made = dit(replace(SMALL, attn_mask_enabled=masked, **more), "reference")
    product = products.TORCH if name == "torch" else products.ONEDNN_7_BITS
    if product.problem() is None:
        engine = type(ENGINES["torch"])("one", lambda: product)
        set_engine(made, engine)
        mask = torch.arange(21)[None] < torch.tensor([21, 15])[:, None] if masked else None
        wanted, found = both(made, random(2, 21, 32), uncompiled(product, fused.shape_of(SMALL)), mask)
        assert relative_error(wanted, found) < 2e-3
        assert type(made.transformer_blocks[0]) is LeanBlock


@pytest.mark.parametrize("at_once", [None, 1, 2])
def test_items_may_have_times_of_their_own(at_once: int | None) -> None:
    """However many of them are worked on together."""
    made = dit(SMALL)
    x, time = random(3, 21, 32), torch.tensor([0.1, 0.5, 0.9])
    with torch.inference_mode():
        wanted = made.flow(x, time)
        fused.install(made, uncompiled(PRODUCT, fused.shape_of(SMALL)), at_once)
        assert relative_error(wanted, made.flow(x, time)) < 2e-3


@pytest.mark.skipif(products.TORCH.problem() is not None, reason="torch's int8 product isn't exact here")
def test_sums_have_one_place_for_all_blocks_and_every_thread_its_own() -> None:
    made, x, time = dit(SMALL), [random(2, 21, 32), random(1, 34, 32)], torch.tensor(0.4)
    fused.install(made, uncompiled(products.TORCH, fused.shape_of(SMALL)))
    space = made.transformer_blocks[0].space
    assert all(block.space is space for block in made.transformer_blocks)
    found: dict[int, list[torch.Tensor]] = {0: [], 1: []}
    with torch.inference_mode():
        wanted = [made.flow(each, time) for each in x]
        held = space.held
        assert len(held) == max(2 * 21 * 2 * 32, 34 * 3 * 32), (
            "the largest sums: of two items, or of q, k and v of one"
        )
        torch.testing.assert_close(made.flow(x[0], time), wanted[0], rtol=0, atol=0)
        assert space.held is held

        def speak(which: int) -> None:
            with torch.inference_mode():
                found[which] = [made.flow(x[which], time) for _ in range(20)]

        threads = [threading.Thread(target=speak, args=(which,)) for which in found]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for which, all_of_them in found.items():
        assert len(all_of_them) == 20
        for each in all_of_them:
            torch.testing.assert_close(each, wanted[which], rtol=0, atol=0)
    copied = copy.deepcopy(made)
    assert copied.transformer_blocks[0].space is not space and not len(
        copied.transformer_blocks[0].space.held
    )
    with torch.inference_mode():
        torch.testing.assert_close(copied.flow(x[0], time), wanted[0], rtol=0, atol=0)
    fused.remove(made)
    assert not hasattr(made.transformer_blocks[0], "space")


def test_what_comes_in_is_left_alone_and_odd_numbers_stay_in_their_item() -> None:
    made = dit(SMALL)
    fused.install(made, uncompiled(PRODUCT, fused.shape_of(SMALL)))
    x = random(3, 21, 32)
    clean = made.flow(x, torch.tensor(0.3)).detach()
    spoilt = x.clone()
    spoilt[1, 4, 2], spoilt[2] = math.nan, 0.0
    kept = spoilt.clone()
    with torch.inference_mode():
        found = made.flow(spoilt, torch.tensor(0.3))
        assert made.flow(x[:, :0], torch.tensor(0.3)).shape == (3, 0, 100)
        assert made.flow(x[:0], torch.tensor([])).shape == (0, 21, 100)
    assert torch.equal(spoilt.nan_to_num(7.0), kept.nan_to_num(7.0))
    torch.testing.assert_close(found[0], clean[0])
    assert torch.isnan(found[1]).all(), "attention carries a NaN to every frame of its item, as in float32"
    assert torch.isfinite(found[2]).all(), "zeros are ordinary"


def test_a_layer_that_gets_another_engine_leaves_its_block_unfused() -> None:
    made, x = dit(SMALL), random(2, 21, 32)
    fused.install(made, uncompiled(PRODUCT, fused.shape_of(SMALL)))
    calls = []

    class Heard:
        name = "heard"

        def linear(self, *given: torch.Tensor) -> torch.Tensor:
            calls.append(1)
            return ENGINES["reference"].linear(*given)

    set_engine(made, Heard(), lambda name: name.startswith("transformer_blocks.1.ff"))
    assert [type(block) for block in made.transformer_blocks] == [FusedBlock, LeanBlock]
    with torch.inference_mode():
        made.flow(x, torch.tensor(0.5))
    assert len(calls) == 2, "both layers of the feed-forward"


def test_what_cannot_be_fused_stays_as_it_is() -> None:
    made = dit(SMALL)
    made.transformer_blocks[1].ff.ff[2] = nn.Linear(64, 32)
    assert "not all of its layers" in fused.refusal(made.transformer_blocks[1])
    assert fused.install(made, uncompiled(PRODUCT, fused.shape_of(SMALL))) == 1
    assert [type(block) for block in made.transformer_blocks] == [FusedBlock, LeanBlock]
    assert "one int8 layer" in fused.refusal(DiTBlock(SMALL))
    made.transformer_blocks[0].ff.ff[0][1] = nn.GELU()
    assert "tanh" in fused.refusal(made.transformer_blocks[0])


def odd_tokens(width: int) -> torch.Tensor:
    x = random(1, 8, width)
    x[0, 0], x[0, 1, 3], x[0, 2, 0], x[0, 3, 1] = 0.0, math.nan, math.inf, -math.inf
    x[0, 4] *= 1e-42
    x[0, 5, 2] = 1e30
    return x


def agree(seam, product: products.Product, width: int) -> None:
    x = odd_tokens(width)
    values, scale = seam(x)
    wanted, wanted_scale = quantise_tokens(x, product.largest, product.zero, product.dtype)
    torch.testing.assert_close(scale, wanted_scale, equal_nan=True, rtol=1e-6, atol=0)
    assert values.dtype == product.dtype and int((values.int() - wanted.int()).abs().max()) <= 1
    for token in (0, 1, 2, 3):
        assert torch.equal(values[0, token], wanted[0, token])


@pytest.mark.parametrize("product", [products.TORCH, products.ONEDNN_7_BITS], ids=lambda p: p.name)
def test_a_seam_quantises_odd_tokens_as_the_engines_do(product: products.Product) -> None:
    agree(seams.Mixed(product), product, 33)


def test_the_gelu_by_one_exponential_is_the_same_function() -> None:
    y = torch.cat((torch.linspace(-60, 60, 4001), torch.tensor([-1e30, 0.0, 1e30])))[None, :, None]
    one = torch.ones(1)
    kept = seams.Widened(products.TORCH)
    kept.quantise = lambda x: (x,)
    (found,) = kept(y, torch.tensor([[[1.0, 0.0]]]).expand(1, y.shape[1], 2), one, one, torch.zeros(1))
    torch.testing.assert_close(found, nn.functional.gelu(y, approximate="tanh"), rtol=1e-5, atol=2e-6)


@needs_compiler
def test_compiled_seams_quantise_odd_tokens_as_the_engines_do(compiled_set: fused.Set) -> None:
    mixed, opened = compiled_set.run["mixed"], compiled_set.run["opened"]
    agree(lambda x: mixed(x.unflatten(-1, (16, 64))), compiled_set.product, 1024)
    assert torch.isnan(opened(odd_tokens(1024), *torch.zeros(2, 1, 1, 1024))[1][0, [1, 2, 3], 0]).all()


@needs_compiler
@pytest.mark.parametrize("backend", ["sdpa", "chunked"])
@pytest.mark.parametrize("masked", [False, True])
def test_compiled_blocks_compute_the_same(compiled_set: fused.Set, backend: str, masked: bool) -> None:
    made = dit(replace(WIDE, attn_mask_enabled=masked), fused.engine_of(compiled_set.product))
    attention.install(made, attention.backend(backend))
    mask = torch.arange(40)[None] < torch.tensor([40, 29])[:, None] if masked else None
    agree_as_blocks(made, random(2, 40, 1024), compiled_set, mask)


def agree_as_blocks(made: DiT, x: torch.Tensor, run: fused.Set, mask: torch.Tensor | None = None) -> None:
    """One block gives the same numbers. Of two, a rounding that fell to the other side in the first moves many in the second:
    there fused and unfused are held against the same weights in float32, and are equally far from it."""
    both_blocks, made.transformer_blocks = made.transformer_blocks, made.transformer_blocks[:1]
    wanted, found = both(made, x, run, mask)
    assert relative_error(wanted, found) < 2e-3
    made.transformer_blocks = both_blocks
    wanted, found = both(made, x, run, mask)
    set_engine(made, ENGINES["reference"])
    with torch.inference_mode():
        exact = made.flow(x, torch.tensor(0.3), mask)
    assert relative_error(exact, found) == pytest.approx(relative_error(exact, wanted), rel=0.05)


@needs_compiler
def test_weights_are_inputs(compiled_set: fused.Set) -> None:
    """Other weights, another answer: nothing of them is in the compiled code."""
    engine = fused.engine_of(compiled_set.product)
    first, second = dit(WIDE, engine), dit(WIDE, engine)
    for layer in second.modules():
        if isinstance(layer, Int8Linear):
            layer.weight.neg_()
    x = random(1, 9, 1024)
    for made in (first, second):
        agree_as_blocks(made, x, compiled_set)
