"""Which rows are wanted, in which pieces they are measured, and how long that will take. Pure.

A piece is a few variants whose processes are alive together and take turns, at one thread count and some lengths. f5lite's
fp32 is in every piece, so that every ratio is taken in one piece.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.rows import Key, Row
from benchmarks.variants import FP32, STEPS, UPSTREAM, UPSTREAM_STEPS, Variant

LENGTHS = (256, 512, 1024, 2048)
FRAMES, THREADS = 512, 2
ANCHORS = {"pass": FP32, "utterance": f"{FP32}, {STEPS} steps"}
EACH_BYTES = 3_000_000_000  # what one process may hold, guessed: libraries keep fp32 while they convert
STARTING = 12.0  # seconds to start and load one variant, guessed
SLOW, HOPELESS = 20.0, 60.0  # seconds of one pass: fewer repeats above the first, none above the second


@dataclass(frozen=True)
class Piece:
    """Rows that are measured together: variants (by name) that take turns at each of the lengths."""

    work: str
    threads: int
    frames: tuple[int, ...]
    variants: tuple[str, ...]
    final: bool = False

    @property
    def name(self) -> str:
        last = "the fastest side by side: " if self.final else ""
        return f"{last}{self.work}, {self.threads} thread{'s' * (self.threads > 1)}, {'/'.join(map(str, self.frames))} frames"


def wanted(
    variants: Sequence[Variant],
    *,
    lengths: Sequence[int] = LENGTHS,
    threads: Sequence[int] = (1, THREADS),
    full: bool = False,
    only: Collection[str] = (),
) -> list[Key]:
    """The rows of a run. Every variant at 512 frames on two threads; the grid for those marked so, or for all with `full`.

    only: words of which one must be in the work or in the variant's name.
    """
    most = max(threads)
    found = []
    for variant in variants:
        if only and not any(word.lower() in f"{variant.work} {variant.name}".lower() for word in only):
            continue
        whole = variant.work == "pass" and (full or variant.grid)
        for count in threads if whole else (most,):
            for frames in lengths if whole else (middle(lengths),):
                found.append(Key(variant.work, variant.name, frames, count))
    return found


def middle(lengths: Sequence[int]) -> int:
    """The length at which every variant is measured."""
    return FRAMES if FRAMES in lengths else max(lengths)


def pieces(missing: Iterable[Key], together: int) -> list[Piece]:
    """Rows with the same work, threads and lengths, `together` variants at a time beside the anchor; most threads first."""
    lengths: dict[tuple[str, int, str], list[int]] = {}
    for key in missing:
        lengths.setdefault((key.work, key.threads, key.variant), []).append(key.frames)
    alike: dict[tuple[str, int, tuple[int, ...]], list[str]] = {}
    for (work, threads, variant), frames in lengths.items():
        alike.setdefault((work, threads, tuple(sorted(frames))), []).append(variant)
    made = []
    for (work, threads, frames), names in alike.items():
        for first in range(0, len(names), together):
            made.append(Piece(work, threads, frames, tuple(names[first : first + together])))
    return sorted(made, key=lambda piece: (-piece.threads, piece.work != "pass"))


def leaders(rows: Iterable[Row], count: int = 2, frames: int = FRAMES) -> tuple[list[Row], list[Row]]:
    """The fastest passes of f5lite's variants and of the others', at `frames` and the most threads.

    Fastest by their ratio to fp32 in their own rounds: a machine that other work slows for a minute slows both.
    """
    passes = [row for row in rows if row.work == "pass" and row.frames == frames and row.ratio]
    most = max((row.threads for row in passes), default=1)
    passes = [row for row in passes if row.threads == most and row.variant != FP32]
    best = sorted(passes, key=lambda row: -row.ratio[0])
    mine = [row for row in best if row.family == "f5lite"]
    return mine[:count], [row for row in best if row.family != "f5lite"][:count]


def final(rows: Iterable[Row], frames: int = FRAMES) -> Piece | None:
    """The leaders once more in one piece, where the first of each weren't in the same rounds already."""
    mine, theirs = leaders(rows, frames=frames)
    if not mine or not theirs or (mine[0].final and theirs[0].final):
        return None
    names = tuple(row.variant for row in (*mine, *theirs))
    return Piece("pass", mine[0].threads, (frames,), names, final=True)


def together(memory_bytes: int, most: int = 5) -> int:
    """How many variants may be loaded beside the anchor."""
    return max(1, min(most, int(memory_bytes * 0.8) // EACH_BYTES - 1))


def repeats_for(first: float, work: str, full: bool) -> int:
    """How often a variant is timed whose first run took that many seconds; 0: that first run has to do."""
    if work == "utterance":
        return 5 if full else 3
    if first > HOPELESS:
        return 0
    return 3 if first > SLOW else 9 if full else 5


class Estimate:
    """Seconds that a row will take: from this variant's rows so far, else from fp32's, else from a guessed speed."""

    def __init__(self, rows: Iterable[Row], operations: dict[int, float], guess: float = 5e10) -> None:
        self.operations, self.guess = operations, guess
        self.rates: dict[tuple[str, int], float] = {}
        for row in rows:
            if row.median_s and row.frames in operations:
                self.rates[row.variant, row.threads] = (
                    operations[row.frames] * (row.steps or 1) / row.median_s
                )

    def once(self, name: str, frames: int, threads: int) -> float:
        """Seconds of one pass."""
        rate = self.rates.get((name, threads)) or self.rates.get((FP32, threads)) or self.guess * threads
        return self.operations[frames] / rate

    def piece(self, piece: Piece, full: bool = False) -> float:
        """Seconds of a piece, the anchor's turns included."""
        names = dict.fromkeys((ANCHORS[piece.work], *piece.variants))
        total = STARTING * len(names)
        for frames in piece.frames:
            for name in names:
                steps = 1
                if piece.work == "utterance":
                    steps = UPSTREAM_STEPS if name.startswith(UPSTREAM) else STEPS
                first = self.once(name, frames, piece.threads)
                total += first + first * steps * (repeats_for(first, piece.work, full) or 0)
        return total
