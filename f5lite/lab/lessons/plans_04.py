"""What lesson 04 plans and runs in earnest: `plan_for` under a budget, one request a budget, and the dashboard's session."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from f5lite.aloud import subject_of, ways_for, within
from f5lite.evidence import explain, residency
from f5lite.evidence.int8_bytes import converted
from f5lite.evidence.measurement import Measurement
from f5lite.evidence.sound import word_errors
from f5lite.lab.charts import bars
from f5lite.lab.dashboard import Dashboard
from f5lite.lab.figure import Figure, Table
from f5lite.machine import cache_folder, quick
from f5lite.memory.menu import Planned, peak_of
from f5lite.memory.policy import Rules
from f5lite.memory.queue import Queue
from f5lite.memory.ticket import Refused, Speech
from f5lite.memory.worker import Worker
from f5lite.plan import Plan, Speeds, Wishes, plan_for

MB = 1e6
# Both in float32 arithmetic, so neither is preferred for its time; which engine is fast is lesson 06.
ALIKE = Speeds({("fp32", "float"): 1.0, ("int8", "reference"): 1.0})


@lru_cache(maxsize=2)
def menu_of(folder: Path) -> Planned:
    """What `plan_for` may choose from for a short request to this model: two files, one step, a chunk of four seconds."""
    int8 = converted(folder, folder.with_name(f"{folder.name}-int8-1"), steps=1)
    subject = subject_of([str(folder), str(int8)])
    short = replace(subject, config=replace(subject.config, chunk_seconds=4.0))
    return Planned(short, ALIKE, Wishes(steps=1))


def label(plan: Plan) -> str:
    """What differs between this lesson's plans."""
    return f"{plan.precision}, {plan.residency}"


def choice(folder: Path) -> Callable[[int], Figure]:
    """Draws, for a budget in MB, every plan with what it needs, the one that `plan_for` takes, and why not the others."""
    menu = menu_of(folder)

    def draw(budget: int = 200) -> Figure:
        found = plan_for(budget, menu.subject, menu.speeds, menu.wishes, among=menu.priced)
        why = {one.plan: one.why for one in found.rejected}
        if found.plan is not None:
            why[found.plan] = "taken"
        costs = {label(plan): cost.peak_rss_mb for plan, cost in menu.priced}
        colours = {
            label(plan): "teal" if plan == found.plan else "orange" if cost.peak_rss_mb > budget else "slate"
            for plan, cost in menu.priced
        }
        taken = (
            f"Taken: {label(found.plan)}. The table says why none of the others."
            if found.plan
            else "Nothing fits, so a request would be refused."
        )
        picture = bars(
            costs,
            title="What each plan needs, and the one that is taken",
            unit="MB",
            colours=colours,
            mark=("budget", budget),
            note=taken,
            alt=f"With {budget} MB: {taken} "
            + "; ".join(f"{name} needs {size:.0f} MB" for name, size in costs.items()),
        )
        rows = [(label(plan), f"{cost.peak_rss_mb:.0f}", why[plan]) for plan, cost in menu.priced]
        return replace(picture, table=Table.of(("plan", "predicted (MB)", "why"), rows))

    return draw


def speak_with(folder: Path, budget_mb: float) -> dict[str, Any]:
    """One short request under a budget: which plan the queue took, or the refusal. Predicted and measured peak in MB."""
    menu = menu_of(folder)
    named = {plan.name: (label(plan), peak_of(cost)) for plan, cost in menu.priced}
    worker = Worker("f5lite.memory.speaker:Speaker", ways_for(menu, {}, {}))
    rules = Rules(tight_below=0, critical_below=0, reserve=0)
    with tempfile.TemporaryDirectory() as scratch:
        voice = {"ref": str(residency.clip(scratch)), "ref_text": residency.REFERENCE_TEXT}
        with Queue(worker, menu, rules=rules, source=within(budget_mb, worker), import_bytes=0) as queue:
            ticket = queue.submit(Speech("Hello there.", **voice), id=f"the request with {budget_mb:.0f} MB")
            try:
                ticket.result(600)
            except Refused as refused:
                needed = refused.needed / MB
                return {"plan": "refused", "predicted": needed, "measured": 0.0, "refusal": str(refused)}
            plan, peak = named[ticket.offers[-1]]
            return {"plan": plan, "predicted": peak / MB, "measured": worker.peak / MB, "refusal": ""}


def budgets(folder: Path) -> tuple[float, ...]:
    """Four budgets in MB: with room for all, for fp32 without keeping it, for the smallest plan only, and for none; the last
    two in quick mode."""
    menu = menu_of(folder)
    peaks = {(plan.precision, plan.residency): cost.peak_rss_mb for plan, cost in menu.priced}
    smallest = min(peaks.values())
    scarce = 1.05 * smallest, 0.5 * smallest
    return scarce if quick() else (1.2 * max(peaks.values()), 1.02 * peaks["fp32", "streamed"], *scarce)


