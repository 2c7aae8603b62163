"""The library's own product: exact, the same inside a seam as before it, only where its instructions are."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from f5lite import machine
from f5lite.model.config import V1_BASE
from f5lite.shrink.int8 import best_product, compiled, fused, own, products
from f5lite.shrink.int8.quantise import row_sums
from f5lite.shrink.int8.seams import Shape, examples
from tests.shrink.int8.conftest import needs_compiler

BASE = fused.shape_of(V1_BASE.dit)
SMALL = Shape(64, 2, 32, 128)
TILES = sys.platform == "linux" and "AMX_INT8" in machine.card().instruction_sets
needs_tiles = pytest.mark.skipif(
    not TILES or machine.card().compiler is None, reason="no AMX, or no compiler"
)


@pytest.fixture(scope="module")
def product() -> products.Product:
    compiled.build()
    return compiled.own_product(BASE)


@needs_compiler
def test_it_is_there_where_its_instructions_are() -> None:
    compiled.build()
    found = compiled.own_product(BASE)
    assert (found is not None) == TILES
    assert compiled.own_product(Shape(48, 3, 16, 96)) is None, "widths that no step divides"
    if found is not None:
        assert compiled.named(found.name, BASE) is found and compiled.load(BASE, found).inside
    assert not compiled.load(BASE, products.TORCH).inside
    assert compiled.named(products.TORCH.name, BASE) is products.TORCH and compiled.named("x", BASE) is None


ASKS = """
from f5lite.shrink.int8 import compiled, own
print(own.product(compiled.place() / compiled.LIBRARY) is not None)
"""


@needs_compiler
@pytest.mark.parametrize("level", ["AVX512_CORE_AMX", "AVX512_CORE_VNNI", "AVX2", "DEFAULT"])
def test_a_lesser_processor_has_none(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled.build()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", level)
    said = subprocess.run([sys.executable, "-c", ASKS], capture_output=True, text=True, check=True).stdout
    assert said.strip() == str(TILES and level in ("AVX512_CORE_AMX", "DEFAULT"))


def test_a_choice_made_without_it_does_not_speak_for_one_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    names = set()
    for mine in (None, products.TORCH):  # any stands for it
        monkeypatch.setattr(compiled, "own_product", lambda shape, mine=mine: mine)
        names.add(best_product.product_name(V1_BASE.dit))
    assert len(names) == 2


def test_a_library_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    (tmp_path / "seams.so").write_bytes(b"none")
    assert own.product(tmp_path / "seams.so") is None and own.product(tmp_path / "nowhere.so") is None


@pytest.mark.parametrize("out", [32, 1024, 3072, 100_000])
@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("rows", [1, 31, 33, 512, 1000, 5000])
def test_threads_take_tokens_in_equal_parts(rows: int, threads: int, out: int) -> None:
    many = own.at_once(rows, out, threads)
    assert many % own.TOKENS == 0
    assert many == own.TOKENS or 4 * many * (out + own.APART) <= own.CACHE, "they have to stay in the cache"
    turns = math.ceil(math.ceil(rows / many) / threads)
    assert turns * threads * (many - own.TOKENS) < rows, "no smaller parts would do in as many turns"


@needs_tiles
@pytest.mark.parametrize("tokens", [1, 15, 16, 17, 31, 32, 33, 63, 200, 1023])
@pytest.mark.parametrize("sizes", [(64, 32), (192, 96), (1024, 3072), (1, 1), (65, 33)], ids=str)
def test_sums_are_exact(product: products.Product, tokens: int, sizes: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(tokens)
    values = torch.randint(-128, 128, (tokens, sizes[0]), generator=generator).to(torch.int8)
    weight = torch.randint(-127, 128, sizes[::-1], generator=generator).to(torch.int8)
    wanted = (values.double() @ weight.double().t()).int()
    assert torch.equal(product.sums(values, weight), wanted)
    assert torch.equal(product.of(weight)(values), wanted)


@needs_tiles
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("items, frames", [(1, 1), (1, 33), (2, 64), (3, 130)])
@pytest.mark.parametrize("shape", [SMALL, BASE], ids=lambda shape: shape.key)
def test_inside_a_seam_it_says_what_it_says_before_it(
    product: products.Product, shape: Shape, items: int, frames: int, threads: int
) -> None:
    run, space = compiled.load(shape, product).run, products.Space()
    generator = torch.Generator().manual_seed(0)
    widths = {
        "turned": (shape.dim, 3 * shape.heads * shape.dim_head),
        "widened": (shape.dim, shape.wide),
        "closed": (shape.wide, shape.dim),
    }
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for name, (width, out) in widths.items():
            values = torch.randint(-128, 128, (items, frames, width), generator=generator).to(torch.int8)
            weight = torch.randint(-127, 128, (out, width), generator=generator).to(torch.int8)
            _, token, row, _, bias, *rest = examples(shape, product, items, frames, seed=2)[name]
            given = (token, row, row_sums(weight), bias, *rest)
            sums = (values.double() @ weight.double().t()).int()
            wanted, found = run[name](sums, *given), run[name](product.inside(values, weight, space), *given)
            assert all(torch.equal(a, b) for a, b in zip(wanted, found, strict=True)), name
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 2, 3, 16])
@pytest.mark.parametrize("whole", [1, 32, 64, 128])
@pytest.mark.parametrize("out, width", [(64, 64), (1024, 2048), (3072, 1024), (3072, 1 << 20)])
def test_a_thread_takes_whole_heads_and_what_its_cache_holds(
    out: int, width: int, whole: int, threads: int
) -> None:
    found = own.outputs(out, width, threads, whole)
    grain = math.lcm(whole, own.BESIDE)
    assert found > 0 and found % grain == 0
    assert found * width <= max(own.PACKED, grain * width)
    blocks = -(-out // found)
    busiest, share = -(-blocks // threads) * found, max(grain, out / threads)
    assert busiest < share + 2 * max(grain, own.PACKED // width), (
        "no thread has much more to do than its share"
    )


@needs_tiles
@pytest.mark.measures
def test_it_is_taken_or_no_slower_one_is(product: products.Product, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the choice between products looks at, measured again: within a fifth of the fastest."""
    space, weight = products.Space(), torch.ones(1024, 1024, dtype=torch.int8)
    values = torch.ones(384, 1024, dtype=torch.int8)
    monkeypatch.setattr(machine, "calibration", lambda name, now: now())
    monkeypatch.setattr(best_product, "may_measure", lambda config: True)
    taken = best_product.fused_product(V1_BASE.dit)
    best = {}
    for _ in range(30):
        for each in (product, products.TORCH):
            begin = time.perf_counter()
            best_product.behind(compiled.load(BASE, each), values, weight, space)
            best[each] = min(best.get(each, math.inf), time.perf_counter() - begin)
    assert best[taken] <= 1.2 * min(best.values())
