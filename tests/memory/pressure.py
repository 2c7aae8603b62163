"""A hog that grows and shrinks under the worker's cap, and readings of what the two leave of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from f5lite.memory.cap import Cap
from f5lite.memory.gauge import Reading
from f5lite.memory.hog import Hog
from f5lite.memory.worker import Worker


class Pressure(threading.Thread):
    """A hog that grows towards the cap and shrinks again, over and over, until it is told to stop."""

    def __init__(self, cap: Cap, highest: int, pause: float = 0.05) -> None:
        super().__init__(daemon=True)
        self.cap, self.highest, self.pause = cap, highest, pause
        self.stop, self.killed, self.held = threading.Event(), 0, 0

    def run(self) -> None:
        hog, step = self._hog(), 0
        while not self.stop.wait(self.pause):
            step += 1
            wanted = int(self.highest * abs((step % 40) / 20 - 1))
            self.held = hog.hold(wanted)
            if not hog.alive:
                self.killed += 1
                hog.close()
                hog = self._hog()
        hog.close()

    def _hog(self) -> Hog:
        hog = Hog()
        if self.cap.folder is not None:
            self.cap.join(hog.pid)
        return hog

    def __enter__(self) -> Pressure:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.join()


def source(cap: Cap, pressure: Pressure, worker: Worker) -> Callable[[], Reading]:
    """What is left of the cap. Without a group to ask: less what the two processes hold, by their own figures."""

    def read() -> Reading:
        used = cap.used
        if used is None:
            used = pressure.held + (worker.held + worker.imported if worker.alive else 0)
        return Reading(time.monotonic(), cap.size, cap.kind, cap.size - used, 0, 0, None, "none", 0)

    return read
