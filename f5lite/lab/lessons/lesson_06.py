"""The measurements and pictures of lesson 06, "Int8: speed and sound". Layers, sound and texts are in `int8_*` beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import f5lite
from f5lite import machine
from f5lite.evidence import int8_speed, shelf
from f5lite.evidence.int8_speed import Lap, Pass, Turn, alternate, one_block, race
from f5lite.evidence.measurement import Measurement
from f5lite.evidence.shelf import Board, board
from f5lite.lab.charts import bars
from f5lite.lab.figure import Figure, Table
from f5lite.lab.lessons import int8_exercises, int8_texts
from f5lite.lab.lessons.int8_layers import (
    SENTENCE,
    Trained,
    felt_figures,
    sensitivities,
    sensitivity_picture,
    sparing_picture,
)
from f5lite.lab.lessons.int8_sound import about_quality, quality_table, said, tiny, wer_difference
from f5lite.lab.listing import Listing
from f5lite.lab.numbers import number
from f5lite.machine import quick
from f5lite.model.config import V1_BASE
from f5lite.shrink.int8 import auto, sensitivity
from f5lite.shrink.int8.engines import ENGINES, FUSED

# What the lesson uses besides what is written here.
__all__ = [
    "SENTENCE",
    "Pass",
    "Trained",
    "about_quality",
    "alternate",
    "board",
    "felt_figures",
    "int8_exercises",
    "int8_texts",
    "one_block",
    "quality_table",
    "race",
    "said",
    "sensitivities",
    "sensitivity_picture",
    "sparing_picture",
    "tiny",
    "wer_difference",
]

FRAMES, QUICK_FRAMES = 512, 128


def frames() -> int:
    """Frames of the passes that are timed here."""
    return QUICK_FRAMES if quick() else FRAMES


def repeats() -> int:
    return 3 if quick() else 5


def pairs() -> int:
    """Pairs of whole passes; each takes seconds."""
    return 2 if quick() else 5


# ---- where the time goes


def lap(laps: list[Lap], name: str, label: str) -> Measurement:
    """One way's times of a block, ms; repeats that took turns with the others'."""
    one = next(each for each in laps if each.name == name)
    return Measurement.of(label, [1000 * s for s in one.seconds], "ms", interleaved=not one.hopeless)


def profiles(calls: dict[str, Callable[[], Any]]) -> tuple[Listing, dict[str, dict[str, float]]]:
    """Milliseconds by kind of work, a column for each call."""
    found = {name: int8_speed.profile(call, 2 if quick() else 3) for name, call in calls.items()}
    kinds = [kind for kind, _ in int8_speed.KINDS] + [int8_speed.REST, int8_speed.OUTSIDE]
    rows = [
        (kind, *(number(found[name].get(kind, 0.0), 2) for name in found))
        for kind in kinds
        if any(kind in one for one in found.values())
    ]
    rows.append(("all together", *(number(sum(one.values()), 2) for one in found.values())))
    table = Table.of(("work", *(f"{name} (ms)" for name in found)), rows)
    return Listing("Where the time of one block goes", table), found


def grown(before: dict[str, float], after: dict[str, float]) -> tuple[Measurement, ...]:
    """What "06/where" takes, ms of a block: how much longer conversions take, how much longer products, and the whole before."""
    conversions = (
        "copies and conversions",
        int8_speed.REST,
    )  # the latter: multiplying weights by their scales
    more = {kind: after.get(kind, 0.0) - before.get(kind, 0.0) for kind in {*before, *after}}
    figures = {
        "conversions": sum(more.get(kind, 0.0) for kind in conversions),
        "products_grown": more.get("products", 0.0),
        "whole": sum(before.values()),
    }
    return tuple(Measurement.of(name, value, "ms") for name, value in figures.items())


# ---- engines


def candidates() -> list[str]:
    """Engines that can run here, by name."""
    names = [name for name, each in ENGINES.items() if each.problem() is None]
    return names + ([FUSED] if auto.usable(V1_BASE.dit) is not None else [])


def refused() -> dict[str, str]:
    """Engines that can't, and why."""
    found = {name: why for name, each in ENGINES.items() if (why := each.problem()) is not None}
    if auto.usable(V1_BASE.dit) is None:
        cure = "run f5lite engines --compile (seconds, once), then this cell again"
        package = (
            'needs a C++ compiler, e.g. python -m pip install "f5lite[compiler]"; then run this cell again'
        )
        found[FUSED] = f"not compiled yet: {cure}" if machine.card().compiler else package
    return found


def taken() -> Listing:
    """What "auto" takes for v1 Base on this machine, and why: measured at its first use, then kept."""
    found = auto.choice(V1_BASE.dit)
    return Listing("What auto takes here", Table.of(("engine", "because"), [(found.name, found.why)]))


