"""The time of int8: passes that differ in the arithmetic only, a race between engines, and a profile by kind of work."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from f5lite.evidence import int8_bytes, workload
from f5lite.model.config import V1_BASE

STEPS, STEP = 7, 3  # the grid whose AdaLN is folded, and the step of it that is timed
HOPELESS = 4.0  # times the first: such a way isn't repeated, and its first call stands for it
# Kinds of work by what an operation's name holds; the first that fits counts.
KINDS = (
    ("packing", ("prepack",)),
    ("products", ("mm", "qlinear", "int8_linear", "mkldnn_linear", "matmul")),
    ("attention", ("scaled_dot_product", "flash_attention", "softmax")),
    (
        "copies and conversions",
        ("copy", "aten::to", "clone", "cat", "contiguous", "fill", "empty", "zero_", "ones"),
    ),
    ("quantising", ("round", "clamp", "abs", "amax", "isfinite", "where", "div", "masked_fill")),
)
REST = "elementwise and the rest"
OUTSIDE = "outside torch: compiled code, Python"


class Pass:
    """One guided pass of a model's DiT, as a call. In every precision AdaLN is a table and blocks work in place, so that
    only the layers' products differ.

    engine: a name that `f5lite.load` takes, or an engine of one's own (`shrink.int8.engines.Engine`).
    """

    def __init__(self, folder: Path, frames: int, engine: str | Any = "reference") -> None:
        import torch

        from f5lite.model.flow import time_grid
        from f5lite.pipeline import load
        from f5lite.shrink.int8.layers import set_engine
        from f5lite.shrink.int8.lean import make_lean
        from f5lite.shrink.modulation import drop_modulation, fold

        own = not isinstance(engine, str)
        self.pipeline = load(folder, engine="reference" if own else engine)
        grid = time_grid(STEPS)
        with self.pipeline.acoustic as dit:
            if dit.modulation is None:
                drop_modulation(dit, fold(dit, grid[:-1]))
                for block in dit.transformer_blocks:
                    make_lean(block)
            if own:
                set_engine(dit, engine)
        generator = torch.Generator().manual_seed(0)
        pair = torch.randn(2, frames, self.pipeline.config.dit.dim, generator=generator)
        self.dit, self.given = dit, (pair, grid[STEP])

    def __call__(self) -> Any:
        import torch

        with torch.inference_mode():
            return self.dit.flow(*self.given)


def one_block() -> tuple[Path, Path]:
    """(fp32, int8) folders of v1 Base's shape with a single block: 22 of them, and little else, make its pass."""
    source = workload.prepare(V1_BASE.with_blocks(1))
    return source, int8_bytes.converted(source, int8_bytes.beside(source))


@dataclass(frozen=True)
class Turn:
    """What one call took. joules: of the whole processor package, None where they can't be read."""

    seconds: float
    cpu_seconds: float
    joules: float | None


def turn(call: Callable[[], Any]) -> tuple[Turn, Any]:
    """One call with its costs, and what it returned."""
    from f5lite.memory import energy

    before, cpu, begin = energy.sensors(), time.process_time(), time.perf_counter()
    result = call()
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    return Turn(seconds, cpu, energy.joules_between(before, energy.sensors())[0]), result


def alternate(
    calls: Mapping[str, Callable[[], Any]], rounds: int, done: Callable[[], object] = lambda: None
) -> dict[str, list[Turn]]:
    """Every call once as a warm-up, then `rounds` times in turns."""
    taken: dict[str, list[Turn]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            taken[name].append(turn(call)[0])
        done()
    return {name: turns[1:] for name, turns in taken.items()}


@dataclass(frozen=True)
class Lap:
    """One way to compute. seconds: of the repeated calls, or of the only one where it was hopeless. error: relative, of the
    answer against the first way's."""

    name: str
    seconds: tuple[float, ...]
    error: float
    hopeless: bool = False

    @property
    def milliseconds(self) -> float:
        return 1000 * median(self.seconds)


def race(
    calls: Mapping[str, Callable[[], Any]], rounds: int = 5, done: Callable[[], object] = lambda: None
) -> list[Lap]:
    """Time the calls in turns, against the first of them. `done` is called once a call and once a round."""
    from f5lite.shrink.int8.quantise import relative_error

    first, errors, cold = next(iter(calls)), {}, {}
    for name, call in calls.items():
        taken, answer = turn(call)
        if name == first:
            wanted = answer
            taken = turn(call)[0]  # the very first call also pays for a thread pool and the like
        errors[name], cold[name] = relative_error(wanted, answer), taken.seconds
        done()
    hopeless = {name for name, seconds in cold.items() if seconds > HOPELESS * cold[first]}
    taken = {name: [] for name in calls if name not in hopeless}
    for _ in range(rounds):
        for name, seconds in taken.items():
            seconds.append(turn(calls[name])[0].seconds)
        done()
    return [Lap(name, tuple(taken.get(name, [cold[name]])), errors[name], name in hopeless) for name in calls]


def kind_of(operation: str) -> str:
    """Which kind of work an operation of torch's is ("aten::addmm" -> "products")."""
    return next((kind for kind, parts in KINDS if any(part in operation for part in parts)), REST)


def profile(call: Callable[[], Any], repeats: int = 3) -> dict[str, float]:
    """Milliseconds of one call by kind of work, from torch's profiler: an operation's own time, without what it calls.

    What code outside of torch takes, say a compiled library, no operation accounts for: it is the call's own time.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler's library would talk on standard error
    from torch.profiler import ProfilerActivity, record_function
    from torch.profiler import profile as profiler

    call()
    with profiler(activities=[ProfilerActivity.CPU]) as found:
        for _ in range(repeats):
            with record_function(OUTSIDE):
                call()
    spent = dict.fromkeys((*(kind for kind, _ in KINDS), REST, OUTSIDE), 0.0)
    for row in found.key_averages():
        spent[OUTSIDE if row.key == OUTSIDE else kind_of(row.key)] += row.self_cpu_time_total / 1000 / repeats
    return {kind: each for kind, each in spent.items() if each}
