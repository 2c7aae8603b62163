"""The seams' bf16 side, where attention works in bf16, and the seam that writes where it is told to."""

from __future__ import annotations

import math

import pytest
import torch

from f5lite.model.config import V1_BASE
from f5lite.shrink import attention
from f5lite.shrink.attention.auto import Auto
from f5lite.shrink.attention.switch import Switch, resolved
from f5lite.shrink.int8 import compiled, fused, products
from f5lite.shrink.int8.engines import ENGINES
from f5lite.shrink.int8.seams import Shape, examples
from tests.shrink.int8.conftest import needs_compiler
from tests.shrink.int8.test_fused import ENGINE, WIDE, dit, random

SHAPE = Shape(64, 2, 32, 128)
needs_bf16 = pytest.mark.skipif(
    ENGINES["bf16"].problem() is not None, reason="torch has no bf16 product here"
)


@pytest.fixture(scope="module", params=["compiled", "uncompiled"])
def run(request: pytest.FixtureRequest) -> dict:
    product = ENGINES[ENGINE].product
    if request.param == "uncompiled":
        return fused.uncompiled(product, SHAPE).run
    try:
        compiled.build()
    except fused.F5liteError as error:
        pytest.skip(str(error))
    return compiled.load(SHAPE, product).run


def test_q_k_and_v_in_bf16_are_the_float_ones_rounded(run: dict) -> None:
    for items, frames in ((1, 1), (2, 37)):
        given = list(examples(SHAPE, ENGINES[ENGINE].product, items, frames, seed=3)["turned"])
        given[4][:4] = torch.tensor([math.nan, math.inf, -math.inf, 1e-42])
        exact, half = run["turned"](*given), run["turned"](*given, dtype=torch.bfloat16)
        for wanted, found in zip(exact, half, strict=True):
            assert found.dtype == torch.bfloat16 and found.shape == wanted.shape
            torch.testing.assert_close(found, wanted.bfloat16(), rtol=0, atol=0, equal_nan=True)


def test_what_attention_made_in_bf16_is_read_as_it_is(run: dict) -> None:
    x = torch.randn(2, SHAPE.heads, 9, SHAPE.dim_head).bfloat16().transpose(1, 2)
    x[0, 0, 0, 0], x[0, 1, 1, 3] = math.nan, math.inf
    for found, wanted in zip(run["mixed"](x), run["mixed"](x.float()), strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=0, equal_nan=True)


def test_the_last_seam_writes_where_it_is_told_to(run: dict) -> None:
    given = list(examples(SHAPE, ENGINES[ENGINE].product, 2, 37, seed=3)["closed"])
    given[7][0, 5] = False
    (wanted,) = run["closed"](*given)
    place = torch.full_like(wanted, math.nan)
    assert run["closed"](*given, place)[0].data_ptr() == place.data_ptr()
    assert torch.equal(place, wanted)
    run["closed"](*given, given[5])
    assert torch.equal(given[5], wanted), "x itself may be the place"


@needs_compiler
def test_what_a_compiled_seam_cannot_read_or_write_is_refused() -> None:
    compiled.build()
    run = compiled.load(SHAPE, products.TORCH).run
    given = examples(SHAPE, products.TORCH, 1, 5)
    with pytest.raises(ValueError, match="without gaps"):
        run["closed"](*given["closed"], torch.empty(1, 5, 2 * SHAPE.dim)[..., ::2])
    with pytest.raises(ValueError, match=r"found torch\.float16"):
        run["mixed"](given["mixed"][0].half())


@needs_compiler
@needs_bf16
@pytest.mark.parametrize("backend", ["sdpa-bf16", "chunked-bf16"])
@pytest.mark.parametrize("at_once", [None, 1])
def test_it_makes_no_difference_who_rounds(
    compiled_set: fused.Set, backend: str, at_once: int | None
) -> None:
    """The seam before the attention, or the backend itself, as before a backend that doesn't say that it works in bf16."""
    made = dit(WIDE, fused.engine_of(compiled_set.product))
    chosen = attention.backend(backend)
    x = random(2, 40, WIDE.dim)
    fused.install(made, compiled_set, at_once)
    answers = []
    with torch.inference_mode():
        for each in (chosen, lambda *given: chosen(*given)):
            attention.install(made, each)
            answers.append(made.flow(x, torch.tensor(0.3)))
    assert torch.equal(*answers)


def test_the_backend_that_does_the_work_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, half = (2, 16, 512, 64), attention.backend("sdpa-bf16")
    assert resolved(half, sizes) is half and resolved(Switch(half), sizes) is half
    table = {"lengths": {"512": {"sdpa": 2.0, "chunked": 3.0, "sdpa-bf16": 1.0}}}
    monkeypatch.setattr("f5lite.shrink.attention.auto.calibrated", lambda *_: table)
    assert resolved(Switch(Auto()), sizes).name == "sdpa-bf16"
    with attention.attention("math"):
        assert resolved(Switch(half), sizes).name == "math"
    assert V1_BASE.dit.heads == sizes[1]