def race_picture(laps: list[Lap]) -> Figure:
    """Milliseconds of a block by engine; in the table the error, and who can't run here and why."""
    out = [each.name for each in laps if each.hopeless]
    took = f"{', '.join(out)} took over {int8_speed.HOPELESS:.0f} times as long as fp32: see the table."
    picture = bars(
        {each.name: [1000 * s for s in each.seconds] for each in laps if not each.hopeless},
        title="One block, by engine",
        unit="ms",
        note=took if out else "",
    )
    rows = [
        (
            each.name,
            number(each.milliseconds),
            f"{100 * each.error:.2f}",
            "called once" if each.hopeless else "",
        )
        for each in laps
    ]
    rows += [(name, "–", "–", why) for name, why in refused().items()]
    return replace(
        picture, table=Table.of(("engine", "median (ms)", "error of the answer (%)", "note"), rows)
    )


def best(laps: list[Lap]) -> str:
    """The fastest engine. fp32 and the naive way aren't any."""
    return min(
        (lap for lap in laps if lap.name not in ("fp32", "naive")), key=lambda lap: lap.milliseconds
    ).name


def pass_figures(turns: dict[str, list[Turn]]) -> dict[str, Measurement]:
    """What two ways took, for the claims: times in s, CPU seconds, and joules where they can be read."""
    found = {}
    for name in turns:
        found[f"{name}_pass"] = [turn.seconds for turn in turns[name]]
        found[f"{name}_cpu"] = [turn.cpu_seconds for turn in turns[name]]
    made = {name: Measurement.of(name, values, "s", interleaved=True) for name, values in found.items()}
    for name in turns:
        joules = [turn.joules for turn in turns[name]]
        made[f"{name}_energy"] = (
            Measurement.none(f"{name}_energy", "no energy counter can be read here", "J")
            if None in joules
            else Measurement.of(f"{name}_energy", joules, "J", interleaved=True)
        )
    return made


# ---- the shelf


def levels() -> list[shelf.Level]:
    """The processors that this machine can play; in quick mode its own alone, since each takes a process of seconds."""
    there = shelf.levels(machine.card().instruction_sets)
    return there[:1] if quick() else there


def shelf_picture(boards: list[Board]) -> Figure | Listing:
    """Times faster than fp32 at each level: the best integer engine, and bf16. fp32 isn't lowered."""
    if not any(one.seconds for one in boards):
        table = Table.of(
            ("processor", "found"), [(machine.card().processor, "nothing below it can be played")]
        )
        return Listing("A shelf of processors", table)
    values, rows = {}, []
    for one in boards:
        for name in sorted(one.seconds, key=one.faster, reverse=True):
            ms = number(1000 * sorted(one.seconds[name])[len(one.seconds[name]) // 2])
            label = "fp32 (MKL, not lowered)" if name == shelf.FP32 else name
            rows.append((one.level, label, ms, number(one.faster(name), 2)))
        rows += [(one.level, name, "–", why) for name, why in one.missing.items()]
        if one.int8:
            values[f"{one.level}: int8"] = one.faster(one.int8)
        if "bf16" in one.seconds:
            values[f"{one.level}: bf16"] = one.faster("bf16")
    columns = ("processor", "engine", "ms", "times as fast as fp32")
    if not values:
        return Listing("One product: no engine but fp32's", Table.of(columns, rows))
    picture = bars(
        values,
        title="One product, times as fast as fp32",
        unit="×",
        mark=("fp32, not lowered", 1),
        colours={name: "blue" if name.endswith("int8") else "gold" for name in values},
        note="Levels are this machine's own and those below. MKL's fp32 asks the processor itself, so it stays as it is. "
        f"{FUSED} isn't there: it is compiled for the processor that it runs on.",
    )
    return replace(picture, table=Table.of(columns, rows))


def paying(boards: list[Board]) -> tuple[Measurement, Measurement]:
    """At how many levels int8 is faster than fp32 by more than a tenth, of how many."""
    pays = sum(one.int8 is not None and one.faster(one.int8) > 1.1 for one in boards)
    return Measurement.count("paying", pays, "levels"), Measurement.count("levels", len(boards), "levels")


def bits(name: str) -> int:
    """The largest integer that an engine gives a token here; 127 for those that don't use integers."""
    product = auto.usable(V1_BASE.dit) if name == FUSED else getattr(ENGINES.get(name), "product", None)
    return product.largest if product is not None else sensitivity.LARGEST


def small_voice(name: str) -> Any:
    """The bundled voice, converted, computing with an engine."""
    return f5lite.load(tiny(), engine=name)