def outcomes(tried: dict[float, dict[str, Any]]) -> Figure:
    """What became of the request under each budget."""
    names = {budget: f"{budget:.0f} MB: {found['plan']}" for budget, found in tried.items()}
    ran = [f"{found['measured']:.0f} MB" for found in tried.values() if found["measured"]]
    picture = bars(
        {names[budget]: found["predicted"] for budget, found in tried.items()},
        title="What the plan taken (or the smallest) needs, by budget",
        unit="MB",
        colours={
            names[budget]: "orange" if found["plan"] == "refused" else "teal"
            for budget, found in tried.items()
        },
        note=f"Predicted before it ran. Measured: {', '.join(ran)}."
        if ran
        else "None of them could run here.",
    )
    rows = [
        (
            f"{budget:.0f}",
            found["plan"],
            f"{found['predicted']:.0f}",
            f"{found['measured']:.0f}" if found["measured"] else "none: never started",
        )
        for budget, found in tried.items()
    ]
    return replace(
        picture, table=Table.of(("budget (MB)", "plan", "predicted (MB)", "measured peak (MB)"), rows)
    )


def dashboard(limit_mb: float = 240.0, steps: int = 7) -> Dashboard:
    """The dashboard with the bundled voice, as it ships and as int8, under a limit of its own."""
    from f5lite.model.library import BUNDLE

    tiny, folder = BUNDLE / "tiny", cache_folder() / "converted"
    folder.mkdir(parents=True, exist_ok=True)
    int8 = converted("tiny", folder / f"tiny-{steps}", steps=steps)
    subject = subject_of([str(tiny), str(int8)], word_errors())
    menu = Planned(subject, ALIKE, Wishes(steps=steps, guidance=getattr(subject.config, "guidance", 2.0)))
    words = (
        "the lamp is red",
        "turn off the lights",
        "she walks home in the rain",
        "the train leaves on monday",
    )

    def work(number: int) -> Speech:
        return Speech(words[number % len(words)], seed=number, voice="kumo")

    ways = ways_for(menu, {}, {"guidance": menu.wishes.guidance})
    names = {plan.name: f"{label(plan)}, chunks of {plan.chunk_seconds:.0f} s" for plan in menu.plans}

    def worker() -> Worker:
        return Worker("f5lite.memory.speaker:Speaker", ways)

    return Dashboard(worker, menu, work, limit_mb=limit_mb, names=names)


chosen = explain.text(
    "04/budgets",
    outcomes=("smaller and refused", "not as planned"),
    decide=lambda f: "smaller and refused" if f["as planned"].median else "not as planned",
    examples={
        "smaller and refused": (
            Measurement.fact("as planned", True),
            Measurement.of("needed", 61, "MB", exact=True),
        ),
        "not as planned": (
            Measurement.fact("as planned", False),
            Measurement.of("needed", 61, "MB", exact=True),
        ),
    },
)


@chosen.when("smaller and refused")
def _(f: explain.Figures) -> str:
    return (
        "With room the queue kept everything loaded. With less it gave up what costs no sound first: weights read block by "
        "block instead of kept. Then it gave up bits. Below that it refused before anything was loaded, and said what it "
        f"would have needed: {f.of('needed')}. Whoever asked can wait, or ask for less; nothing crashed."
    )


@chosen.when("not as planned")
def _(f: explain.Figures) -> str:
    return (
        "The queue didn't decide by the budgets alone: this machine's own memory is shorter than they are, and the smaller "
        f"of the two counts. The smallest plan needs {f.of('needed')}."
    )


def decided(tried: dict[float, dict[str, Any]]) -> tuple[Measurement, Measurement]:
    """Whether every budget led to an outcome of its own, the last one to a refusal; and the smallest plan's bytes."""
    plans = [found["plan"] for found in tried.values()]
    return (
        Measurement.fact("as planned", len(set(plans)) == len(plans) and plans[-1] == "refused"),
        Measurement.of("needed", list(tried.values())[-1]["predicted"], "MB", exact=True),
    )


session = explain.text(
    "04/session",
    outcomes=("adapted", "all alike", "unfinished"),
    decide=lambda f: (
        "unfinished"
        if f["ended"].median < f["asked"].median
        else "adapted"
        if f["plans"].median > 1
        else "all alike"
    ),
    examples={
        name: (
            Measurement.count("asked", 6),
            Measurement.count("ended", ended),
            Measurement.count("plans", plans),
            Measurement.of("longest wait", 2.5, "s"),
        )
        for name, ended, plans in (("adapted", 6, 3), ("all alike", 6, 1), ("unfinished", 4, 2))
    },
)


def played(board: Dashboard) -> tuple[Measurement, ...]:
    """Of a session: requests asked and done, different plans that ran, and the longest wait for the hog, in seconds."""
    tickets = board.tickets.values()
    done = sum(ticket.state == "done" for ticket in tickets)
    return (
        Measurement.count("asked", len(tickets)),
        Measurement.count("ended", done),
        Measurement.count("plans", len(board.plans_used)),
        Measurement.of("longest wait", board.longest_wait, "s"),
    )


@session.when("adapted")
def _(f: explain.Figures) -> str:
    return (
        f"All {f.of('asked')} requests were done, with {f.of('plans')} different plans, each decided just before its turn. "
        f"While the hog held nearly everything none of them fitted: the queue waited {f.of('longest wait')} and then took the "
        "urgent one first, although it had come last."
    )


@session.when("all alike")
def _(f: explain.Figures) -> str:
    return (
        f"All {f.of('asked')} requests were done with one plan: on this machine the hog could not take enough for the queue to "
        "change it. Move it yourself below, or lower the thresholds."
    )


@session.when("unfinished")
def _(f: explain.Figures) -> str:
    return (
        f"{f.of('ended')} of {f.of('asked')} requests were done before the script ended: this machine is slow or busy. The "
        "others were cancelled by name, not lost; the picture shows how far it came."
    )
