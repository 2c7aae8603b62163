"""`auto`: time one block of the model's shape with every engine that runs here, once, and take the fastest that is exact enough.

Nothing is measured or compiled at import, for a small model or in quick mode; then the instruction set decides
(`by_instruction_set`) unless a measurement is there already. A model as wide as v1 Base measures at its first load on a
machine, in a process of its own, so that the memory of the one that speaks stays what it was; `f5lite engines` measures too.
The result is kept with the machine card, by shape and number of threads.
"""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from statistics import median
from typing import Any

import torch

from f5lite import machine
from f5lite.errors import F5liteError
from f5lite.model.config import DiTConfig
from f5lite.shrink.attention.timing import interleaved
from f5lite.shrink.int8 import compiled, engines, fused, native
from f5lite.shrink.int8.best_product import (
    FRAMES,
    PAIR,
    fused_product,
    kept_table,
    may_measure,
    usable,
)
from f5lite.shrink.int8.products import Product
from f5lite.shrink.int8.quantise import relative_error
from f5lite.shrink.int8.trial import blocks

log = logging.getLogger(__name__)

# In the order of preference between equals. bitsandbytes isn't one: on a CPU it is `torch`'s product or a plain float32 one.
CANDIDATES = ("reference", "bf16", "torch", "onednn", "fused")
BOUND = 0.04  # relative error that an engine may add to a block, against the same block and int8 weights in float64
FEW_FRAMES = 16
SECONDS = 0.4  # for the timed calls; with torch's import and the first calls a measurement stays under 5
HOPELESS = 4.0  # times the fastest at a first look on few frames: not timed further
LOST = 3.0  # times the fastest in a first round on all frames: not timed again
WORTH = 1.03  # what a later candidate must gain over an earlier one
UNSTEADY = 2.0  # the fastest engine's median, as a multiple of its best: something else was running
TRIES = 3  # measurements at most, by as many processes, until one is steady
LONGEST = 120.0


@dataclass(frozen=True)
class Choice:
    """What `auto` takes, and why. seconds of a block and relative errors, by engine; measured: false if by instruction set;
    settled: false if other work disturbed the measurement and the next process should try again."""

    name: str
    why: str
    measured: bool
    seconds: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)
    settled: bool = True

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def choose(table: Mapping[str, Any]) -> Choice:
    """The engine that a measurement speaks for: the fastest whose error is within the bound. Pure."""
    seconds, errors = table["seconds"], table["errors"]
    good = [n for n in CANDIDATES if n in seconds and errors.get(n, float("inf")) <= BOUND]
    if not good:
        why = "no engine was exact enough, so the exact one."
        return Choice("reference", why, True, seconds, errors, settled(table))
    best = good[0]
    for name in good[1:]:
        if seconds[name] * WORTH < seconds[best]:
            best = name
    parts = [
        f"{name} took {seconds[name] / seconds[best]:.1f} × its time"
        for name in sorted(seconds, key=seconds.__getitem__)
        if name != best and name in good
    ]
    parts += [f"{name} {ratio:.0f} ×, at a first look" for name, ratio in table.get("dropped", {}).items()]
    parts += [
        f"{name} is off by {errors[name]:.1%}, more than {BOUND:.0%}" for name in seconds if name not in good
    ]
    parts += [f"{name} can't run: {why}" for name, why in table.get("problems", {}).items()]
    why = f"{best} was the fastest block, {1e3 * seconds[best]:.0f} ms for {PAIR} × {table['frames']} frames"
    why = f"{why}: {'; '.join(parts)}." if parts else f"{why}."
    return Choice(best, why, True, seconds, errors, settled(table))


def settled(table: Mapping[str, Any]) -> bool:
    """Whether a measurement is kept for good: nothing disturbed it, or trying again didn't help."""
    return table.get("steady", True) or table.get("tries", 1) >= TRIES


def by_instruction_set(sets: tuple[str, ...]) -> Choice:
    """The choice without a measurement. Pure."""
    native = [name for name in engines.INT8_PRODUCTS if name in sets]
    if native:
        return Choice(
            "torch", f"not measured: this processor multiplies int8 numbers ({', '.join(native)}).", False
        )
    if "AVX2" in sets:
        return Choice(
            "onednn", "not measured: without int8 instructions oneDNN's product is fast from AVX2 on.", False
        )
    return Choice("reference", "not measured: no instructions known that multiply int8 numbers.", False)


def measure(
    config: DiTConfig,
    seconds: float = SECONDS,
    frames: int = FRAMES,
    race: Callable[..., dict[str, list[float]]] = interleaved,
    compiled_product: Product | None = None,
) -> dict[str, Any]:
    """Time the engines on one block, taking turns. -> what `choose` reads: seconds (the best: other work only ever adds),
    errors, dropped at a first look, problems (why an engine can't run), frames, whether steady, and what it took."""
    begin = time.perf_counter()
    config = replace(config, qk_norm=None, pe_attn_head=None)
    runs = blocks(config, CANDIDATES, compiled_product)
    exact = runs.pop("exact")
    generator = torch.Generator().manual_seed(1)
    few = torch.randn(PAIR, FEW_FRAMES, config.dim, generator=generator)
    x = torch.randn(PAIR, frames, config.dim, generator=generator)

    def calls(pair: torch.Tensor) -> dict[str, Callable[[], torch.Tensor]]:
        return {name: (lambda run=run: run(pair)) for name, run in runs.items()}

    with torch.inference_mode():
        wanted = exact(few.double()) - few
        errors = {name: relative_error(wanted, run(few) - few) for name, run in runs.items()}
        first = {name: min(taken) for name, taken in race(calls(few), 2, warm=False).items()}
        fastest = min(first.values())
        dropped = {name: took / fastest for name, took in first.items() if took > HOPELESS * fastest}
        for name in dropped:
            del runs[name]
        taken = race(calls(x), 1, warm=False)  # warms up, too
        fastest = min(min(times) for times in taken.values())
        for name in [name for name, times in taken.items() if min(times) > LOST * fastest]:
            del runs[name]
        timed = race(calls(x), 30, warm=False, budget=seconds)
        taken = {name: times + timed.get(name, []) for name, times in taken.items()}
    best = min(timed.values(), key=min)
    problems = {name: why for name, each in engines.ENGINES.items()
                if name in CANDIDATES and (why := each.problem())}  # fmt: skip
    return {
        "seconds": {name: min(times) for name, times in taken.items()},
        "errors": errors,
        "dropped": dropped,
        "problems": problems,
        "frames": frames,
        "steady": median(best) < UNSTEADY * min(best),
        "took": time.perf_counter() - begin,
    }


