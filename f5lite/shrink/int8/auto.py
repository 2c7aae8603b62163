"""`auto`: time one block of the model's shape with every engine that runs here, once, and take the fastest that is exact enough.

Nothing is measured at import, for a small model or in quick mode; then the instruction set decides (`by_instruction_set`)
unless a measurement is there already. A model as wide as v1 Base measures at its first load on a machine, in a process of
its own, so that the memory of the one that speaks stays what it was; `f5lite engines` measures too. The result is kept with
the machine card, by shape and number of threads.
"""

from __future__ import annotations

import copy
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import nn

from f5lite import machine
from f5lite.errors import F5liteError
from f5lite.model.acoustic import DiTBlock, rotary
from f5lite.model.config import DiTConfig
from f5lite.shrink.attention.timing import interleaved
from f5lite.shrink.int8 import compiled, engines, fused
from f5lite.shrink.int8.layers import apply, set_engine
from f5lite.shrink.int8.lean import make_lean
from f5lite.shrink.int8.products import Product
from f5lite.shrink.int8.quantise import relative_error

log = logging.getLogger(__name__)

# In the order of preference between equals. bitsandbytes isn't one: on a CPU it is `torch`'s product or a plain float32 one.
CANDIDATES = ("reference", "bf16", "torch", "onednn", "fused")
BOUND = 0.04  # relative error that an engine may add to a block, against the same block and int8 weights in float64
WIDE = 512  # models narrower than that never start a measurement
PAIR, FRAMES, FEW_FRAMES = 2, 192, 16
SECONDS = 0.4  # for the timed calls; with torch's import and the first calls a measurement stays under 5
HOPELESS = 4.0  # times the fastest at a first look on few frames: not timed further
LOST = 3.0  # times the fastest in a first round on all frames: not timed again
WORTH = 1.03  # what a later candidate must gain over an earlier one
LONGEST = 120.0
Run = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Choice:
    """What `auto` takes, and why. seconds of a block and relative errors, by engine; measured: false if by instruction set."""

    name: str
    why: str
    measured: bool
    seconds: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def choose(table: Mapping[str, Any]) -> Choice:
    """The engine that a measurement speaks for: the fastest whose error is within the bound. Pure."""
    seconds, errors = table["seconds"], table["errors"]
    good = [n for n in CANDIDATES if n in seconds and errors.get(n, float("inf")) <= BOUND]
    if not good:
        return Choice("reference", "no engine was exact enough, so the exact one.", True, seconds, errors)
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
    return Choice(best, f"{why}: {'; '.join(parts)}." if parts else f"{why}.", True, seconds, errors)


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


def block(config: DiTConfig, seed: int = 0) -> DiTBlock:
    """A block with seeded weights, its own modulation left out, working in place where it can."""
    made = DiTBlock(config).eval()
    made.attn_norm = None
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in made.named_parameters():
        parameter.data.normal_(1.0 if "_norm." in name else 0.0, 0.02, generator=generator)
    make_lean(made)
    return made


class Exact:
    """The arithmetic that engines are held against: float64 on the same int8 weights."""

    name = "exact"

    def linear(
        self, x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        return nn.functional.linear(x.double(), weight.double() * scale.double()[:, None], bias)


def blocks(
    config: DiTConfig,
    compiled_product: Product | None = None,
    names: Iterable[str] = CANDIDATES,
    seed: int = 0,
) -> dict[str, Run]:
    """One int8 block of the shape as functions of b n d, by engine that can run here; "exact" is float64.

    compiled_product: "fused" is among them, with that product's set, which has to be compiled.
    """
    generator = torch.Generator().manual_seed(seed)
    modulation = 0.5 * torch.randn(1, 6 * config.dim, generator=generator)
    base = apply(block(config, seed), engines.ENGINES["reference"])

    def running(engine: Any, into: Callable[[DiTBlock], DiTBlock] = lambda made: made) -> Run:
        made = copy.deepcopy(base)
        set_engine(made, engine)
        into(made)
        return lambda x: made(x, modulation.to(x.dtype), None, rotary(x.shape[1], config.dim_head))

    runs = {name: running(each) for name, each in engines.ENGINES.items()
            if name in names and each.problem() is None}  # fmt: skip
    if compiled_product is not None:
        seams = compiled.load(fused.shape_of(config), compiled_product)
        runs["fused"] = running(engines.ENGINES["reference"], lambda made: fused.fuse(made, seams))
    runs["exact"] = running(Exact(), lambda made: made.double())
    return runs


def measure(
    config: DiTConfig,
    seconds: float = SECONDS,
    frames: int = FRAMES,
    race: Callable[..., dict[str, list[float]]] = interleaved,
    compiled_product: Product | None = None,
) -> dict[str, Any]:
    """Time the engines on one block, taking turns. -> what `choose` reads: seconds (the best: other work only ever adds),
    errors, dropped at a first look, problems (why an engine can't run), frames, and what it took."""
    begin = time.perf_counter()
    config = replace(config, qk_norm=None, pe_attn_head=None)
    runs = blocks(config, compiled_product)
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
        for name, times in race(calls(x), 30, warm=False, budget=seconds).items():
            taken[name] += times
    problems = {name: why for name, each in engines.ENGINES.items()
                if name in CANDIDATES and (why := each.problem())}  # fmt: skip
    return {
        "seconds": {name: min(times) for name, times in taken.items()},
        "errors": errors,
        "dropped": dropped,
        "problems": problems,
        "frames": frames,
        "took": time.perf_counter() - begin,
    }


def usable(config: DiTConfig) -> Product | None:
    """The product whose compiled set is there for this shape and machine; None if there is none."""
    for name in ("torch", "onednn"):
        product = engines.ENGINES[name].product
        if compiled.problem(fused.shape_of(config), product) is None and product.problem() is None:
            return product
    return None


def name_of(config: DiTConfig, product: Product | None) -> str:
    """The calibration's name: by shape, threads and whether compiled code takes part."""
    joined = "plain" if product is None else f"fused-{fused.engine_of(product)}"
    return f"int8-engines-{fused.shape_of(config).key}-{torch.get_num_threads()}t-{joined}"


def kept(config: DiTConfig) -> Choice | None:
    """What an earlier measurement says, None if there is none for this shape, machine and number of threads."""
    path = machine.calibration_path(name_of(config, usable(config)))
    try:
        return choose(json.loads(path.read_text(encoding="utf-8"))["result"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def calibrated(config: DiTConfig, *, refresh: bool = False) -> Choice:
    """The measured choice, measured now in a process of its own (5 s) unless an earlier one is kept. F5liteError if it fails."""
    product = usable(config)
    name = name_of(config, product)

    def now() -> dict[str, Any]:
        table = _in_a_process(config, product)
        return {**table, "chosen": choose(table).name}  # for readers without torch, such as `f5lite check`

    return choose(machine.calibration(name, now, refresh=refresh))


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


def fused_product(config: DiTConfig) -> Product:
    """The product for `fused`: of the set that is compiled already, else the faster one, measured if that may be done."""
    if (product := usable(config)) is not None:
        return product
    seconds = choice(config).seconds
    timed = [name for name in ("torch", "onednn") if name in seconds]
    return fused.product_here(min(timed, key=seconds.__getitem__) if timed else None)


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
    if (found := kept(config)) is not None:
        return found
    otherwise = unmeasured()
    if config.dim < WIDE or machine.quick():
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
    print(json.dumps(measure(config, compiled_product=compiled.BY_NAME.get(arguments[5]))))


if __name__ == "__main__":
    main(sys.argv[1:])
