"""What a run leaves: latest.json, a Markdown table, a picture; and whether two runs agree."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import measure, picture, plan, roofline, table
from benchmarks.plan import ANCHORS
from benchmarks.rows import Row, Store
from benchmarks.session import ROOT
from benchmarks.variants import STATED
from f5lite import machine
from f5lite.files import write_atomically
from f5lite.model import anatomy
from f5lite.model.config import ModelConfig

LATEST = ROOT / "benchmarks" / "latest.json"
PUBLISHED = ROOT / "docs"


def limits(place: Path, threads: Sequence[int], bench: measure.Bench) -> bool:
    """Measure what the machine can do at most, once a thread count; true when there was no time for it."""
    for count in threads:
        path = place / f"roofline-{count}.json"
        if path.is_file():
            continue
        try:
            bench.stop_if_late(60)
            bench.say(f"what the machine can do at most, {count} threads")
            found = roofline.measure(count)
        except measure.OutOfTime:
            return True
        except (subprocess.SubprocessError, ValueError) as problem:
            bench.say(f"  not measured: {problem}")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(found))
    return False


def load_json(paths: Sequence[Path]) -> list[Any]:
    found = []
    for path in paths:
        try:
            found.append(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            continue
    return found


def load_previous(place: Path) -> list[Row]:
    return Store(place / "previous").rows()


def stated(frames: int = 512) -> list[Row]:
    """The article's own figures, as it states them."""
    return [
        Row("stated", name, frames, 1, seconds, peak_rss_mb=megabytes, family="article",
            note="stated by the article; its device, text and steps aren't said")
        for name, seconds, megabytes in STATED
    ]  # fmt: skip


def collected(place: Path, store: Store, config: ModelConfig, note: str) -> dict[str, Any]:
    """Everything that was measured, as one object."""
    found = [*store.rows(), *stated()]
    ceilings = {str(each["threads"]): each for each in load_json(sorted(place.glob("roofline-*.json")))}
    lengths = sorted({row.frames for row in found})
    parts = anatomy.weights(config)
    return {
        "machine": machine.card().to_dict(),
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "model": f"{config.name}, {config.dit.depth} blocks, seeded weights",
        "note": note,
        "code": measure.code(),
        "operations": {str(frames): operations(config, frames) for frames in lengths},
        "pass_weights": anatomy.total(parts, "acoustic") - anatomy.total(parts, "acoustic", "AdaLN and time"),
        "rows": [row.to_dict() for row in found],
        "roofline": ceilings,
        "parts": load_json(sorted((place / "parts").glob("*.json"))),
    }


def operations(config: ModelConfig, frames: int) -> int:
    return anatomy.total(anatomy.operations(config, frames, steps=1), "acoustic")


def write(place: Path, store: Store, config: ModelConfig, note: str) -> list[Path]:
    """latest.json, the table and the picture; returns what was written."""
    place.mkdir(parents=True, exist_ok=True)
    whole = collected(place, store, config, note)
    files = [LATEST if place.is_relative_to(ROOT) else place / "latest.json"]
    write_atomically(files[0], json.dumps(whole, indent=1) + "\n")
    if not any(row.median_s for row in store.rows()):
        return files
    drawing = picture.svg(whole)
    files += [place / "table.md", place / "benchmarks.svg"]
    write_atomically(files[1], table.markdown(whole, load_previous(place)))
    write_atomically(files[2], drawing)
    return files


def publish(place: Path) -> list[Path]:
    """Copy the table and the picture to where README and docs show them."""
    copied = []
    for name, target in (("table.md", "benchmark-results.md"), ("benchmarks.svg", "images/benchmarks.svg")):
        if (place / name).is_file():
            write_atomically(PUBLISHED / target, (place / name).read_bytes())
            copied.append(PUBLISHED / target)
    return copied


def agreement(now: Sequence[Row], before: Sequence[Row]) -> list[tuple[Row, Row, bool]]:
    """Rows with a ratio in both runs, and whether the two spans of their rounds overlap. Pure."""
    earlier = {row.key: row for row in before}
    found = []
    for row in now:
        other = earlier.get(row.key)
        if other is None or not row.ratio or not other.ratio or row.variant in ANCHORS.values():
            continue
        (_, low, high), (_, low_before, high_before) = row.ratio, other.ratio
        found.append((row, other, low <= high_before and low_before <= high))
    return found


def summary(rows: Sequence[Row], before: Sequence[Row] = ()) -> str:
    """The questions that the benchmark is there to answer, in a few lines. Pure."""
    passes = [row for row in rows if row.work == "pass" and row.frames == 512]
    threads = max((row.threads for row in passes), default=1)
    passes = [row for row in passes if row.threads == threads]
    lines = [
        *fastest(passes),
        *smallest(passes),
        *utterances([row for row in rows if row.work == "utterance"]),
    ]
    both = agreement(rows, before)
    if both:
        apart = [row.variant for row, _, same in both if not same]
        lines.append(
            f"Run twice: {len(both) - len(apart)} of {len(both)} ratios agree within their spreads"
            + (f"; apart: {', '.join(apart)}" if apart else "")
        )
    return "\n".join(lines) or "nothing is measured yet"


def split(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    measured = [row for row in rows if row.median_s is not None]
    return [row for row in measured if row.family == "f5lite"], [
        row for row in measured if row.family != "f5lite"
    ]


def fastest(rows: Sequence[Row]) -> list[str]:
    """Our fastest against the fastest peer: by the rounds that both were in, else by their spans over fp32."""
    mine, theirs = plan.leaders(rows, 1)
    if not mine or not theirs:
        return []
    (ours,), (peer,) = mine, theirs
    if ours.final and peer.final:
        gains = [p / o for o, p in zip(ours.seconds, peer.seconds, strict=False)]
        low, high = min(gains), max(gains)
        how = f"{low:.2f} to {high:.2f} times its speed in {len(gains)} rounds side by side"
    else:
        low, high = ours.ratio[1] / peer.ratio[2], ours.ratio[2] / peer.ratio[1]
        how = f"{low:.2f} to {high:.2f} times its speed, measured apart"
    verdict = "faster than" if low > 1 else "NOT faster than" if high < 1 else "not told apart from"
    return [
        f"One pass: {ours.variant} {ours.median_s:.2f} s, {verdict} the fastest peer, {peer.variant} {peer.median_s:.2f} s "
        f"({how})"
    ]


def smallest(rows: Sequence[Row]) -> list[str]:
    mine, theirs = ([row for row in each if row.peak_rss_mb is not None] for each in split(rows))
    if not mine or not theirs:
        return []
    ours, peer = (min(each, key=lambda row: row.peak_rss_mb or 0) for each in (mine, theirs))
    verdict = "smaller than" if (ours.peak_rss_mb or 0) < (peer.peak_rss_mb or 0) else "NOT smaller than"
    return [
        f"Memory: {ours.variant} {ours.peak_rss_mb:.0f} MB, {verdict} the smallest peer, {peer.variant} {peer.peak_rss_mb:.0f} MB"
    ]


def utterances(rows: Sequence[Row]) -> list[str]:
    base = next((row for row in rows if row.family == "upstream" and row.median_s), None)
    if base is None:
        return []
    return [f"Utterance: {row.variant} {base.median_s / row.median_s:.1f} × faster than {base.variant}"
            for row in rows if row.median_s and row is not base]  # fmt: skip
