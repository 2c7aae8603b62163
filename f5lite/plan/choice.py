"""`plan_for`: of all the ways to run that there are, the best-sounding one that fits a budget, then the fastest. Pure.

A plan's sound is known only where it was measured; what wasn't measured is never preferred to what was.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from f5lite.plan.costs import cost
from f5lite.plan.plans import RESIDENCIES, STEPS, Cost, Decision, Plan, Rejected, Speeds, Subject, Wishes

SHORTEST_CHUNK = 4.0  # seconds that a reference and its chunk take together at the least


Priced = tuple[Plan, Cost]


def candidates(subject: Subject, speeds: Speeds, wishes: Wishes = Wishes()) -> list[Plan]:
    """Every way to run that the model's files, the machine and the wishes allow."""
    full = subject.config.chunk_seconds
    shortest = max(SHORTEST_CHUNK, subject.reference_seconds + 2.0)
    chunks = sorted({min(full, max(shortest, full / parts)) for parts in (1, 2, 4)})
    plans = []
    for (precision, folded, steps), residency, chunk in itertools.product(
        _sounds(subject, speeds, wishes), RESIDENCIES, chunks
    ):
        for kept, engine in speeds.passes:
            if kept != precision or wishes.engine not in (None, engine, "auto"):
                continue
            plan = Plan(precision, folded, residency, engine, speeds.attention, steps, wishes.guidance, chunk)
            if wishes.residency in (None, residency) and (not subject.variants or subject.variant(plan)):
                plans.append(plan)
    return list(dict.fromkeys(plans))


def _sounds(subject: Subject, speeds: Speeds, wishes: Wishes) -> Iterator[tuple[str, bool, int]]:
    """(precision, folded, steps) of what there is: of the files, or of all that could be made."""
    wanted = STEPS if wishes.steps is None else (wishes.steps,)
    if subject.variants:
        kinds = [(one.precision, one.folded, one.steps) for one in subject.variants]
    else:
        kinds = [(precision, False, None) for precision, _ in speeds.passes]
        kinds += [(precision, True, None) for precision, _ in speeds.passes if precision != "fp32"]
    for precision, folded, only in dict.fromkeys(kinds):
        if wishes.precision not in (None, precision):
            continue
        for steps in wanted if only is None else (only,):
            if steps in wanted or wishes.steps is None:
                yield precision, folded, steps


def priced(subject: Subject, machine: Speeds | None = None, wishes: Wishes | None = None) -> list[Priced]:
    """Every candidate with its cost. Raises ValueError when there is none."""
    speeds, wishes = machine or Speeds(), wishes or Wishes()
    found = [(plan, cost(subject, plan, speeds)) for plan in candidates(subject, speeds, wishes)]
    if not found:
        there = ", ".join(f"{one.path}: {one.precision}" for one in subject.variants) or sorted(speeds.passes)
        raise ValueError(f"no plan fits the wishes {wishes}; there is {there}")
    return found


def plan_for(
    budget_mb: float | None,
    subject: Subject,
    machine: Speeds | None = None,
    wishes: Wishes | None = None,
    *,
    among: Sequence[Priced] | None = None,
) -> Decision:
    """The best-sounding plan that fits `budget_mb` (peak RSS over imports; None for no limit), then the fastest.

    A plan whose sound was measured comes before every one whose sound wasn't; among those, what changes least (more bits,
    more steps) comes first, since nothing better is known of it. among: the candidates, if they were priced before.
    """
    wishes = wishes or Wishes()
    found = priced(subject, machine, wishes) if among is None else among
    smallest = min(found, key=lambda pair: pair[1].peak_rss_mb)
    fits, rejected = [], []
    for plan, price in found:
        if (why := _unfit(subject, plan, price, budget_mb, wishes)) is None:
            fits.append((plan, price))
        else:
            rejected.append(Rejected(plan, price, why))
    if not fits:
        plan, price = smallest
        why = f"nothing fits: the smallest plan needs {price.peak_rss_mb:.0f} MB ({plan})"
        return Decision(None, None, why, smallest, tuple(rejected))
    fits.sort(key=lambda pair: _rank(subject, *pair))
    chosen, price = fits[0]
    for plan, other in fits[1:]:
        rejected.append(Rejected(plan, other, _why_not(subject, chosen, price, plan, other)))
    return Decision(chosen, price, _why(subject, chosen, price, budget_mb), smallest, tuple(rejected))


def _unfit(subject: Subject, plan: Plan, price: Cost, budget_mb: float | None, wishes: Wishes) -> str | None:
    """Why a plan can't be taken at all, or None."""
    heard = subject.sound.get(plan.sounds_like)
    if budget_mb is not None and price.peak_rss_mb > budget_mb:
        over = price.peak_rss_mb - budget_mb
        return f"needs {price.peak_rss_mb:.0f} MB, {over:.0f} over the budget"
    if wishes.worst_word_error is None:
        return None
    if heard is None:
        return "its word error rate wasn't measured, and a limit was asked for"
    if heard > wishes.worst_word_error:
        return f"word error rate {heard:.1f} %, over {wishes.worst_word_error:g} %"
    return None


def _rank(subject: Subject, plan: Plan, price: Cost) -> tuple:
    heard = subject.sound.get(plan.sounds_like)
    bits = {"fp32": 0, "bf16": 1, "int8": 2}[plan.precision]
    unmeasured = (bits, -plan.steps) if heard is None else (0, 0)
    pace = round(_pace(subject, price), 9)
    # Every cut can be heard, if only as a breath too many: length comes before speed.
    return (heard is None, round(heard or 0.0, 1), *unmeasured, -plan.chunk_seconds, pace, price.peak_rss_mb)


def _pace(subject: Subject, price: Cost) -> float:
    """Seconds of work for a frame of new speech: every chunk carries the reference along."""
    new = price.frames - subject.reference_seconds * subject.config.mel.frames_per_second
    return price.seconds / max(1.0, new)


def _why(subject: Subject, plan: Plan, price: Cost, budget_mb: float | None) -> str:
    heard = subject.sound.get(plan.sounds_like)
    sound = (
        "sound not measured, so what changes it least" if heard is None else f"word error rate {heard:.1f} %"
    )
    room = "no limit" if budget_mb is None else f"{price.peak_rss_mb:.0f} of {budget_mb:.0f} MB"
    return f"{room}; {sound}; the fastest of those that fit"


def _why_not(subject: Subject, chosen: Plan, price: Cost, plan: Plan, other: Cost) -> str:
    here, there = subject.sound.get(chosen.sounds_like), subject.sound.get(plan.sounds_like)
    if there is None and here is not None:
        return "its sound wasn't measured"
    if here is not None and there is not None and round(there, 1) > round(here, 1):
        return f"word error rate {there:.1f} %, the chosen one's {here:.1f} %"
    if there is None and (plan.precision, plan.steps) != (chosen.precision, chosen.steps):
        return "changes the sound more, as far as is known"
    if plan.chunk_seconds < chosen.chunk_seconds:
        return "cuts the text into more pieces"
    if (slower := _pace(subject, other) / _pace(subject, price)) > 1.005:
        return f"{slower:.2f} × the time"
    return "needs more memory, for nothing"
