"""What of a pass is products, attention and the rest, by torch's own profiler. For models made of torch operators."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

PRODUCTS = ("addmm", "::mm", "_int_mm", "linear", "qlinear", "mkldnn_linear", "matmul_int8")
ATTENTION = ("scaled_dot_product", "bmm", "softmax", "flash_attention")
CONVOLUTION = ("convolution", "conv1d")


def part_of(operator: str) -> str:
    """Which part an operator belongs to. A grouped convolution counts with the rest, as the position embedding that it is."""
    name = operator.lower()
    for part, words in (("attention", ATTENTION), ("products", PRODUCTS), ("convolutions", CONVOLUTION)):
        if any(word in name for word in words):
            return part
    return "rest"


def shares(taken: Mapping[str, float], wall: float) -> dict[str, float]:
    """Percent of the wall time by part. What the profiler saw of no operator (fused code, Python) is in the rest. Pure."""
    seen: dict[str, float] = dict.fromkeys(("products", "attention", "convolutions"), 0.0)
    for name, seconds in taken.items():
        part = part_of(name)
        if part in seen:
            seen[part] += seconds
    whole = max(wall, sum(seen.values()))
    percent = {part: 100 * seconds / whole for part, seconds in seen.items()}
    return percent | {"rest": 100 - sum(percent.values())}


def of(work: Callable[[], Any]) -> dict[str, Any]:
    """`shares` of one warm call, with the ten operators that took longest."""
    from torch.profiler import ProfilerActivity, profile

    work()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        begin = time.perf_counter()
        work()
        wall = time.perf_counter() - begin
    taken = {each.key: each.self_cpu_time_total / 1e6 for each in profiler.key_averages()}
    most = sorted(taken.items(), key=lambda item: -item[1])[:10]
    return {"parts": shares(taken, wall), "wall": wall, "operators": most}
