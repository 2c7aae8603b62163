"""A queue under a limit of its own, beside a hog that really allocates: what the dashboard of lesson 04 shows.

A session ends by itself and gives everything back. Nothing here knows a page.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from f5lite.errors import F5liteError
from f5lite.lab.callbacks import guarded
from f5lite.machine import quick
from f5lite.memory.gauge import Gauge, Reading
from f5lite.memory.hog import Hog
from f5lite.memory.menu import Menu
from f5lite.memory.monitor import Monitor
from f5lite.memory.policy import Rules
from f5lite.memory.queue import Queue
from f5lite.memory.ticket import Ticket, Work
from f5lite.memory.worker import Worker

MB = 1_000_000
LONGEST = 180.0  # seconds of a session
LANES = {"urgent": 2, "normal": 1, "whenever": 0}
KNOBS = {  # what the reader may change: name → (attribute of Rules, divided by, low, high, unit)
    "tight below": ("tight_below", 100, 0, 80, "%"),
    "critical below": ("critical_below", 100, 0, 60, "%"),
    "margin": ("margin", 100, 0, 20, "%"),
    "ageing": ("ageing", 1, 1, 60, "s"),
}
MOST_WAITING = 30


class Sandbox:
    """worker: makes a worker. menu: what may be run. work: makes a request's work from its number. limit_mb: of hog and worker
    together, over the worker's imports; the machine's own available memory counts too, if it is shorter. names: of the plans, for
    readers.
    """

    def __init__(
        self,
        worker: Callable[[], Worker],
        menu: Menu,
        work: Callable[[int], Work],
        *,
        limit_mb: float = 240.0,
        longest: float = LONGEST,
        hz: float = 5.0,
        imports: int = 0,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.make_worker, self.menu, self.make_work = worker, menu, work
        self.limit, self.longest, self.hz, self.imports = int(limit_mb * MB), longest, hz, imports
        self.rules, self.names = Rules(patience=60.0), dict(names or {})
        self.followers: list[Callable[[Any], None]] = []
        self.queue: Queue | None = None
        self.problem = ""
        self._clear()

    def _clear(self) -> None:
        self.points: deque[tuple[float, float, float, str]] = deque(maxlen=int(self.hz * self.longest) + 10)
        self.marks: list[tuple[float, str]] = []
        self.said: deque[str] = deque(maxlen=200)
        self.tickets: dict[str, Ticket] = {}
        self.lane_of: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._seen = 0
        self._waits: list[float] = []
        self._stuck: float | None = None
        self.final: dict[str, Any] = {}

    # ---- a session

    @property
    def running(self) -> bool:
        return self.queue is not None

    def start(self) -> None:
        """Begin a session; one that runs goes on."""
        if self.running:
            return
        self._clear()
        self.problem = ""
        self._gauge, self.hog = Gauge(), Hog()
        self.worker = self.make_worker()
        self._began = time.monotonic()
        self.queue = Queue(
            self.worker, self.menu, rules=self.rules, source=self.reading, import_bytes=self.imports
        ).start()
        self.monitor = Monitor(
            self.reading, hz=self.hz, longest=self.longest, name="dashboard", on_reading=self._tick
        ).start()

    def stop(self) -> None:
        """End the session: requests that wait are cancelled, the worker and the hog give everything back."""
        queue, self.queue = self.queue, None
        if queue is None:
            return
        self.final = {**queue.snapshot(), "held": 0, "stages": {}}
        self.monitor.stop()
        for ticket in self.tickets.values():
            queue.cancel(ticket)
        self.worker.kill()  # what runs is given up
        queue.close(finish=False)
        self._hear(queue)
        self.hog.close()
        self._gauge.close()
        self.final["counts"] = dict(queue.counts)
        self._tell()

    def reading(self) -> Reading:
        """What is left of the limit now: less the hog, less what the worker holds beyond its imports."""
        machine = self._gauge.read()
        left = min(machine.available, self.limit - self.hog.held - self.worker.held)
        return replace(
            machine,
            limit=self.limit,
            limit_source="this dashboard's own",
            available=left,  # below zero when both together are over it
            anonymous=0,
            pressure=None,
        )

    # ---- what the reader does

    def hold(self, megabytes: float) -> int:
        """Let the hog hold that much, at most the limit and half of what the machine has. Returns the bytes it holds."""
        if not self.running:
            raise F5liteError("the hog is away; press Start first")
        most = min(self.limit, self._gauge.read().available // 2 + self.hog.held)
        return self.hog.hold(min(int(megabytes * MB), most))

    def ask(self, lane: str = "normal") -> Ticket:
        """Hand in a request."""
        if lane not in LANES:
            raise F5liteError(f"there is no lane {lane!r}; there are {', '.join(LANES)}")
        if self.queue is None:
            raise F5liteError("nobody is there to take it; press Start first")
        if sum(not ticket.ended for ticket in self.tickets.values()) >= MOST_WAITING:
            raise F5liteError(f"{MOST_WAITING} requests wait already; let some of them end")
        number = next(self._numbers)
        name = f"request {number}"
        self.lane_of[name] = lane
        ticket = self.queue.submit(self.make_work(number), priority=LANES[lane], id=name)
        self.tickets[name] = ticket
        return ticket

    def tune(self, knob: str, value: float) -> None:
        """Change the policy; what runs now ends under the old one."""
        if knob not in KNOBS:
            raise F5liteError(f"there is no {knob!r} to change; there are {', '.join(KNOBS)}")
        attribute, over, low, high, unit = KNOBS[knob]
        if not low <= value <= high:
            raise F5liteError(f"{knob}: {value:g} is outside {low} … {high} {unit}")
        try:
            self.rules = replace(self.rules, **{attribute: value / over})
        except ValueError:
            raise F5liteError("critical must stay below tight: move the other one first") from None
        if self.queue is not None:
            self.queue.rules = self.rules

    def demonstrate(self, patience: float = 30.0) -> Sandbox:
        """A short session by script: room for all, then the hog leaves less, then nothing, then it goes. Ends by itself.

        patience: seconds that each part may take; on a machine that is slower, the rest is cancelled.
        """
        self.start()
        try:
            first = self.ask("normal")
            self._until(lambda: first.ended, patience)
            for share in (0.72,) if quick() else (0.6, 0.72):
                self.hold(share * self.limit / MB)
                asked = self.ask("normal")
                self._until(lambda asked=asked: asked.ended, patience)
            self.hold(0.98 * self.limit / MB)
            late = [self.ask(lane) for lane in ("whenever", "normal", "urgent")]
            time.sleep(1.5)  # nothing runs now: that is what there is to see
            self.hold(0)
            self._until(lambda: all(one.ended for one in late), patience)
            time.sleep(2 / self.hz)
        finally:
            self.stop()
        return self

    @property
    def longest_wait(self) -> float:
        """Seconds of the longest time in which requests waited and none ran, from the queue's own log."""
        return max(self._waits, default=0.0)

    def _until(self, done: Callable[[], bool], patience: float) -> None:
        end = time.monotonic() + patience
        while not done() and time.monotonic() < end and self.running:
            time.sleep(0.05)

    # ---- what follows a session

    def _tick(self, reading: Reading) -> None:
        """After each reading, in the monitor's thread."""
        queue = self.queue
        if queue is None:
            return
        at = round(reading.seconds - self._began, 2)
        self.points.append((at, self.hog.held / MB, self.worker.held / MB, queue.level))
        now = queue.snapshot()
        if not now["waiting"] or now["running"]:
            if self._stuck is not None:
                self._waits.append(at - self._stuck)
            self._stuck = None
        elif self._stuck is None:
            self._stuck = at
        self._hear(queue)
        self._tell()
        if at >= self.longest - 2 / self.hz:
            self.problem = f"The session ended by itself after {self.longest:.0f} s."
            self._end_soon()

    def _end_soon(self) -> None:
        threading.Thread(target=self.stop, daemon=True).start()  # the monitor's thread can't wait for itself

    def _hear(self, queue: Queue) -> None:
        """New lines of the queue's log, in words."""
        log = list(queue.log)
        for moment, who, what in log[self._seen :]:
            if what == "level":
                self.marks.append((round(moment - self._began, 2), who))
                self.said.append(f"level: {who}")
            elif what != "submitted":
                words = f"{who} {self._readable(what)}"
                if not self.said or self.said[-1] != words:
                    self.said.append(words)
        self._seen = len(log)

    def name(self, plan: str | None) -> str | None:
        """A plan's name for readers."""
        return None if plan is None else self.names.get(plan, plan)

    def _readable(self, what: str) -> str:
        """A line of the queue's log: of a plan's reasons only the figures are kept."""
        start, of, rest = what.partition("runs as ")
        plan, bracket, why = rest.partition(" (")
        return (
            f"{start}{of}{self.name(plan)}{bracket}{why.split(';')[0]}{')' if bracket else ''}"
            if of
            else what
        )

    def _tell(self) -> None:
        for follower in list(self.followers):
            guarded(follower, lambda _: None)(self)
