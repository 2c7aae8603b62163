"""`auto`: time the backends on this machine, once, and take the fastest for each length. It says why.

Which one wins differs by processor (bf16 in torch's fused kernel with AMX, fp32 without bf16 instructions, pieces
on others), so nothing is fixed in advance. `math` isn't a candidate: it holds the whole score matrix.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import torch

from f5lite import machine
from f5lite.errors import F5liteError
from f5lite.shrink.attention import flash, own
from f5lite.shrink.attention.timing import DIM_HEAD, HEADS, PAIR, interleaved, tensors

LENGTHS = (256, 512, 1024, 2048, 4096)
QUICK_LENGTHS = (256, 1024)
SECONDS = 3.5  # for the timed calls; with the first calls a calibration stays under 5
MOST_SCORES = (
    PAIR * HEADS * 512**2
)  # longer ones are timed on fewer heads: the work is the same for every head
HOPELESS = 3.0  # times the fastest at a shorter length: not timed at the next
LOST = 1.5  # times the fastest at this length, twice: not timed again
UNSTEADY = 1.5  # a median that many times the lower quartile: something else was running
WORTH = 1.05  # what rounding must gain before it is taken


@dataclass(frozen=True)
class Choice:
    """What `auto` takes at a length. seconds: each candidate's time there (lower quartile), on the calibration's heads."""

    frames: int
    name: str
    why: str
    seconds: Mapping[str, float] = field(default_factory=dict)


def candidates(dtype: torch.dtype, device: torch.device, dim_head: int = DIM_HEAD) -> tuple[str, ...]:
    """In the order of preference between equals: exact before rounded, torch's own before ours."""
    names = ["sdpa", "chunked"]
    if dtype == torch.float32:
        names += ["sdpa-bf16", "chunked-bf16"]
        if device.type == "cpu" and dim_head in own.SIZES:
            names += own.usable(device)
    if device.type == "cuda" and flash.refusal(device) is None:
        names.append("flash_attn")
    return tuple(names)


