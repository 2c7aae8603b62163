"""What the policy may choose from: a fixed list of plans, or `plan_for` asked anew each time with the memory there is now.

Both are pure: the same room and level give the same offer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from f5lite.plan import MB, RESIDENCIES, Cost, Plan, Speeds, Subject, Wishes, plan_for, priced

Level = Literal["ample", "tight", "critical"]
LEVELS: tuple[Level, ...] = ("ample", "tight", "critical")
SMALLER = (
    0.9  # of a plan that failed for want of memory: the next one must be predicted to need less than that
)


@dataclass(frozen=True)
class Offer:
    """A plan as the policy sees it: its name, its predicted peak in bytes over imports, the stages it keeps loaded."""

    name: str
    peak: int
    keep: tuple[str, ...] = ()
    why: str = field(default="", compare=False)


class Menu(Protocol):
    """below: only plans that are predicted to need less than that many bytes count (a larger one failed already)."""

    def pick(self, room: int, level: Level, below: int | None = None) -> Offer | None:
        """The best plan that this level allows and that fits into `room` bytes, or None."""
        ...

    def smallest(self, below: int | None = None) -> Offer | None:
        """The plan that needs least, or None when there is none."""
        ...


class Listed:
    """Offers in a fixed order, from the one that sounds best to the one that needs least.

    offer_at: from which one on, by level.
    """

    def __init__(self, offers: Sequence[Offer], offer_at: dict[Level, int] | None = None) -> None:
        if not offers:
            raise ValueError("the policy needs at least one plan to offer")
        self.offers = list(offers)
        self.offer_at = offer_at or {"ample": 0, "tight": 1, "critical": 2}

    def pick(self, room: int, level: Level, below: int | None = None) -> Offer | None:
        first = min(self.offer_at[level], len(self.offers) - 1)
        fits = (one for one in self.offers[first:] if one.peak <= room and _less(one.peak, below))
        return next(fits, None)

    def smallest(self, below: int | None = None) -> Offer | None:
        return min(
            (one for one in self.offers if _less(one.peak, below)), key=lambda one: one.peak, default=None
        )


class Planned:
    """`plan_for` with the memory there is now. The level says what may stay loaded: anything while memory is ample; nothing
    between the stages when it is tight; when it is critical, weights are read block by block (or the least that there is).

    Raises ValueError when no candidate fits the wishes.
    """

    def __init__(self, subject: Subject, speeds: Speeds | None = None, wishes: Wishes | None = None) -> None:
        self.subject, self.speeds, self.wishes = subject, speeds or Speeds(), wishes or Wishes()
        self.priced = priced(subject, self.speeds, self.wishes)
        there = [way for way in RESIDENCIES if any(plan.residency == way for plan, _ in self.priced)]
        self.allowed = {"ample": there, "tight": there[1:] or there, "critical": there[-1:]}

    @property
    def plans(self) -> list[Plan]:
        """Every plan that may be picked."""
        return [plan for plan, _ in self.priced]

    def pick(self, room: int, level: Level, below: int | None = None) -> Offer | None:
        among = [
            (plan, cost)
            for plan, cost in self.priced
            if plan.residency in self.allowed[level] and _less(peak_of(cost), below)
        ]
        if (
            not among
        ):  # all that this level allows has failed: a smaller plan of another kind is better than none
            among = [pair for pair in self.priced if _less(peak_of(pair[1]), below)]
        if not among:
            return None
        decision = plan_for(room / MB, self.subject, self.speeds, self.wishes, among=among)
        if decision.plan is None or decision.cost is None:
            return None
        return Offer(decision.plan.name, peak_of(decision.cost), why=decision.why)

    def smallest(self, below: int | None = None) -> Offer | None:
        found = [(plan, cost) for plan, cost in self.priced if _less(peak_of(cost), below)]
        if not found:
            return None
        plan, cost = min(found, key=lambda pair: pair[1].peak_rss_mb)
        return Offer(plan.name, peak_of(cost))


def as_menu(offers: Menu | Sequence[Offer]) -> Menu:
    """A sequence of offers as a menu; a menu as it is."""
    return offers if hasattr(offers, "pick") else Listed(offers)  # type: ignore[arg-type,return-value]


def peak_of(cost: Cost) -> int:
    """Bytes, rounded up, so that what fits in MB fits in bytes."""
    return int(-(-cost.peak_rss_mb * MB // 1))


def after_failure(menu: Menu, offer: Offer) -> int:
    """The bytes that the next plan must stay below, after memory ran out with `offer`."""
    clearly = int(SMALLER * offer.peak)
    if menu.smallest(clearly) is None and menu.smallest(offer.peak) is not None:
        return offer.peak
    return clearly


def _less(peak: int, below: int | None) -> bool:
    return below is None or peak < below


def by_level(menu: Menu, room: int) -> dict[Level, str | None]:
    """For each level the name of the plan that it would take with `room` bytes; None where none fits."""
    found = {level: menu.pick(room, level) for level in LEVELS}
    return {level: offer.name if offer else None for level, offer in found.items()}
