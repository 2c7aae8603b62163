"""Claim `heat`: sustained passes, the original against the article's last rung; clock, temperature, power, and slowing down.

    python -m benchmarks.heat [--minutes 5] [--rest 1] [--blocks 22] [--frames 512] [--record] [--json FILE]

Shape: F5TTS_v1_Base with seeded weights. Each way runs in a process of its own, with a rest before it. --record puts what
was found into your ledger. Sensors that the system doesn't show are named with the reason.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from f5lite.evidence import heat, workload
from f5lite.evidence.heat import Sustained
from f5lite.evidence.measurement import Measurement
from f5lite.evidence.wording import figure
from f5lite.machine import cache_folder, card
from f5lite.memory import meter
from f5lite.model.config import V1_BASE

ENOUGH = 300  # seconds: what the claim asks for


def int8(source: Path) -> Path:
    """The same model with 8-bit weights, made once."""
    from f5lite.model.library import find
    from f5lite.shrink.int8.convert import convert

    target = cache_folder() / "heat" / source.name
    if not (target / "config.json").is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        convert(find(source), target, keep_modulation=True)
    return target


def measure(blocks: int, frames: int, seconds: float, rest: float) -> dict[str, Sustained]:
    """Both ways, one after the other: fp32 with plain attention, int8 with the fastest attention."""
    original = workload.prepare(V1_BASE.with_blocks(blocks))
    ways = {
        "fp32, plain attention": (original, "math"),
        "int8, fastest attention": (int8(original), "auto"),
    }
    found = {}
    for name, (folder, attention) in ways.items():
        print(f"resting {rest:.0f} s, then {name} for {seconds:.0f} s", file=sys.stderr)
        time.sleep(rest)
        found[name] = meter.measure(heat.sustain, (str(folder), frames, seconds, attention)).result
    return found


def lines(name: str, found: Sustained) -> list[str]:
    """What is printed about one way."""
    early, late = found.early, found.late
    said = [
        f"{name}: {len(found.passes)} passes in {found.seconds:.0f} s",
        f"  a pass: {figure(early.median, 's')} in the first fifth, {figure(late.median, 's')} in the last",
    ]
    for label, value in (
        ("clock", found.clock()),
        ("temperature", found.warming()),
        ("power", found.power()),
    ):
        shown = f"not readable: {value.missing}" if value.missing else figure(value.median, value.unit)
        change = "change of the " if label != "power" else ""
        said.append(f"  {change}{label}: {shown}")
    return said


def record(original: Sustained, article: Sustained) -> None:
    """Put power and warming into the ledger, if both ran long enough."""
    from f5lite.evidence.ledger import Ledger

    figures: list[Measurement] = [
        original.power("upstream_power"),
        article.power("article_rung_power"),
        original.warming("upstream_warming"),
        article.warming("article_rung_warming"),
    ]
    Ledger().record("heat", *figures, note="five sustained minutes of passes, fp32 against int8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rest", type=float, default=1.0, help="minutes before each")
    parser.add_argument("--blocks", type=int, default=22)
    parser.add_argument("--frames", type=int, default=512)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--json")
    options = parser.parse_args()
    seconds = 60 * options.minutes
    found = measure(options.blocks, options.frames, seconds, 60 * options.rest)
    print(card())
    for name, way in found.items():
        print("\n".join(lines(name, way)))
    if seconds < ENOUGH:
        print(f"Short: the claim asks for {ENOUGH} s of each; nothing is recorded.")
    elif options.record:
        record(*found.values())
    if options.json:
        from f5lite.files import write_atomically

        plain = {
            name: {"seconds": way.seconds, "passes": way.passes, "looks": way.looks, "joules": way.joules}
            for name, way in found.items()
        }
        write_atomically(options.json, json.dumps({"machine": card().to_dict(), "ways": plain}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
