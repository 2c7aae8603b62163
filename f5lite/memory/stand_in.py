"""Work that needs memory and no model: for showing what a queue does under a cap, in seconds and on any machine."""

from __future__ import annotations

import threading
import time
from typing import Any

from f5lite.memory.cap import data_bytes


def hold(size: int, seconds: float) -> int:
    """Allocate `size` bytes, write to every page, keep them for a while. Returns the bytes; raises MemoryError."""
    block = bytearray(size)
    block[::4096] = b"\1" * len(block[::4096])
    time.sleep(seconds)
    return len(block)


class Holder:
    """A handler for a queue's worker. Jobs: {"size": bytes, "seconds": s}; settings: offer's name → share of the size."""

    def __init__(self, settings: dict[str, float] | None) -> None:
        self.shares = settings or {}

    def run(self, job: dict[str, Any], offer: str) -> int:
        return hold(int(job["size"] * self.shares.get(offer, 1.0)), job.get("seconds", 0.0))

    def keep(self, stages: tuple[str, ...]) -> None:
        """There is nothing to release."""


class Holding:
    """One job for a `Holder`, as the queue wants it."""

    def __init__(self, size: int, seconds: float = 0.05) -> None:
        self.job, self.answer = {"size": size, "seconds": seconds}, None

    def next_job(self) -> dict[str, Any] | None:
        return self.job if self.answer is None else None

    def take(self, value: Any) -> Any:
        self.answer = value
        return value

    def result(self) -> Any:
        return self.answer


def all_at_once(count: int, size: int, cap: int, seconds: float = 0.3) -> int:
    """Start `count` requests at once in threads, as upstream does with a text's chunks, with `cap` bytes of address space
    to share. Returns how many finished. Run it in a process of its own: the cap stays."""
    import resource

    go, finished = threading.Event(), []

    def one() -> None:
        go.wait()
        try:
            finished.append(hold(size, seconds))
        except MemoryError:
            return

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    # Only now: the threads' own stacks are not part of what the requests share.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (data_bytes() + cap, hard))
    go.set()
    for thread in threads:
        thread.join()
    return len(finished)
