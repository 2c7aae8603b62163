"""What was in memory when: every loading and releasing of a stage, as spans that a picture can be drawn from."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MB = 1e6


@dataclass(frozen=True)
class Event:
    """One moment of a stage. what: "load", "loaded", "use", "done" or "release"; bytes: of its weights."""

    seconds: float
    stage: str
    what: str
    bytes: int


@dataclass(frozen=True)
class Span:
    """A stage's weights were there from `start` to `end` (seconds); `end` is None while they still are."""

    stage: str
    start: float
    end: float | None
    bytes: int


class Timeline:
    """A bounded record of events, safe to write from several threads. Seconds count from its making."""

    def __init__(self, keep: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self.events: list[Event] = []
        self.keep, self.clock, self.began = keep, clock, clock()
        self._lock = threading.Lock()

    def note(self, stage: str, what: str, size: int = 0) -> None:
        with self._lock:
            self.events.append(Event(self.clock() - self.began, stage, what, size))
            del self.events[: -self.keep]

    def spans(self, what: tuple[str, str] = ("loaded", "release")) -> list[Span]:
        """From each opening event to the next closing one of the same stage: weights held, or ("use", "done") at work."""
        spans: list[Span] = []
        opened: dict[str, Event] = {}
        with self._lock:
            events = list(self.events)
        for event in events:
            if event.what == what[0]:
                opened.setdefault(event.stage, event)
            elif event.what == what[1] and event.stage in opened:
                first = opened.pop(event.stage)
                spans.append(Span(event.stage, first.seconds, event.seconds, first.bytes))
        spans += [Span(event.stage, event.seconds, None, event.bytes) for event in opened.values()]
        return sorted(spans, key=lambda span: span.start)

    def stacked(self, moments: Sequence[float]) -> dict[str, list[float]]:
        """MB of weights that each stage held at each moment: ready for a stacked chart."""
        spans = self.spans()
        names = dict.fromkeys(event.stage for event in self.events)
        return {
            name: [
                sum(
                    span.bytes
                    for span in spans
                    if span.stage == name and span.start <= moment and (span.end is None or moment < span.end)
                )
                / MB
                for moment in moments
            ]
            for name in names
        }

    def steps(self) -> list[float]:
        """The moments at which what is held changes, each just before and just after: for `stacked` with sharp edges."""
        with self._lock:
            edges = [event.seconds for event in self.events if event.what in ("loaded", "release")]
        return sorted({moment for edge in edges for moment in (max(0.0, edge - 1e-6), edge)} | {0.0})
