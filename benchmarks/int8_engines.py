"""One guided pass of v1 Base with each int8 engine beside fp32: time, spread, memory, and error. Engines take turns.

    python -m benchmarks.int8_engines [--blocks 22] [--rounds 5] [--frames 512] [--level AVX2] [--json FILE]

--level plays a lesser processor (`f5lite.evidence.shelf`), the compiled code's vectors included; fp32's MKL isn't lowered.
The fused engine is compiled first where there is a compiler. An engine far behind at a first look isn't timed in full.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import torch

from f5lite.evidence import int8_bytes, shelf, workload
from f5lite.machine import card
from f5lite.memory import meter
from f5lite.model.acoustic import DiT, rotary
from f5lite.model.config import V1_BASE
from f5lite.pipeline import load
from f5lite.shrink.attention.timing import interleaved
from f5lite.shrink.int8 import auto, best_product, fused, trial
from f5lite.shrink.int8.engines import ENGINES, FUSED
from f5lite.shrink.int8.layers import set_engine

FP32, HOPELESS, FEW = "fp32", 4.0, 16
COLUMNS = (
    "engine", "times fp32", "pass s", "fastest", "slowest", "error %", "peak RSS MB", "peak anonymous MB", "note",
)  # fmt: skip


def compiled_set() -> fused.Set | None:
    """The fused code for v1 Base, compiled now if need be; None without a compiler."""
    if card().compiler is None and auto.usable(V1_BASE.dit) is None:
        return None
    return best_product.ready(V1_BASE.dit)


def blocks(budget: float = 8.0, frames: int = workload.FRAMES) -> dict[str, Any]:
    """One block instead of a pass: "seconds" by engine, fp32 too; "behind": times fp32's at a first look."""
    ready = compiled_set()
    runs = trial.blocks(V1_BASE.dit, ENGINES, ready.product if ready else None)
    runs.pop("exact")
    plain, modulation = trial.block(V1_BASE.dit), 0.5 * torch.randn(1, 6 * V1_BASE.dit.dim)
    runs[FP32] = lambda x: plain(x, modulation, None, rotary(x.shape[1], V1_BASE.dit.dim_head))
    few, x = (
        torch.randn(2, n, V1_BASE.dit.dim, generator=torch.Generator().manual_seed(1)) for n in (FEW, frames)
    )
    with torch.inference_mode():
        look = interleaved({name: (lambda run=run: run(few)) for name, run in runs.items()}, 2)
        behind = {name: min(look[name]) / min(look[FP32]) for name in runs}
        behind = {name: ratio for name, ratio in behind.items() if ratio > HOPELESS}
        calls = {name: (lambda run=run: run(x)) for name, run in runs.items() if name not in behind}
        taken = interleaved(calls, 40, budget=budget)
    problems = {name: why for name, engine in ENGINES.items() if (why := engine.problem())}
    return {"seconds": taken, "behind": behind, "problems": problems}


def table_of(measured: dict[str, Any]) -> list[str]:
    """The lines of a small table: engine, times as fast as fp32, milliseconds."""
    taken = measured["seconds"]
    fp32 = median(taken[FP32])
    lines = [f"{'engine':14}{'times fp32':>11}{'ms a block':>12}{'fastest':>9}{'slowest':>9}"]
    for name in sorted(taken, key=lambda each: median(taken[each])):
        times = [1e3 * each for each in taken[name]]
        lines.append(
            f"{name:14}{fp32 / median(taken[name]):>10.2f}x{median(times):>12.1f}{min(times):>9.1f}{max(times):>9.1f}"
        )
    for name, ratio in measured["behind"].items():
        lines.append(f"{name:14}{1 / ratio:>10.2f}x   at a first look, 2 x {FEW} frames; not timed further")
    return lines + [f"{name:14}{why}" for name, why in measured["problems"].items()]


def peaks(folder: Path, name: str, frames: int) -> tuple[float, float]:
    """Peak RSS and peak anonymous MB over imports of a request of one pass, in a process of its own."""
    run = meter.measure(
        workload.request, (str(folder), frames, 1), {"residency": "on-demand", "engine": name}, check=False
    )
    return (run.peak_rss_mb, run.peak_anonymous_mb) if run.ok else (float("nan"), float("nan"))