def measure(
    heads: int = HEADS,
    dim_head: int = DIM_HEAD,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    lengths: tuple[int, ...] = LENGTHS,
    budget: float = SECONDS,
) -> dict[str, Any]:
    """Time the candidates. -> "lengths": {frames: {name: seconds}}, "dropped": {name: times the fastest}, "took": seconds,
    "steady": false if other work disturbed it.

    `budget` seconds are shared out over the lengths; the lower quartile counts: other work on the machine only ever adds.
    """
    from f5lite.shrink.attention.switch import backend

    began, device = time.perf_counter(), torch.device(device)
    running = {name: backend(name, device) for name in candidates(dtype, device, dim_head)}
    dropped: dict[str, float] = {}
    table: dict[str, dict[str, float]] = {}

    def race(frames: int, on: int, rounds: int, allowed: float, warm: bool = False) -> dict[str, list[float]]:
        q, k, v = tensors(frames, on, dim_head, PAIR, dtype, device)
        calls = {name: (lambda run=run: run(q, k, v, None)) for name, run in running.items()}
        with torch.inference_mode():
            return interleaved(calls, rounds, warm=warm, budget=allowed, hopeless=LOST, device=device)

    def drop(taken: Mapping[str, list[float]]) -> None:
        fastest = min(median(runs) for runs in taken.values())
        hopeless = HOPELESS * unrest(taken["sdpa"])
        for name, runs in taken.items():
            # One's best against another's median: a call that was merely disturbed is not dropped for it. torch's own
            # always stays in the race.
            if name != "sdpa" and min(runs) > hopeless * fastest:
                dropped[name] = min(runs) / fastest
                del running[name]

    look = race(lengths[0], min(heads, 4), 7, budget / 5, warm=True)
    wobble = unrest(look["sdpa"])
    drop(look)
    for number, frames in enumerate(sorted(lengths)):
        on = max(1, min(heads, MOST_SCORES // (PAIR * frames**2)))
        left = budget - (time.perf_counter() - began)
        taken = race(frames, on, 25, max(0.0, left) / (len(lengths) - number), warm=number == 0)
        table[str(frames)] = {name: quartile(runs) for name, runs in taken.items()}
        wobble = max(wobble, unrest(taken["sdpa"]))
        drop(taken)
    took = time.perf_counter() - began
    return {"lengths": table, "dropped": dropped, "took": took, "steady": wobble < UNSTEADY}


def choose(table: Mapping[str, Any], frames: int, bf16_instructions: tuple[str, ...] = ()) -> Choice:
    """The backend for a length from a calibration: the fastest at the nearest timed length, exact ones first. Pure."""
    if not table.get("lengths"):
        raise F5liteError(
            "the attention calibration is empty; delete the calibrations folder in f5lite's cache"
        )
    nearest = min(table["lengths"], key=lambda timed: abs(math.log(int(timed) / max(1, frames))))
    seconds = table["lengths"][nearest]
    exact = {name: s for name, s in seconds.items() if not rounded(name)}
    best = min(exact or seconds, key=seconds.__getitem__)
    fastest = min(seconds, key=seconds.__getitem__)
    if seconds[fastest] * WORTH < seconds[best]:
        best = fastest
    others = sorted((s / seconds[best], name) for name, s in seconds.items() if name != best)
    parts = [f"{name} took {times(ratio)} its time" for ratio, name in others]
    parts += [f"{name} {times(ratio)}, at a first look" for name, ratio in table.get("dropped", {}).items()
              if name not in seconds]  # fmt: skip
    why = (
        f"{best} was the fastest worth taking at {nearest} frames"
        if parts
        else f"{best} is the only one here"
    )
    if parts:
        why += f": {', '.join(parts)}"
    slow = {**table.get("dropped", {}), **{name: ratio for ratio, name in others}}
    if any(name.endswith("-bf16") and ratio > 1.5 for name, ratio in slow.items()) and not bf16_instructions:
        why += "; this processor has no instructions for bf16"
    return Choice(frames, best, why + ".", dict(seconds))


def times(ratio: float) -> str:
    """A ratio in words: "1.3 ×", "27 ×"."""
    return f"{ratio:.1f} ×" if ratio < 9.95 else f"{ratio:.0f} ×"


def quartile(taken: list[float]) -> float:
    """The lower one; the minimum of fewer than four."""
    return sorted(taken)[len(taken) // 4]


def unrest(taken: list[float]) -> float:
    """How far repeats of the same call differ: median over lower quartile, 1 on a machine with nothing else to do."""
    return median(taken) / quartile(taken)


def rounded(name: str) -> bool:
    """True for a backend that computes a float32 model's attention in half precision, or in integers."""
    return name.endswith(("-bf16", "-int16")) or name == "flash_attn"


def calibrated(
    heads: int = HEADS,
    dim_head: int = DIM_HEAD,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    *,
    refresh: bool = False,
) -> dict[str, Any]:
    """`measure`'s result, kept with the machine card; by shape, format, device and torch's thread count.

    One that other work disturbed is used, and measured again by the next process that needs it.
    """
    kind = torch.device(device).type
    lengths = QUICK_LENGTHS if machine.quick() else LENGTHS
    width = str(dtype).removeprefix("torch.")
    # What takes part belongs to the name: code that was compiled since changes the choice.
    taking = candidates(dtype, torch.device(device), dim_head)
    joined = "".join(f"-{kernel}" for kernel in own.NAMES if kernel in taking)
    name = f"attention-{heads}x{dim_head}-{width}-{kind}-{torch.get_num_threads()}t-{len(lengths)}{joined}"

    def now() -> dict[str, Any]:
        _measured.add(name)
        return measure(heads, dim_head, dtype, device, lengths)

    kept = machine.calibration(name, now, refresh=refresh)
    if not kept.get("steady", True) and name not in _measured:
        return machine.calibration(name, now, refresh=True)
    return kept


_measured: set[str] = set()  # calibrations made in this process


class Auto:
    """The backend that takes, at every length, what the calibration says. Calibrates at its first call."""

    name = "auto"

    def __init__(self) -> None:
        self.choices: dict[tuple[Any, ...], tuple[Any, Choice]] = {}

    def choice(self, q: torch.Tensor) -> Choice:
        """What it takes for q (b h n d), and why."""
        return self.chosen(tuple(q.shape), q.dtype, q.device)[1]

    def chosen(self, sizes: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> tuple[Any, Choice]:
        """The backend for a q of those sizes (b h n d), and why."""
        heads, frames, dim_head = sizes[1:]
        key = (heads, frames, dim_head, dtype, device)
        if key not in self.choices:
            from f5lite.shrink.attention.switch import backend

            table = calibrated(heads, dim_head, dtype, device)
            choice = choose(table, frames, machine.card().bf16_instructions)
            self.choices[key] = (backend(choice.name, device), choice)
        return self.choices[key]

    def __call__(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        return self.chosen(tuple(q.shape), q.dtype, q.device)[0](q, k, v, mask)