def name_of(config: DiTConfig, product: Product | None) -> str:
    """The calibration's name: by shape, threads and whether compiled code takes part."""
    joined = "plain" if product is None else f"fused-{re.sub('[^a-z0-9]+', '-', product.name.lower())}"
    return f"int8-engines-{fused.shape_of(config).key}-{torch.get_num_threads()}t-{joined}"


def kept(config: DiTConfig) -> Choice | None:
    """What an earlier measurement says, None if there is none for this shape, machine and number of threads."""
    table = kept_table(name_of(config, usable(config)))
    try:
        return choose(table) if table else None
    except (KeyError, TypeError, AttributeError):
        return None


def calibrated(config: DiTConfig, *, refresh: bool = False) -> Choice:
    """The measured choice, measured now in a process of its own (5 s) unless an earlier one is kept. F5liteError if it fails.

    One that other work disturbed is measured again by the next process, up to `TRIES` in all. Where there is a C++ compiler
    the code of "fused" is compiled first, so that it takes part.
    """
    product = _compiled(config)
    name = name_of(config, product)
    before = None if refresh else kept_table(name)
    again = bool(before) and not settled(before) and name not in _tried

    def now() -> dict[str, Any]:
        _tried.add(name)
        table = _in_a_process(config, product)
        tries = before.get("tries", 1) + 1 if before else 1
        # `chosen` is for readers without torch, such as `f5lite check`.
        return {**table, "chosen": choose(table).name, "tries": tries}

    return choose(machine.calibration(name, now, refresh=refresh or again))


_tried: set[str] = set()  # measurements begun in this process


def _compiled(config: DiTConfig) -> Product | None:
    """The product for `fused`, its code compiled now if need be; None where that can't be."""
    shape = fused.shape_of(config)
    try:
        if native.refusal(shape) is None and compiled.problem(shape) is not None:
            compiled.build(log.info)
        fused_product(config)  # kept, for `usable`
    except F5liteError as error:
        log.info("%s", error)
    return usable(config)


def unmeasured(device: str = "cpu") -> Choice:
    """The choice by instruction set, if its product is exact here."""
    if torch.device(device).type != "cpu":
        return Choice(
            "reference", f"not measured: of the engines compared, this one runs on {device}.", False
        )
    found = by_instruction_set(machine.card().instruction_sets)
    if engines.ENGINES[found.name].problem() is not None:
        return Choice("reference", "not measured: the int8 product isn't exact here.", False)
    return found


def best_of_others(config: DiTConfig) -> str:
    """The engine to take where "fused" can't be used."""
    found = choice(config)
    if found.name != engines.FUSED:
        return found.name
    table = {n: s for n, s in found.seconds.items() if n != engines.FUSED}
    return choose({"seconds": table, "errors": found.errors, "frames": FRAMES}).name


def choice(config: DiTConfig, device: str = "cpu") -> Choice:
    """What `auto` takes for a model: see the top of this file for when it measures."""
    if torch.device(device).type != "cpu":
        return unmeasured(device)
    found, may = kept(config), may_measure(config)
    if found is not None and (found.settled or not may):
        return found
    otherwise = found or unmeasured()
    if not may:
        return otherwise
    log.info("measuring which int8 engine is fastest here, once for this machine (about 5 s) …")
    try:
        return calibrated(config)
    except F5liteError as error:
        log.info("%s", error)
        return otherwise


def _in_a_process(config: DiTConfig, product: Product | None) -> dict[str, Any]:
    command = [sys.executable, "-m", "f5lite.shrink.int8.auto", str(torch.get_num_threads())]
    sizes = (config.dim, config.heads, config.dim_head, config.ff_mult)
    command += [*(str(size) for size in sizes), product.name if product else ""]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LONGEST, stdin=subprocess.DEVNULL
        )
        return json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise F5liteError(
            f"the int8 engines couldn't be measured ({type(error).__name__}); `f5lite engines` tries again"
        ) from error


def main(arguments: list[str]) -> None:
    threads, dim, heads, dim_head, ff_mult = (int(each) for each in arguments[:5])
    torch.set_num_threads(threads)
    config = DiTConfig(dim=dim, heads=heads, dim_head=dim_head, ff_mult=ff_mult)
    product = compiled.named(arguments[5], fused.shape_of(config))
    print(json.dumps(measure(config, compiled_product=product)))


if __name__ == "__main__":
    main(sys.argv[1:])
