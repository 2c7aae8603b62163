"""Recorded readings: write them to a file, read them back, and replay them as if they came from this machine.

A replayed trace shows pressure on a machine that has none, and makes a test of it repeatable.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from importlib import resources
from pathlib import Path

from f5lite.errors import F5liteError
from f5lite.files import write_atomically
from f5lite.memory.gauge import Reading

FORMAT = "f5lite memory trace 1"


def save(readings: Iterable[Reading], path: str | Path, note: str = "") -> None:
    """Write readings as one JSON object, whole or not at all. `note` says what was recorded, and where."""
    names = [item.name for item in fields(Reading)]
    rows = [[getattr(reading, name) for name in names] for reading in readings]
    write_atomically(path, json.dumps({"format": FORMAT, "note": note, "fields": names, "readings": rows}))


def load(path: str | Path) -> list[Reading]:
    """Read a trace; raises F5liteError for a file that isn't one."""
    try:
        data = json.loads(Path(path).read_text())
        if data["format"] != FORMAT:
            raise ValueError(f"its format is {data['format']!r}")
        return [Reading(**dict(zip(data["fields"], row, strict=True))) for row in data["readings"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise F5liteError(
            f"{path} is not a memory trace: {error}; record one with f5lite.memory.trace.save"
        ) from error


def shipped(name: str) -> list[Reading]:
    """A trace that comes with f5lite, by name (`shipped_names()` lists them)."""
    if name not in shipped_names():
        raise F5liteError(f"no trace is called {name!r}; there are: {', '.join(shipped_names())}")
    with resources.as_file(resources.files("f5lite.memory") / "traces" / f"{name}.json") as path:
        return load(path)


def shipped_names() -> list[str]:
    folder = resources.files("f5lite.memory") / "traces"
    return sorted(item.name[:-5] for item in folder.iterdir() if item.name.endswith(".json"))


class Replay:
    """A source for `Monitor` that plays a trace: at each call, the reading that was current at that time.

    speed: 10 plays ten times as fast; None gives one reading a call, whatever the clock says. Ends with None.
    """

    def __init__(
        self,
        readings: Sequence[Reading],
        speed: float | None = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.readings, self.speed, self.clock = list(readings), speed, clock
        self._calls = 0
        self._began: float | None = None

    def __call__(self) -> Reading | None:
        if not self.readings:
            return None
        now = self.clock()
        if self.speed is None:
            self._calls += 1
            return self._at(self._calls - 1, now)
        if self._began is None:
            self._began = now
        moment = self.readings[0].seconds + (now - self._began) * self.speed
        if moment > self.readings[-1].seconds and self._calls:
            return None
        self._calls += 1
        earlier = [index for index, reading in enumerate(self.readings) if reading.seconds <= moment]
        return self._at(earlier[-1], now)

    def _at(self, index: int, now: float) -> Reading | None:
        return replace(self.readings[index], seconds=now) if index < len(self.readings) else None
