"""What to do next when memory is short: a pure function of (reading, queue, level), without clocks, threads or memory of its own.

The plan is picked from a menu (`memory.menu`) for the room there is and for the level; admission compares its predicted peak
with what is available, less a reserve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from f5lite.memory.gauge import Reading
from f5lite.memory.menu import LEVELS, Level, Menu, Offer, as_menu


@dataclass(frozen=True)
class Waiting:
    """A request that waits. A larger `priority` is more urgent; `submitted` and `deadline` are on the reading's clock.

    below: it takes only plans that are predicted to need less than that (one that needs more failed already).
    """

    id: str
    priority: float
    submitted: float
    deadline: float | None = None
    below: int | None = None
    number: int = 0


@dataclass(frozen=True)
class Rules:
    """The reader's knobs. Shares are of the limit; `ageing` is the seconds of waiting that count as one priority more,
    `patience` the seconds after which a request that still finds no room is refused."""

    tight_below: float = 0.35
    critical_below: float = 0.15
    margin: float = 0.05
    pressure_above: float = 0.20
    pressure_margin: float = 0.10
    reserve: float = 0.05
    ageing: float = 20.0
    patience: float = 600.0

    def __post_init__(self) -> None:
        if not 0 <= self.critical_below <= self.tight_below <= 1 or self.margin < 0 or self.ageing <= 0:
            raise ValueError(
                f"rules need 0 <= critical_below <= tight_below <= 1, margin >= 0 and ageing > 0; got {self}"
            )


@dataclass(frozen=True)
class Run:
    """Start this request's next chunk with this plan."""

    id: str
    offer: Offer


@dataclass(frozen=True)
class Wait:
    """Nothing can start now; `reason` says why."""

    reason: str


@dataclass(frozen=True)
class Refuse:
    """This request can't be done; `needed` is the bytes that its smallest plan asks for (0: a deadline passed)."""

    id: str
    reason: str
    needed: int = 0


Decision = Run | Wait | Refuse


def next_level(level: Level, reading: Reading, rules: Rules) -> Level:
    """The level that this reading calls for. Falling into a worse level is immediate; leaving it takes `margin` more than
    the threshold, so that a reading that stands still never makes the level go to and fro."""
    now = LEVELS.index(level)
    share, pressure = reading.share_available, reading.pressure or 0.0
    worst = 0
    for rank, below in ((1, rules.tight_below), (2, rules.critical_below)):
        if share < below + (rules.margin if now >= rank else 0.0):
            worst = rank
    held = rules.pressure_above - (rules.pressure_margin if now >= 1 else 0.0)
    if pressure > max(0.0, held):
        worst = max(worst, 1)
    return LEVELS[worst]


def order(queue: Sequence[Waiting], rules: Rules) -> list[Waiting]:
    """The queue, most urgent first: priority plus ageing, then the nearer deadline, then first come.

    A request passes a more urgent one only when it has waited `ageing` seconds longer for each priority between them, so
    nothing starves. The order doesn't depend on the time: all requests age alike.
    """
    return sorted(
        queue,
        key=lambda one: (
            -(one.priority - one.submitted / rules.ageing),
            one.deadline if one.deadline is not None else float("inf"),
            one.number,
            one.id,
        ),
    )


def room(reading: Reading, rules: Rules, held: int = 0) -> int:
    """Bytes that a request may use now: what is available and what the worker holds already, less the reserve."""
    return max(0, reading.available + held - int(rules.reserve * reading.limit))


def choose(
    request: Waiting,
    reading: Reading,
    offers: Menu | Sequence[Offer],
    level: Level,
    rules: Rules,
    held: int = 0,
) -> Offer | None:
    """The best plan that the level allows and whose predicted peak fits now, or None."""
    return as_menu(offers).pick(room(reading, rules, held), level, request.below)


def decide(
    reading: Reading,
    queue: Sequence[Waiting],
    level: Level,
    offers: Menu | Sequence[Offer],
    rules: Rules,
    *,
    held: int = 0,
    elsewhere: int = 0,
) -> tuple[Decision, Level]:
    """What to do now, and the level from now on. Deterministic; the queue may hold requests in any order.

    held: bytes that the idle worker holds and would use again. elsewhere: bytes under the same limit that can't be had in
    any case (this process's own). Whatever could never fit is refused by name; whatever could fit later waits.
    """
    menu = as_menu(offers)
    # What the worker holds can be had back at any time: counting it as taken would let the level follow our own releases.
    level = next_level(level, replace(reading, available=max(0, reading.available + held)), rules)
    if not queue:
        return Wait("the queue is empty"), level
    ranked = order(queue, rules)
    for request in ranked:
        if request.deadline is not None and reading.seconds > request.deadline:
            return Refuse(request.id, "its deadline passed before memory or its turn came"), level
    most = max(0, reading.limit - int(rules.reserve * reading.limit) - elsewhere)
    for request in ranked:
        smallest = menu.smallest(request.below)
        if smallest is None:
            needed = menu.smallest().peak
            reason = f"memory ran out even with the smallest plan, which needs {needed / 1e6:,.0f} MB"
            return Refuse(request.id, reason, needed), level
        if smallest.peak > most:
            needed = smallest.peak
            reason = f"its smallest plan needs {needed / 1e6:,.0f} MB, and {most / 1e6:,.0f} MB are all there can be"
            return Refuse(request.id, reason, needed), level
    # Only the first in line is tried: letting smaller ones pass would starve it under lasting shortage.
    first = ranked[0]
    offer = choose(first, reading, menu, level, rules, held)
    if offer is None:
        free = room(reading, rules, held)
        if reading.seconds - first.submitted > rules.patience:
            needed = menu.smallest(first.below).peak
            reason = (
                f"no room for the {needed / 1e6:,.0f} MB of its smallest plan within {rules.patience:,.0f} s"
            )
            return Refuse(first.id, reason, needed), level
        return Wait(f"{first.id} waits for memory: {free / 1e6:,.0f} MB are free for it"), level
    return Run(first.id, offer), level


def stages_to_keep(level: Level, offer: Offer | None) -> tuple[str, ...]:
    """Which stages stay loaded between requests: all that the plan keeps while memory is ample, else none."""
    return offer.keep if offer is not None and level == "ample" else ()
