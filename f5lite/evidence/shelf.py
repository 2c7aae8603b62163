"""One machine as a shelf of processors: the same product with some instructions forbidden, in processes of their own.

oneDNN reads `ONEDNN_MAX_CPU_ISA` when it starts, torch's own kernels `ATEN_CPU_CAPABILITY`. Only levels below this machine's
own can be played. MKL, which does fp32, asks the processor itself: its figure isn't lowered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from f5lite.memory import meter

TOKENS, WIDTH = 1024, 1024  # a guided pair of 512 frames, and a layer of v1 Base
IMPORTS = ("numpy", "torch", "f5lite.shrink.int8.engines")
FP32 = "fp32"
HALF = ("bf16",)
HOPELESS, ROUNDS = 6.0, 7


@dataclass(frozen=True)
class Level:
    """A processor to play. onednn, aten: what the variables are set to. needs: instruction sets of the real one."""

    name: str
    onednn: str
    aten: str
    needs: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        return {"ONEDNN_MAX_CPU_ISA": self.onednn, "ATEN_CPU_CAPABILITY": self.aten}


LEVELS = (
    Level("AMX", "AVX512_CORE_AMX", "avx512", ("AVX512", "AMX_INT8", "AMX_BF16")),
    Level("AVX-512, BF16", "AVX512_CORE_BF16", "avx512", ("AVX512", "AVX512_VNNI", "AVX512_BF16")),
    Level("AVX-512, VNNI", "AVX512_CORE_VNNI", "avx512", ("AVX512", "AVX512_VNNI")),
    Level("AVX-512", "AVX512_CORE", "avx512", ("AVX512",)),
    Level("AVX2, VNNI", "AVX2_VNNI", "avx2", ("AVX2", "AVX_VNNI")),
    Level("AVX2", "AVX2", "avx2", ("AVX2",)),
    Level(
        "SSE4.1", "SSE41", "default", ("AVX2",)
    ),  # older than any that f5lite is for; below AVX2 there is nothing else
)


def levels(instruction_sets: Iterable[str]) -> list[Level]:
    """What a processor with these sets can play, the best first; empty where it is no x86 with AVX2."""
    there = set(instruction_sets)
    return [level for level in LEVELS if set(level.needs) <= there]


@dataclass(frozen=True)
class Board:
    """A level and its figures: seconds of one product by engine ("fp32" is MKL's), and why others have none.

    Both empty of figures where the processor couldn't be played.
    """

    level: str
    seconds: dict[str, tuple[float, ...]]
    missing: dict[str, str]

    def faster(self, name: str) -> float:
        """How many times faster than fp32."""
        return median(self.seconds[FP32]) / median(self.seconds[name])

    @property
    def int8(self) -> str | None:
        """The fastest integer engine."""
        there = [name for name in self.seconds if name not in (FP32, "reference", *HALF)]
        return max(there, key=self.faster, default=None)


def product_times(rounds: int = ROUNDS) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Work for a process of its own: seconds of one layer's product by engine, in turns, and why engines are missing."""
    import torch

    from f5lite.shrink.attention.timing import seconds
    from f5lite.shrink.int8.engines import ENGINES
    from f5lite.shrink.int8.quantise import quantise_rows

    generator = torch.Generator().manual_seed(0)
    x, w = (torch.randn(n, WIDTH, generator=generator) for n in (TOKENS, WIDTH))
    values, scale = quantise_rows(w)
    calls: dict[str, Callable[[], object]] = {FP32: lambda: x @ w.t()}
    missing = {}
    for name, engine in ENGINES.items():
        if why := engine.problem():
            missing[name] = why
        elif "cpu" in engine.devices:
            calls[name] = lambda engine=engine: engine.linear(x, values, scale, None)
    with torch.inference_mode():
        cold = {}
        for name, call in calls.items():
            cold[name] = seconds(call)
            if cold[name] < HOPELESS * cold[FP32]:
                cold[name] = seconds(call)
        taken = {name: [first] for name, first in cold.items()}
        racing = [name for name in calls if cold[name] < HOPELESS * cold[FP32]]
        for _ in range(rounds):
            for name in racing:
                taken[name].append(seconds(calls[name]))
    return {name: times[1:] or times for name, times in taken.items()}, missing


def board(level: Level, rounds: int = ROUNDS, timeout: float = 120.0) -> Board:
    """Play one processor. Where that fails the board is empty, with the reason under "all"."""
    run = meter.measure(
        product_times, (rounds,), imports=IMPORTS, env=level.environment, timeout=timeout, check=False
    )
    if not run.ok:
        return Board(level.name, {}, {"all": f"it {run.failure}"})
    taken, missing = run.result
    return Board(level.name, {name: tuple(times) for name, times in taken.items()}, missing)
