"""Which product engine `fused` uses here, and its compiled set with that product.

Products are timed with one seam behind them, once a machine. Which engine wins on a busy machine says little about them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import torch

from f5lite import machine
from f5lite.errors import F5liteError
from f5lite.model.config import DiTConfig
from f5lite.shrink.int8 import compiled, engines, fused, products
from f5lite.shrink.int8.compiled import Set
from f5lite.shrink.int8.products import Product

log = logging.getLogger(__name__)

# The engines whose product "fused" may use; the compiled library's own is the third.
PRODUCTS = ("torch", "onednn")
WIDE = 512  # models narrower than that never start a measurement
PAIR, FRAMES = 2, 192  # what is measured with


def ready(config: DiTConfig, say: Callable[[str], None] = log.warning) -> Set:
    """The compiled set of "fused" with the product that is fastest here, compiled now if need be. F5liteError if it can't be."""
    fused.build(config, say)
    return compiled.load(fused.shape_of(config), fused_product(config))


def usable(config: DiTConfig) -> Product | None:
    """The product for `fused` if its code is compiled for this shape and machine; None if it isn't. Measures nothing."""
    if compiled.problem(fused.shape_of(config)) is not None:
        return None
    table = kept_table(product_name(config))
    named = table.get("product") if isinstance(table, dict) else None
    product = compiled.named(named, fused.shape_of(config)) if isinstance(named, str) else None
    try:
        product = product or fused.product_here()
    except F5liteError:
        return None
    return product if product.problem() is None else None


def fused_product(config: DiTConfig) -> Product:
    """The product for `fused`: the fastest, measured once a machine if that may be done, else by instruction set."""
    able = {each.name: each for each in _products(config)}
    if len(able) < 2 or (kept_table(product_name(config)) is None and not may_measure(config)):
        return fused.product_here()

    def now() -> dict[str, str]:
        sets = {each: compiled.load(fused.shape_of(config), each) for each in able.values()}
        space = products.Space()

        def once(product: Product, values: torch.Tensor, weight: torch.Tensor) -> object:
            return behind(sets[product], values, weight, space)

        with torch.inference_mode():
            return {"product": products.faster(list(able.values()), PAIR * FRAMES, config.dim, once).name}

    return able.get(machine.calibration(product_name(config), now)["product"]) or fused.product_here()


def behind(made: Set, values: torch.Tensor, weight: torch.Tensor, space: products.Space) -> torch.Tensor:
    """A product and the seam behind it, as a block has them: what is inside a seam needs no place for its sums."""
    tokens, out = len(values), len(weight)
    token, row, x = torch.ones(1, tokens, 2), torch.ones(out), torch.zeros(1, tokens, out)
    gate, keep = torch.ones(1, 1, out), torch.ones(1, tokens, 1, dtype=torch.bool)
    return made.run["closed"](made.of(weight, space)(values[None]), token, row, row, row, x, gate, keep)[0]


def _products(config: DiTConfig) -> list[Product]:
    """What "fused" may multiply with here."""
    mine = compiled.own_product(fused.shape_of(config))
    others = [engines.ENGINES[name] for name in PRODUCTS]
    return [*([mine] if mine else []), *(each.product for each in others if each.problem() is None)]


def product_name(config: DiTConfig) -> str:
    mine = "-own" if compiled.own_product(fused.shape_of(config)) else ""
    return f"int8-product-{config.dim}-{torch.get_num_threads()}t{mine}"


def kept_table(name: str) -> dict[str, Any] | None:
    """What an earlier measurement found, None if there is none."""
    try:
        return json.loads(machine.calibration_path(name).read_text(encoding="utf-8"))["result"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def may_measure(config: DiTConfig) -> bool:
    """Not for small models, nor in quick mode."""
    return config.dim >= WIDE and not machine.quick()
