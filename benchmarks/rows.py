"""One row a figure, and the folder that keeps them: each row is a file of its own, written whole or not at all.

A run that is stopped goes on where it was, since a row that is there isn't measured again.
"""

from __future__ import annotations

import json
import math
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from f5lite.errors import F5liteError
from f5lite.files import write_atomically

WORKS = ("pass", "utterance", "stated")
KEYS = (
    "work", "variant", "frames", "threads", "median_s", "spread_s", "peak_rss_mb", "peak_anonymous_mb", "relative_error",
)  # fmt: skip


@dataclass(frozen=True)
class Key:
    """Which figure: what is asked for, before it is measured."""

    work: str
    variant: str
    frames: int
    threads: int

    @property
    def file_name(self) -> str:
        plain = re.sub(r"[^a-z0-9]+", "-", self.variant.lower()).strip("-")
        return f"{self.work}-{self.frames}-{self.threads}t-{plain}.json"


@dataclass(frozen=True)
class Row:
    """One figure. Seconds of one pass or utterance; MB (10^6 bytes) over the process with its imports done.

    spread_s: highest minus lowest repeat. relative_error: of the output against fp32's, ‖a − b‖ / ‖b‖. ratio: how many
    times faster than f5lite's fp32 in the same rounds, median, lowest, highest. None: not measured, `note` says why.
    final: taken in the same rounds as the fastest of the others.
    unavailable: the reason why there are no figures.
    """

    work: str
    variant: str
    frames: int
    threads: int
    median_s: float | None = None
    spread_s: float | None = None
    peak_rss_mb: float | None = None
    peak_anonymous_mb: float | None = None
    relative_error: float | None = None
    unavailable: str = ""
    family: str = ""
    steps: int | None = None
    repeats: int = 0
    seconds: tuple[float, ...] = ()
    ratio: tuple[float, float, float] | None = None
    baseline_mb: float | None = None
    versions: dict[str, str] = field(default_factory=dict)
    note: str = ""
    final: bool = False
    taken: str = ""
    code: str = ""

    @property
    def key(self) -> Key:
        return Key(self.work, self.variant, self.frames, self.threads)

    def to_dict(self) -> dict[str, Any]:
        """The nine keys of every row, `unavailable` only where it is so, and what else is known."""
        plain = asdict(self)
        more = {
            name: value
            for name, value in plain.items()
            if name not in KEYS and value not in ("", None, (), {}, 0)
        }
        return {name: plain[name] for name in KEYS} | more

    @classmethod
    def from_dict(cls, plain: Any) -> Row:
        """Read one back. Raises F5liteError when `plain` isn't a row."""
        problem = wrong(plain)
        if problem:
            raise F5liteError(f"not a row of the benchmark: {problem}")
        known = {one.name for one in fields(cls)}
        given = {name: value for name, value in plain.items() if name in known}
        for name in ("seconds", "ratio"):
            if given.get(name) is not None:
                given[name] = tuple(given[name])
        return cls(**given)


def wrong(plain: Any) -> str:
    """What keeps a dictionary from being a row; empty if nothing does."""
    if not isinstance(plain, dict):
        return f"{type(plain).__name__} instead of an object"
    missing = [name for name in KEYS if name not in plain]
    if missing:
        return f"lacks {', '.join(missing)}"
    if plain["work"] not in WORKS:
        return f"work {plain['work']!r}; there are {', '.join(WORKS)}"
    if not isinstance(plain["variant"], str) or not plain["variant"]:
        return "no variant"
    if not all(isinstance(plain[name], int) and plain[name] > 0 for name in ("frames", "threads")):
        return "frames and threads must be whole numbers above 0"
    figures = [plain[name] for name in KEYS[4:] if plain[name] is not None]
    if not all(isinstance(one, (int, float)) and math.isfinite(one) for one in figures):
        return "a figure that is no number"
    if plain.get("unavailable"):
        return "both figures and a reason why there are none" if figures else ""
    return "" if plain["median_s"] is not None else "neither a time nor a reason why there is none"


def timed(key: Key, seconds: Sequence[float], fp32: Sequence[float] = (), **more: Any) -> Row:
    """A row from its repeats; `fp32` are those of f5lite's fp32 in the same rounds, in the same order."""
    pairs = [theirs / ours for theirs, ours in zip(fp32, seconds, strict=False)]
    return Row(
        **asdict(key),
        median_s=statistics.median(seconds),
        spread_s=max(seconds) - min(seconds) if len(seconds) > 1 else None,
        repeats=len(seconds),
        seconds=tuple(seconds),
        ratio=(statistics.median(pairs), min(pairs), max(pairs)) if pairs else None,
        **more,
    )


class Store:
    """The rows of one machine in a folder, a file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, key: Key) -> bool:
        return (self.folder / key.file_name).is_file()

    def get(self, key: Key) -> Row | None:
        path = self.folder / key.file_name
        try:
            return Row.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, F5liteError):
            return None

    def keep(self, row: Row) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / row.key.file_name, json.dumps(row.to_dict(), indent=1) + "\n")

    def forget(self, keys: Iterable[Key]) -> None:
        for key in keys:
            (self.folder / key.file_name).unlink(missing_ok=True)

    def rows(self) -> list[Row]:
        """All of them, in the order of their names. A damaged file counts as not there."""
        found = []
        for path in sorted(self.folder.glob("*.json")):
            try:
                found.append(Row.from_dict(json.loads(path.read_text(encoding="utf-8"))))
            except (OSError, ValueError, F5liteError):
                continue
        return found
