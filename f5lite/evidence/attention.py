"""What each attention backend costs at each length: time, peak memory and share of a pass, predicted and measured.

Long lengths are measured on fewer heads, where sixteen would take too long or not fit: heads are independent, so time and
memory are multiplied up, and the row says on how many heads it was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from f5lite import machine
from f5lite.memory import meter
from f5lite.model.config import V1_BASE
from f5lite.shrink.attention import auto, own, predict, timing

LENGTHS = (256, 512, 1024, 2048, 4096)
SLOW = 6.0  # times the fastest in the calibration: left out of long comparisons, with its ratio said
MB = 1e6
IMPORTS = ("numpy", "torch", "f5lite.shrink.attention")  # before the baseline of a measured process


@dataclass(frozen=True)
class Row:
    """One backend at one length, for the guided pair in v1 Base's shape (one block). Times in seconds, memory in MB."""

    frames: int
    name: str
    heads: int
    seconds: tuple[float, ...]
    predicted_mb: float
    peak_mb: float | None = None
    notes: str = field(default="", compare=False)

    @property
    def milliseconds(self) -> float:
        """Median of one block's attention on all heads."""
        return 1000 * median(self.seconds)


def heads_at(frames: int, most_scores: int = auto.MOST_SCORES) -> int:
    """How many of the sixteen heads are measured at a length."""
    return max(1, min(timing.HEADS, most_scores // (timing.PAIR * frames**2)))


def here() -> tuple[str, ...]:
    """The backends that this processor can run."""
    return ("math", "sdpa", "chunked", "sdpa-bf16", "chunked-bf16", *own.usable("cpu"))


def worth_timing(names: Iterable[str] | None = None) -> list[str]:
    """These backends, by default all that run here, without those that the machine's calibration found hopeless.

    Calibrates on the first call (≤ 5 s).
    """
    names = here() if names is None else names
    slow = auto.calibrated()["dropped"]
    return [name for name in names if slow.get(name, 0) < SLOW]


def times(
    lengths: Sequence[int] = LENGTHS,
    names: Sequence[str] = ("math", "sdpa", "chunked"),
    rounds: int = 5,
    done: Callable[[], None] = lambda: None,
) -> list[Row]:
    """Interleaved times of the backends at each length; computed for sixteen heads where fewer were timed."""
    rows = []
    for frames in lengths:
        heads = heads_at(frames)
        taken = timing.timings(frames, names, heads=heads, rounds=rounds)
        for name, seconds in taken.items():
            whole = tuple(s * timing.HEADS / heads for s in seconds)
            rows.append(Row(frames, name, heads, whole, predict.attention(name, frames).held / MB))
        done()
    return rows


def peak_mb(name: str, frames: int, heads: int = timing.HEADS) -> float:
    """MB over the inputs that one block's attention held at its peak, in a process of its own, on that many heads."""
    inputs = 3 * timing.PAIR * heads * frames * timing.DIM_HEAD * 4 / MB
    return meter.measure(timing.once, (name, frames, heads), imports=IMPORTS).peak_rss_mb - inputs


def fits(frames: int, heads: int) -> bool:
    """Whether `math` on that many heads stays under half of this machine's memory."""
    return 4 * timing.PAIR * heads * frames**2 * 2 < machine.memory_limit()[0] / 2


def predicted_mb(name: str, frames: int, heads: int = timing.HEADS) -> float:
    """What `peak_mb` should find, from the configuration alone."""
    config = replace(V1_BASE.dit, heads=heads)
    return predict.attention(name, frames, config).held / MB


def shares(frames: int, name: str = "sdpa", rounds: int = 5) -> list[float]:
    """Percent of a block's time that is attention, round by round."""
    whole, mine = timing.block_and_attention(frames, name, rounds)
    return [100 * part / all_ for part, all_ in zip(mine, whole, strict=True)]


def gains(rows: Sequence[Row], slow: str, fast: str, frames: int) -> list[float]:
    """Time with `slow` over time with `fast`, round by round, at one length."""
    found = {row.name: row.seconds for row in rows if row.frames == frames}
    return [a / b for a, b in zip(found[slow], found[fast], strict=True)]