def passes(blocks_: int, frames: int, rounds: int) -> list[dict[str, Any]]:
    """The rows of the table."""
    config = V1_BASE if blocks_ == V1_BASE.dit.depth else V1_BASE.with_blocks(blocks_)
    source = workload.prepare(config)
    small = int8_bytes.converted(source, int8_bytes.beside(source))
    ready = compiled_set()
    generator = torch.Generator().manual_seed(0)
    x, few = (torch.randn(2, n, config.dit.dim, generator=generator) for n in (frames, FEW))
    with (
        load(source).acoustic as plain,
        load(small, engine="reference").acoustic as int8,
        torch.inference_mode(),
    ):
        now = int8.modulation.times[1]

        def run(name: str, x: torch.Tensor) -> torch.Tensor:
            model: DiT = plain if name == FP32 else int8
            fused.remove(int8)
            if name == FUSED:
                fused.install(int8, ready)
            elif name != FP32:
                set_engine(int8, ENGINES[name])
            return model.flow(x, now)

        names = [FP32, *(name for name, engine in ENGINES.items() if engine.problem() is None)]
        names += [FUSED] if ready else []
        wanted = run(FP32, few)
        errors = {name: float((run(name, few) - wanted).norm() / wanted.norm()) for name in names}
        look = interleaved({name: (lambda name=name: run(name, few)) for name in names}, 2)
        ratio = {name: min(look[name]) / min(look[FP32]) for name in names}
        timed = [name for name in names if ratio[name] <= HOPELESS]
        taken = interleaved({name: (lambda name=name: run(name, x)) for name in timed}, rounds)
    rows = []
    for name in names:
        row: dict[str, Any] = dict.fromkeys(COLUMNS, "") | {
            "engine": name,
            "error %": round(100 * errors[name], 2),
        }
        if name in timed:
            row |= {
                "times fp32": round(median(taken[FP32]) / median(taken[name]), 2),
                "pass s": round(median(taken[name]), 3),
                "fastest": round(min(taken[name]), 3),
                "slowest": round(max(taken[name]), 3),
            }
            rss, anonymous = peaks(
                source if name == FP32 else small, "auto" if name == FP32 else name, frames
            )
            row |= {"peak RSS MB": round(rss), "peak anonymous MB": round(anonymous)}
        else:
            row["note"] = f"{ratio[name]:.0f} x fp32's time at {FEW} frames"
        rows.append(row)
    missing = [(name, engine.problem()) for name, engine in ENGINES.items()] + [
        (FUSED, None if ready else "no compiler")
    ]
    return rows + [dict.fromkeys(COLUMNS, "") | {"engine": name, "note": why} for name, why in missing if why]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=V1_BASE.dit.depth)
    parser.add_argument("--frames", type=int, default=workload.FRAMES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--level", choices=[level.name for level in shelf.levels(card().instruction_sets)])
    parser.add_argument("--only-block", action="store_true", help="one block instead of a pass, in seconds")
    parser.add_argument("--json")
    options = parser.parse_args()
    if options.level:
        level = next(each for each in shelf.LEVELS if each.name == options.level)
        rest = [word for word in sys.argv[1:] if word not in ("--level", options.level)]
        command = [sys.executable, "-m", "benchmarks.int8_engines", *rest]
        print(f"made to look like {level.name}; fp32's MKL is not lowered")
        sys.exit(subprocess.run(command, env={**os.environ, **level.environment}).returncode)
    print(f"{card()}, {torch.get_num_threads()} threads")
    if options.only_block:
        print("\n".join(table_of(blocks(frames=options.frames))))
        return
    rows = passes(options.blocks, options.frames, options.rounds)
    widths = [
        max(len(str(row[name])) for row in (*rows, dict(zip(COLUMNS, COLUMNS, strict=True))))
        for name in COLUMNS
    ]
    for row in (dict(zip(COLUMNS, COLUMNS, strict=True)), *rows):
        print("  ".join(str(row[name]).rjust(width) for name, width in zip(COLUMNS, widths, strict=True)))
    if options.json:
        from f5lite.files import write_atomically

        write_atomically(options.json, json.dumps({"machine": card().to_dict(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
