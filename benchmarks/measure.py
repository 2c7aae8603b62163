"""Measures one piece: starts the variants, watches their memory, lets them take turns, and keeps each row when it is done.

A round that is done is kept too, so that a stopped piece goes on with the next one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import inputs, plan, rows, session, variants
from benchmarks.plan import Piece
from benchmarks.rows import Key, Row, Store
from benchmarks.session import Failed, Session
from benchmarks.variants import Variant
from f5lite.files import write_atomically

MB = 1e6
LOADING, ONCE = 900.0, 600.0  # seconds after which a variant is given up


class OutOfTime(Exception):  # noqa: N818 - no error: the rest is for the next call
    """The time that the caller allows is nearly over; what is done is kept."""


@dataclass
class Bench:
    """What a run needs to know."""

    model: Path
    out: Path
    known: Mapping[str, Variant]
    store: Store
    full: bool = False
    deadline: float | None = None
    say: Callable[[str], None] = print

    def stop_if_late(self, needed: float = 0.0) -> None:
        if self.deadline is not None and time.monotonic() + needed > self.deadline:
            raise OutOfTime

    def given(self, frames: int) -> Path:
        return inputs.prepare(self.model, frames, self.out / "inputs")


def code() -> str:
    """Twelve digits that change when f5lite's model or techniques do."""
    root = session.ROOT / "f5lite"
    found = hashlib.sha256()
    for path in sorted([*(root / "model").rglob("*.py"), *(root / "shrink").rglob("*.py")]):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def piece(bench: Bench, one: Piece) -> None:
    """Measure what is missing of a piece. A variant that fails becomes rows that say why."""
    anchor = plan.ANCHORS[one.work]
    names = list(dict.fromkeys((anchor, *one.variants)))
    alive: dict[str, Session] = {}
    with contextlib.ExitStack() as stack:
        for name in names:
            try:
                alive[name] = start(bench, bench.known[name], one.threads, max(one.frames))
                stack.callback(alive[name].close)
            except Failed as problem:
                give_up(bench, one, name, one.frames, str(problem))
        if anchor not in alive:
            raise Failed(f"{anchor} can't be measured, and everything is compared with it")
        for frames in one.frames:
            length(bench, one, alive, frames)


def start(bench: Bench, variant: Variant, threads: int, frames: int) -> Session:
    """A worker with the variant loaded, its memory watched. Raises `Failed`."""
    if variant.unavailable:
        raise Failed(variant.unavailable)
    bench.say(f"  {variant.name}: loading")
    python, paths = variants.python_and_paths(variant)
    environment = session.variables(threads, paths)
    settings = variant.settings | {"threads": threads}
    spec = {
        "loader": variant.loader,
        "model": str(bench.model),
        "settings": settings,
        "packages": list(variant.packages),
    }
    prepare(bench, python, spec, environment, frames)
    log = bench.out / "logs" / f"{Key(variant.work, variant.name, frames, threads).file_name}.log"
    worker = Session(python, spec, environment, log)
    try:
        said = worker.ask("start", LOADING)
        worker.versions = said["versions"]
        worker.baseline = said["memory"]
        worker.peak_anonymous = said["memory"]["anonymous"]
        worker.load_peak = worker.ask("load", LOADING, watch=True)["memory"]["peak"]
        worker.load_anonymous = worker.peak_anonymous
    except Failed:
        worker.close()
        raise
    return worker


def prepare(
    bench: Bench, python: str, spec: dict[str, Any], environment: dict[str, str], frames: int
) -> None:
    """Let the variant make its files, once; f5lite's again when its code changes."""
    if not variants.makes_files(spec["loader"], spec["settings"]):
        return
    mine = code() if spec["loader"] == variants.OURS else ""
    text = json.dumps([spec, frames if spec["settings"].get("prime") else 0, mine], sort_keys=True)
    mark = bench.out / "prepared" / hashlib.sha256(text.encode()).hexdigest()[:16]
    if mark.is_file():
        return
    session.prepare(
        python, spec | {"settings": spec["settings"] | {"inputs": str(bench.given(frames))}}, environment
    )
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(spec["loader"], encoding="utf-8")


def first(bench: Bench, worker: Session, variant: Variant, frames: int, save: Path) -> dict[str, Any]:
    """The warm-up, unhurried and watched: seconds, peaks in MB over the baseline, error against fp32."""
    given = bench.given(frames)
    worker.peak_anonymous = worker.load_anonymous
    worker.ask("fresh_peak", 60)
    if variant.work == "utterance":
        said = worker.ask("utterance", ONCE, watch=True, inputs=str(given), steps=1)
    else:
        said = worker.ask("pass", ONCE, watch=True, inputs=str(given), save=str(save))
    found = {
        "first": said["seconds"],
        "peak_rss_mb": (max(worker.load_peak, said["memory"]["peak"]) - worker.baseline["rss"]) / MB,
        "peak_anonymous_mb": (worker.peak_anonymous - worker.baseline["anonymous"]) / MB,
        "baseline_mb": worker.baseline["rss"] / MB,
    }
    if save.is_file():
        answer = np.load(save)
        reference = given / "fp32.npy"
        if variant.name == variants.FP32:
            save.replace(reference)
        else:
            found["relative_error"] = (
                inputs.error(answer, np.load(reference)) if reference.is_file() else None
            )
            save.unlink()
    return found


