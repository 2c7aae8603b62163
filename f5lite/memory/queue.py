"""A priority queue that acts on memory: it admits, waits, shrinks or refuses by name, and runs the model in another process.

    with Queue(Worker(...), offers) as queue:
        ticket = queue.submit(Speech("Hello."), priority=1)
        wave, rate = ticket.result()

One thread decides (`policy.decide`) and waits for the worker; callers use tickets from any thread, or `await` them.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from f5lite.errors import F5liteError
from f5lite.memory import policy
from f5lite.memory.gauge import Gauge, Reading
from f5lite.memory.menu import Level, Menu, Offer, after_failure, as_menu
from f5lite.memory.policy import Refuse, Rules, Run
from f5lite.memory.ticket import Ticket, Work
from f5lite.memory.worker import Outcome, Worker

log = logging.getLogger(__name__)
MOST_ATTEMPTS = 3  # at the smallest plan, or for one job whose process died


class Queue:
    """worker: where the work is done. offers: a menu (`menu.Planned` asks `plan_for` before every job), or plans with their
    predicted peaks, from the best-sounding to the smallest.

    source: gives a reading when asked (default: this machine's gauge; `trace.Replay` for a recorded one).
    import_bytes: what a worker process needs before it does anything, counted when there is none yet.
    decided: gets a plan's name and the reason when it is another than the last one's; called in the queue's thread.
    """

    def __init__(
        self,
        worker: Worker,
        offers: Menu | Sequence[Offer],
        *,
        rules: Rules | None = None,
        source: Callable[[], Reading | None] | None = None,
        import_bytes: int = 250_000_000,
        pause: float = 0.05,
        decided: Callable[[str, str], object] | None = None,
    ) -> None:
        self.worker, self.menu, self.rules = worker, as_menu(offers), rules or Rules()
        self.import_bytes, self.pause, self._decided = import_bytes, pause, decided
        self.level: Level = "ample"
        self.counts: Counter[str] = Counter()
        self.log: deque[tuple[float, str, str]] = deque(maxlen=2000)
        self.reading: Reading | None = None
        self._source = source or Gauge().read
        self._waiting: dict[str, Ticket] = {}
        self._running: Ticket | None = None
        self._last: Offer | None = None
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="f5lite queue", daemon=True)

    def start(self) -> Queue:
        self._thread.start()
        return self

    def submit(
        self, work: Work, *, priority: float = 0.0, deadline: float | None = None, id: str | None = None
    ) -> Ticket:
        """Hand in a request. A larger priority is more urgent; deadline: seconds from now. Never blocks."""
        with self._changed:
            number = next(self._numbers)
            if self._closing:
                raise F5liteError("the queue is closed; make a new one")
            name = id or f"request {number + 1}"
            if name in self._waiting or (self._running is not None and self._running.id == name):
                raise F5liteError(f"{name!r} is in the queue already; give another id")
            due = None if deadline is None else time.monotonic() + deadline
            ticket = Ticket(name, work, priority, due, number)
            self._waiting[name] = ticket
            self.counts["submitted"] += 1
            self._note(name, "submitted")
            self._changed.notify_all()
        return ticket

    def cancel(self, ticket: Ticket) -> bool:
        """Take a request out; one that runs ends after its chunk. Returns whether it can still be cancelled."""
        with self._changed:
            if ticket.ended:
                return False
            ticket.wants_cancel = True
            if self._waiting.get(ticket.id) is ticket:
                self._end(ticket, "cancelled")
            return True

    def snapshot(self) -> dict[str, Any]:
        """What a dashboard shows: level, lanes in their order, what runs, counts, the worker's bytes."""
        with self._changed:
            ranked = policy.order([one.waiting() for one in self._waiting.values()], self.rules)
            return {
                "level": self.level,
                "waiting": [one.id for one in ranked],
                "running": self._running.id if self._running else None,
                "plan": self._last.name if self._last else None,
                "counts": dict(self.counts),
                "held": self.worker.held,
                "stages": dict(self.worker.stages),
                "deaths": self.worker.deaths,
            }

    def close(self, finish: bool = True) -> None:
        """Stop: finish what waits (or cancel it), end the worker, give its memory back."""
        with self._changed:
            self._closing = True
            if not finish:
                for ticket in list(self._waiting.values()):
                    self._end(ticket, "cancelled")
                if self._running is not None:
                    self._running.wants_cancel = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()
        self.worker.end()

    def __enter__(self) -> Queue:
        return self.start()

    def __exit__(self, kind: object, *_: object) -> None:
        self.close(finish=kind is None)

    def _serve(self) -> None:
        while True:
            with self._changed:
                if self._closing and not self._waiting:
                    return
            try:
                self._step()
            except Exception as error:  # a mistake here must not leave callers waiting for ever
                log.exception("the queue's own step failed")
                with self._changed:
                    for ticket in list(self._waiting.values()):
                        self._end(ticket, "failed", f"the queue failed: {error}")

    def _step(self) -> None:
        reading = self._source() or self.reading
        if reading is None:
            raise F5liteError("the queue's source gave no reading")
        self.reading = reading
        held = self.worker.held if self.worker.alive else -self.import_bytes
        with self._changed:
            waiting = [one.waiting() for one in self._waiting.values()]
            before = self.level
            decision, self.level = policy.decide(
                reading, waiting, before, self.menu, self.rules, held=held, elsewhere=reading.anonymous
            )
            if self.level != before:
                self._note(self.level, "level")
            ticket = self._waiting.get(getattr(decision, "id", ""))
            if ticket is None:
                idle = not waiting
            elif isinstance(decision, Refuse):
                self._end(ticket, "refused", decision.reason, needed=decision.needed)
                return
            else:
                del self._waiting[ticket.id]
                ticket.state, self._running = "running", ticket
        if ticket is not None and isinstance(decision, Run):
            self._work(ticket, decision.offer)
            return
        self._make_room(idle)
        with self._changed:
            if not self._waiting or not idle:
                self._changed.wait(self.pause if not idle else 10 * self.pause)

    def _make_room(self, idle: bool) -> None:
        """Between requests: keep stages warm while memory is ample, release them when tight, end the process when critical."""
        if not self.worker.alive:
            return
        if self.level == "critical" or (not idle and self.worker.held == 0):
            if self.level == "critical":
                self.worker.end()
        elif self.level == "tight" or not idle:
            self.worker.keep(policy.stages_to_keep(self.level, self._last))

    def _work(self, ticket: Ticket, offer: Offer) -> None:
        """One job of the request, and what follows from how it ended."""
        if self._decided is not None and (self._last is None or self._last.name != offer.name):
            self._decided(offer.name, offer.why)
        self._last = offer
        job = ticket.work.next_job()
        if job is None:
            outcome = Outcome("done")
        else:
            ticket.offers.append(offer.name)
            self._note(ticket.id, f"runs as {offer.name}" + (f" ({offer.why})" if offer.why else ""))
            outcome = self.worker.run(job, offer.name)
        part, more = None, False
        if outcome.kind == "done" and job is not None:
            try:
                part = ticket.work.take(outcome.value)
                more = ticket.work.next_job() is not None
                ticket.attempts = 0
            except Exception as error:
                outcome = Outcome("error", message=f"{type(error).__name__}: {error}")
        with self._changed:
            self._running = None
            if part is not None:
                ticket.give(part)
            if ticket.wants_cancel:
                self._end(ticket, "cancelled")
            elif outcome.kind == "done" and not more:
                self._end(ticket, "done", value=ticket.work.result())
            elif outcome.kind == "error":
                self._end(ticket, "failed", outcome.message)
            else:
                if outcome.kind != "done":
                    self._shrink(ticket, offer, outcome)
                ticket.state = "waiting"
                self._waiting[ticket.id] = ticket
            self._changed.notify_all()

    def _shrink(self, ticket: Ticket, offer: Offer, outcome: Outcome) -> None:
        """Bad weather: back into the queue with a smaller plan; at the smallest one, a few more attempts."""
        self._note(ticket.id, f"{outcome.kind}: {outcome.message}")
        self.counts[outcome.kind] += 1
        ticket.attempts += 1
        last = self.menu.smallest(offer.peak) is None
        if (outcome.kind == "allocation" and not last) or ticket.attempts >= MOST_ATTEMPTS:
            ticket.below, ticket.attempts = after_failure(self.menu, offer), 0

    def _end(self, ticket: Ticket, state: str, reason: str = "", value: Any = None, needed: int = 0) -> None:
        self._waiting.pop(ticket.id, None)
        self.counts[state] += 1
        self._note(ticket.id, f"{state}{': ' if reason else ''}{reason}")
        ticket.end(state, reason, value, needed)

    def _note(self, who: str, what: str) -> None:
        self.log.append((time.monotonic(), who, what))
