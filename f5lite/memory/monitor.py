"""Follow memory in real time: a light thread that reads, keeps a bounded history, ends by itself, and never prints.

    with Monitor() as monitor:
        ...
    monitor.history

Running a cell again starts a monitor of the same name, which ends the one before: there is never more than one thread a name.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable

from f5lite.memory.gauge import Gauge, Reading

log = logging.getLogger(__name__)
Source = Callable[[], "Reading | None"]
_running: weakref.WeakValueDictionary[str, Monitor] = weakref.WeakValueDictionary()
_lock = threading.Lock()


class Monitor:
    """Takes `hz` readings a second from `source` until it is stopped, `longest` seconds have passed, or the source ends.

    source: a function that gives a Reading, or None when there are no more (`trace.Replay`); default: this machine.
    history: the newest readings, at most `keep` of them. watchers: `on_reading` is called in the sampler's thread;
    one that raises is dropped and its error kept in `problem`. A monitor that nobody holds any more ends too.
    """

    def __init__(
        self,
        source: Source | None = None,
        *,
        hz: float = 5.0,
        longest: float = 600.0,
        keep: int = 3000,
        name: str = "monitor",
        on_reading: Callable[[Reading], None] | None = None,
    ) -> None:
        if hz <= 0 or longest <= 0 or keep < 1:
            raise ValueError(f"hz, longest and keep must be positive; got {hz}, {longest}, {keep}")
        self.hz, self.longest, self.name = hz, longest, name
        self.history: deque[Reading] = deque(maxlen=keep)
        self.problem: BaseException | None = None
        self.cpu_seconds = 0.0
        self._gauge = Gauge() if source is None else None
        self._source: Source = self._gauge.read if self._gauge else source  # type: ignore[assignment]
        self._on_reading = on_reading
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def latest(self) -> Reading | None:
        """The newest reading, or None before the first."""
        return self.history[-1] if self.history else None

    def start(self) -> Monitor:
        """Start the thread; a running monitor of the same name is stopped first. A monitor starts once."""
        if self._thread is not None:
            raise RuntimeError("this monitor has been started already; make a new one")
        with _lock:
            before = _running.get(self.name)
            if before is not None:
                before.stop()
            _running[self.name] = self
            arguments = (weakref.ref(self), self._stop, 1 / self.hz, time.monotonic() + self.longest)
            self._thread = threading.Thread(
                target=_sample, args=arguments, name=f"f5lite {self.name}", daemon=True
            )
            self._take()
            self._thread.start()
        return self

    def stop(self) -> None:
        """End the thread and wait for it. Stopping twice, or from a watcher, is fine."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _take(self) -> bool:
        """One reading into the history; False when the source has ended or failed."""
        started = time.thread_time()
        try:
            reading = self._source()
            if reading is None:
                return False
            self.history.append(reading)
        except Exception as error:  # a sampler that dies must not take the notebook with it
            self.problem = error
            log.debug("the memory monitor ended: %s", error)
            return False
        finally:
            self.cpu_seconds += time.thread_time() - started
        if self._on_reading is not None:
            try:
                self._on_reading(reading)
            except Exception as error:
                self.problem, self._on_reading = error, None
        return True

    def __enter__(self) -> Monitor:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _sample(reference: weakref.ref[Monitor], stop: threading.Event, interval: float, end: float) -> None:
    """The thread: holds the monitor only while reading, so that a monitor nobody else holds can go."""
    due = time.monotonic() + interval
    while not stop.wait(max(0.0, due - time.monotonic())) and time.monotonic() < end:
        monitor = reference()
        if monitor is None or not monitor._take():
            break
        del monitor
        due = max(due + interval, time.monotonic())