def length(bench: Bench, one: Piece, alive: dict[str, Session], frames: int) -> None:
    """Warm up all, then rounds in which each has its turn; keep the rows."""
    anchor = plan.ANCHORS[one.work]
    missing = [name for name in one.variants if not bench.store.has(Key(one.work, name, frames, one.threads))]
    names = [name for name in dict.fromkeys((anchor, *missing)) if name in alive]
    if not missing:
        return
    bench.stop_if_late()
    facts: dict[str, dict[str, Any]] = {}
    for name in list(names):
        try:
            facts[name] = first(bench, alive[name], bench.known[name], frames, bench.out / "answer.npy")
            bench.say(f"  {name}, {frames} frames: first {facts[name]['first']:.2f} s")
        except Failed as problem:
            names.remove(name)
            give_up(bench, one, name, (frames,), str(problem))
    if anchor not in names:
        raise Failed(f"{anchor} can't be measured, and everything is compared with it")
    count = {name: plan.repeats_for(facts[name]["first"], one.work, bench.full) for name in names}
    done = Rounds(bench.out / "rounds", one, frames, names)
    while len(done.taken) < max(count.values()):
        number = len(done.taken)
        turn = [name for name in names if number < count[name]]
        last = done.taken[-1] if done.taken else {}
        bench.stop_if_late(
            sum(min(facts[name]["first"], last.get(name, 1e9)) for name in turn) if number else 0
        )
        # Each begins a round in its turn: what runs after what should not always be the same.
        order = turn[number % len(turn) :] + turn[: number % len(turn)]
        taken = {}
        for name in order:
            try:
                taken[name] = timed(bench, alive[name], bench.known[name], frames)
            except Failed as problem:
                if name == anchor:
                    raise
                count[name] = 0
                names.remove(name)
                give_up(bench, one, name, (frames,), str(problem))
        done.add(taken)
        bench.say(
            f"  {frames} frames, round {number + 1}: "
            + "; ".join(f"{n} {s:.2f} s" for n, s in done.taken[-1].items())
        )
    for name in names:
        bench.store.keep(finished(bench, one, name, frames, alive[name], facts[name], done))
    parts(bench, one, alive, [name for name in names if bench.known[name].grid], frames)
    done.forget()


def timed(bench: Bench, worker: Session, variant: Variant, frames: int) -> float:
    given = str(bench.given(frames))
    if variant.work == "utterance":
        return worker.ask("utterance", ONCE, inputs=given, steps=variant.steps)["seconds"]
    return worker.ask("pass", ONCE, inputs=given)["seconds"]


def finished(
    bench: Bench, one: Piece, name: str, frames: int, worker: Session, facts: dict[str, Any], done: Rounds
) -> Row:
    variant, anchor = bench.known[name], plan.ANCHORS[one.work]
    key = Key(one.work, name, frames, one.threads)
    both = [(taken[name], taken[anchor]) for taken in done.taken if name in taken and anchor in taken]
    note, mine, theirs = variant.note, [a for a, _ in both], [b for _, b in both]
    if not both:
        mine, note = [facts["first"]], "; ".join(filter(None, (note, "too slow to repeat: the first pass")))
        theirs = [taken[anchor] for taken in done.taken[:1]]
    more = {key: value for key, value in facts.items() if key != "first"}
    more |= {"family": variant.family, "steps": variant.steps, "versions": worker.versions}
    more |= {"note": note, "final": one.final, "code": code() if variant.family == "f5lite" else ""}
    more["taken"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return rows.timed(key, mine, theirs, **more)


def give_up(bench: Bench, one: Piece, name: str, frames: tuple[int, ...], why: str) -> None:
    """A variant without figures becomes rows with the reason."""
    bench.say(f"  {name}: unavailable: {why}")
    if name in one.variants:
        for each in frames:
            key = Key(one.work, name, each, one.threads)
            if not bench.store.has(key):
                family = bench.known[name].family
                bench.store.keep(
                    replace(Row(one.work, name, each, one.threads, family=family), unavailable=why)
                )


def parts(bench: Bench, one: Piece, alive: dict[str, Session], names: list[str], frames: int) -> None:
    """For those of the grid: what of a pass is products, attention, the rest. Kept beside the rows."""
    if one.work != "pass":
        return
    for name in names:
        if bench.known[name].family != "f5lite":
            continue
        with contextlib.suppress(Failed):
            said = alive[name].ask("parts", ONCE, inputs=str(bench.given(frames)))
            key = Key("pass", name, frames, one.threads)
            kept = {
                "variant": name,
                "frames": frames,
                "threads": one.threads,
                **{k: said[k] for k in ("parts", "operators")},
            }
            folder = bench.out / "parts"
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / key.file_name, json.dumps(kept, indent=1))


class Rounds:
    """The rounds of one piece at one length, kept after each."""

    def __init__(self, folder: Path, one: Piece, frames: int, names: list[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps([one.work, one.threads, frames, sorted(names)])
        self.path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
        self.taken: list[dict[str, float]] = []
        with contextlib.suppress(OSError, ValueError):
            self.taken = json.loads(self.path.read_text(encoding="utf-8"))

    def add(self, taken: dict[str, float]) -> None:
        self.taken.append(taken)
        write_atomically(self.path, json.dumps(self.taken))

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
