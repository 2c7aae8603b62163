"""What the machine can do at most: products in fp32, bf16 and int8 in the model's shapes, and copying memory.

    python -m benchmarks.roofline            prints one JSON object; OMP_NUM_THREADS sets the threads

The rest works out where a variant sits between these limits.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.rows import Row
from benchmarks.session import ROOT, variables

ROWS, WIDTHS = (
    1024,
    ((1024, 3072), (1024, 1024), (1024, 2048), (2048, 1024)),
)  # the pair at 512 frames; a block's products
COPIED = 256 << 20  # bytes of a copy: more than any cache holds
REPEATS = 7


def best(call: Callable[[], Any], repeats: int = REPEATS) -> float:
    """The lower quartile of a call's seconds, warm: a peak is what the machine can do undisturbed."""
    call()
    call()
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return statistics.quantiles(taken, n=4)[0]


def products(kind: str) -> dict[str, Any] | None:
    """Operations a second of a block's products in that format, weights and rows as in a pass; None if it can't be had."""
    import torch

    calls: dict[str, list[Callable[[], Any]]] = {}
    for inside, out in WIDTHS:
        x, w = torch.randn(ROWS, inside), torch.randn(out, inside)
        if kind == "int8":
            for name, call in int8_calls(x, w).items():
                calls.setdefault(name, []).append(call)
        else:
            dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[kind]
            a, b = x.to(dtype), w.to(dtype)
            calls.setdefault("torch.mm", []).append(lambda a=a, b=b: torch.mm(a, b.t()))
    operations = sum(2 * ROWS * inside * out for inside, out in WIDTHS)
    found = {}
    with torch.inference_mode():
        for name, each in calls.items():
            if len(each) != len(WIDTHS):
                continue
            try:
                found[name] = operations / sum(best(call, 3 if kind != "fp32" else REPEATS) for call in each)
            except RuntimeError:
                continue
    if not found:
        return None
    name = max(found, key=found.__getitem__)
    return {"rate": found[name], "by": name, "all": found}


def int8_calls(x: Any, w: Any) -> dict[str, Callable[[], Any]]:
    """Every int8 product that torch has, on full-range weights: exact or not, this is the speed."""
    import torch

    a = torch.randint(-127, 128, x.shape, dtype=torch.int8)
    b = torch.randint(-127, 128, w.shape, dtype=torch.int8)
    calls: dict[str, Callable[[], Any]] = {"torch._int_mm": lambda: torch._int_mm(a, b.t())}
    try:
        packed = torch.ops.onednn.qlinear_prepack(b, None)
        rows = w.shape[0]
        scales, zeros = torch.ones(rows), torch.zeros(rows, dtype=torch.int32)
        u = (a.short() // 2 + 64).clamp(0, 127).to(torch.uint8)
        calls["onednn.qlinear"] = lambda: torch.ops.onednn.qlinear_pointwise(
            u, 1.0, 64, packed, scales, zeros, None, 1.0, 0, torch.float32, "none", [], ""
        )
        calls["onednn.qlinear"]()
    except (RuntimeError, AttributeError, TypeError):
        calls.pop("onednn.qlinear", None)
    return calls


def bandwidth() -> float:
    """Bytes read and written a second by a copy larger than the caches."""
    import torch

    source = torch.ones(COPIED // 4)
    target = torch.empty_like(source)
    return 2 * COPIED / best(lambda: target.copy_(source), 5)


def here() -> dict[str, Any]:
    """This process's limits."""
    import torch

    return {
        "threads": torch.get_num_threads(),
        "fp32": products("fp32"),
        "bf16": products("bf16"),
        "int8": products("int8"),
        "copy_bytes": bandwidth(),
    }


def measure(threads: int) -> dict[str, Any]:
    """`here` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.roofline"], env=variables(threads), cwd=ROOT, capture_output=True, text=True,
        check=True, timeout=600,
    )  # fmt: skip
    return json.loads(done.stdout.strip().splitlines()[-1])


@dataclass(frozen=True)
class Place:
    """Where a pass sits: its rate, the limit of its own number format, and the least time that this and memory allow."""

    variant: str
    rate: float  # operations a second
    format: str
    limit: float  # operations a second
    least_by_products: float  # seconds, if all operations ran at the limit
    least_by_memory: float  # seconds, to read the weights once

    @property
    def percent(self) -> float:
        """Of the limit that was reached."""
        return 100 * self.rate / self.limit


def format_of(variant: str) -> str:
    """In which numbers a variant multiplies."""
    name = variant.lower()
    if "bf16" in name and "attention" not in name:
        return "bf16"
    weights_only = ("reference", "quanto", "int8 weights", "fp32 inputs")
    return (
        "int8"
        if ("int8" in name or "q8" in name) and not any(word in name for word in weights_only)
        else "fp32"
    )


def places(
    rows: Sequence[Row], limits: Mapping[str, Any], operations: float, weights: int, frames: int
) -> list[Place]:
    """Every measured pass at one length on the limits' threads. Pure. operations: of a pass; weights: how many it reads."""
    bytes_each = {"fp32": 4, "bf16": 2, "int8": 1}
    found = []
    for row in rows:
        if (
            row.work != "pass"
            or row.median_s is None
            or (row.frames, row.threads) != (frames, limits["threads"])
        ):
            continue
        kind = format_of(row.variant)
        limit = limits.get(kind) or limits["fp32"]
        found.append(
            Place(
                row.variant,
                operations / row.median_s,
                kind,
                limit["rate"],
                operations / limit["rate"],
                weights * bytes_each[kind] / limits["copy_bytes"],
            )  # fmt: skip
        )
    return sorted(found, key=lambda place: -place.rate)


if __name__ == "__main__":
    print(json.dumps(here()))
