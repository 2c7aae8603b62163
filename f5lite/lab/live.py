"""A live chart: samples a figure a few times a second while something else runs, and always comes to an end.

with lab.live(monitor.anonymous_mb, title="Anonymous memory", unit="MB") as recording:
    pipeline.speak("...")
recording.points
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from f5lite.lab.callbacks import guarded
from f5lite.lab.charts.xy import lines
from f5lite.lab.figure import Figure

RATE = 5.0  # a second: enough to see, too little to disturb
LONGEST = 120.0  # seconds; a hosted session counts a live widget as activity


class Recording:
    """Reads `read()` `rate` times a second in a thread of its own, from `start()` to `stop()`, at most `longest` seconds.

    `points` are (seconds, figure). Plain: it knows no widget; `followers` are called with it after every sample.
    """

    def __init__(
        self,
        read: Callable[[], float],
        *,
        title: str,
        unit: str,
        limit: float | None = None,
        rate: float = RATE,
        longest: float = LONGEST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 < rate <= 50:
            raise ValueError(f"rate={rate:g}: take 2 to 5 samples a second, at most 50")
        self.read, self.title, self.unit, self.limit = read, title, unit, limit
        self.rate, self.longest, self.clock = rate, longest, clock
        self.points: list[tuple[float, float]] = []
        self.followers: list[Callable[[Recording], None]] = []
        self.problem = ""
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._began = 0.0

    @property
    def running(self) -> bool:
        """Whether samples are being taken."""
        return self._thread is not None and not self._end.is_set()

    def sample(self) -> None:
        """Take one sample now, and end when the longest duration is over."""
        at = self.clock() - self._began
        self.points.append((round(at, 3), float(self.read())))
        if at >= self.longest:
            self._end.set()
        self._tell()

    def start(self) -> Recording:
        """Begin; a recording is made once.

        Raises:
            RuntimeError: it was started before.
        """
        if self._thread is not None:
            raise RuntimeError("this recording was started before; make a new one")
        self._began = self.clock()
        self._thread = threading.Thread(target=self._run, name="f5lite-live", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End it. Does nothing a second time."""
        self._end.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=2)

    def _run(self) -> None:
        take = guarded(self.sample, self._fail)
        while not self._end.is_set():
            take()
            self._end.wait(1 / self.rate)
        self._tell()

    def _fail(self, message: str) -> None:
        if message:
            self.problem = message
            self._end.set()

    def _tell(self) -> None:
        for follower in list(self.followers):
            guarded(follower, lambda _: None)(self)

    def figure(self) -> Figure:
        """What was recorded, as a chart that needs no widget. Raises ValueError before the first sample."""
        if not self.points:
            raise ValueError(f"{self.title}: no sample was taken")
        seconds, values = [a for a, _ in self.points], [b for _, b in self.points]
        if len(seconds) == 1:
            seconds, values = [seconds[0], seconds[0] + 1 / self.rate], values * 2
        named: dict[str, Any] = {"measured": values}
        if self.limit is not None:
            named["limit"] = [self.limit] * len(values)
        return lines(seconds, named, title=self.title, x_label="seconds", y_label=self.unit)

    def state(self) -> dict[str, Any]:
        """What the view draws."""
        return {
            "title": self.title,
            "unit": self.unit,
            "limit": self.limit,
            "longest": self.longest,
            "running": self.running,
            "points": list(self.points),
            "error": self.problem,
        }


class Live:
    """A recording on the page: a static picture first, a moving one where there are widgets. Use it in a `with`."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    def __enter__(self) -> Recording:
        self.show()
        return self.recording.start()

    def __exit__(self, *error: object) -> None:
        self.recording.stop()
        self.finish()

    def show(self) -> None:
        """Put the pictures on the page."""
        from f5lite.lab.view import live as in_kernel
        from f5lite.lab.view import twin

        self.handle = None
        if not in_kernel():
            return
        import uuid

        from IPython.display import display

        from f5lite.lab.view import View

        # The static picture is updated in place when the recording ends; its key must be this display's own.
        self.key = f"live-{uuid.uuid4().hex[:8]}"
        waiting = twin(self.key, f'<p class="f5 f5-note">{self.recording.title}: measuring …</p>')
        self.handle = display(
            {"text/html": waiting, "text/plain": f"{self.recording.title}: measuring"},
            raw=True,
            display_id=True,
        )
        self.view = View(
            "live", {"key": self.key, **self.recording.state()}, {"stop": lambda _: self.recording.stop()}
        )
        self.recording.followers.append(lambda one: self.view.show(**one.state()))
        display(self.view)

    def finish(self) -> None:
        """Replace the waiting line by the picture of what was recorded."""
        if self.handle is not None and self.recording.points:
            from f5lite.lab.view import twin

            figure = self.recording.figure()
            self.handle.update(
                {"text/html": twin(self.key, figure.html()), "text/plain": figure.plain()}, raw=True
            )


def live(read: Callable[[], float], *, title: str, unit: str, **more: Any) -> Live:
    """Watch `read()` while the body of the `with` runs. `more` goes to `Recording`: limit, rate, longest."""
    return Live(Recording(read, title=title, unit=unit, **more))
