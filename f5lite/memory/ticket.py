"""A request on its way through the queue: what is asked (`Work`), and the caller's handle on it (`Ticket`)."""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError, Future
from typing import Any, Protocol

import numpy as np

from f5lite.errors import F5liteError
from f5lite.memory.policy import Waiting
from f5lite.model.audio import cross_fade

ENDED = ("done", "cancelled", "refused", "failed")


class Refused(F5liteError):
    """The request could not be done with the memory there is, or not in time. `needed`: bytes that it would have taken."""

    def __init__(self, reason: str, needed: int = 0) -> None:
        super().__init__(reason)
        self.needed = needed


class Work(Protocol):
    """What is asked, as jobs for the worker one after the other. It keeps its place, so a job that failed is asked again."""

    def next_job(self) -> Any | None: ...
    def take(self, value: Any) -> Any | None:
        """Accept the answer to `next_job`; returns what the caller may have at once, or None."""
        ...

    def result(self) -> Any: ...


class Speech:
    """A text to speak, in chunks: first its cut, then a wave for each, cross-faded in the end.

    voice (how to speak): entries of `Speaker`'s jobs. on_part: gets (number, of, wave, rate) and then the waves aren't kept,
    so that memory stays flat over any length. have: chunks that were made before, by number; they aren't made again.
    """

    def __init__(
        self,
        text: str,
        seed: int = 0,
        on_part: Callable[[int, int, np.ndarray, int], object] | None = None,
        have: Callable[[int], bool] = lambda number: False,
        **voice: Any,
    ) -> None:
        self.text, self.seed, self.voice, self.on_part, self.have = text, seed, voice, on_part, have
        self.chunks: list[str] | None = None
        self.at = 0
        self.rate = 0
        self.wave: np.ndarray | None = None

    def next_job(self) -> dict[str, Any] | None:
        if self.chunks is None:
            return {"cut": self.text, **self.voice}
        while self.at < len(self.chunks) and self.have(self.at):
            self.at += 1
        if self.at >= len(self.chunks):
            return None
        return {"say": self.chunks[self.at], "seed": self.seed + self.at, **self.voice}

    def take(self, value: Any) -> tuple[np.ndarray, int] | None:
        if self.chunks is None:
            self.chunks = list(value)
            return None
        wave, self.rate = value
        if self.on_part is not None:
            self.on_part(self.at, len(self.chunks), wave, self.rate)
        else:
            self.wave = wave if self.wave is None else cross_fade(self.wave, wave, self.rate)
        self.at += 1
        return wave, self.rate

    def result(self) -> tuple[np.ndarray | None, int]:
        """(wave, sample rate); the wave is None when `on_part` took the parts."""
        return self.wave, self.rate


class Ticket:
    """The caller's handle: `state`, `reason`, `cancel()`, `result()`, `parts()`, `await ticket`.

    state: "waiting", "running", then one of "done", "cancelled", "refused", "failed", once and for good.
    """

    def __init__(self, id: str, work: Work, priority: float, deadline: float | None, number: int) -> None:
        self.id, self.work, self.priority, self.deadline, self.number = id, work, priority, deadline, number
        self.submitted = time.monotonic()
        self.state, self.reason, self.needed = "waiting", "", 0
        self.offers: list[str] = []
        self.below: int | None = None
        self.attempts = 0
        self.wants_cancel = False
        self.keep_parts = not getattr(work, "on_part", None)
        self._future: Future[Any] = Future()
        self._parts: queue.SimpleQueue[Any] = queue.SimpleQueue()

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def waiting(self) -> Waiting:
        """This request as the policy sees it."""
        return Waiting(self.id, self.priority, self.submitted, self.deadline, self.below, self.number)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the end. Raises `Refused`, `F5liteError` (failed), `CancelledError`, or `TimeoutError` after `timeout` s."""
        return self._future.result(timeout)

    def parts(self) -> Iterator[Any]:
        """The parts as they become ready, then whatever `result` would raise. For one reader."""
        while (part := self._parts.get()) is not None:
            yield part
        self.result()

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.wrap_future(self._future).__await__()

    def give(self, part: Any) -> None:
        """One part is ready (the queue calls this)."""
        if part is not None and self.keep_parts:
            self._parts.put(part)

    def end(self, state: str, reason: str = "", value: Any = None, needed: int = 0) -> None:
        """The request is over (the queue calls this, once)."""
        if self.ended:
            raise RuntimeError(f"{self.id} ended as {self.state}; it can't end again as {state}")
        self.state, self.reason, self.needed = state, reason, needed
        if state == "done":
            self._future.set_result(value)
        elif state == "cancelled":
            self._future.set_exception(CancelledError(f"{self.id} was cancelled"))
        else:
            error = (
                Refused(f"{self.id}: {reason}", needed)
                if state == "refused"
                else F5liteError(f"{self.id}: {reason}")
            )
            self._future.set_exception(error)
        self._parts.put(None)
