"""All results that ship about the bundled voice: `python -m recipes.voice.results [NAME…] [--workers 2] [--out FOLDER]`.

Whoever bundles another model measures them anew, and `evaluate`'s table. Renderings and what was heard are kept on the shelf
of `f5lite quality`: stopped and run again it goes on. Each worker speaks every n-th sentence in a process of one thread,
which makes more of a small machine than threads that wait for each other. A result is written when it is whole.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from f5lite.evidence.quality import OWN
from f5lite.evidence.quality.instruments import Instruments
from f5lite.evidence.quality.rendering import Job, Shelf
from f5lite.evidence.quality.run import compare, jobs_of, measure, shelf_folder
from f5lite.evidence.quality.sentences import bundled_sentences
from f5lite.evidence.quality.shipped import FOLDER
from f5lite.evidence.quality.systems import system
from f5lite.files import write_atomically
from recipes.voice import machine

VOICES = ("kumo", "tebukuro", "gongitsune", "alpha", "nezumi")
PLAIN = {"precision": "fp32", "steps": 7, "guidance": 1.0}
INT8 = {"engine": "fused", "activation_bits": 8, "tokens": "a scale and a zero point each"}


@dataclass(frozen=True)
class Wanted:
    """A result that ships: B against A. `settings`, `baseline`: what B and A are, as `shipped.measured` looks for them."""

    b: str
    sentences: int
    settings: dict[str, Any]
    a: str = "tiny@fp32,7"
    baseline: dict[str, Any] = field(default_factory=lambda: dict(PLAIN))
    voices: tuple[str, ...] = VOICES
    seeds: tuple[int, ...] | str = (0, 1, 2)
    spread: bool = True
    margins: dict[str, float] | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def jobs(self) -> list[Job]:
        return jobs_of(bundled_sentences(self.sentences), self.voices, self.seeds, self.spread)


NOISE = {"seeds": OWN, "margins": {"wer": 3.0}}  # a seed of its own for every rendering
RESULTS = {
    "32-steps-against-7": Wanted("tiny@fp32,32", 200, PLAIN | {"steps": 32}),
    "int8-against-fp32-7-steps": Wanted(
        "tiny@int8,7,engine=fused", 500, PLAIN | {"precision": "int8"}, more=INT8
    ),
    "int8-32-steps-against-7": Wanted(
        "tiny@int8,32,engine=fused", 200, PLAIN | {"precision": "int8", "steps": 32}, more=INT8
    ),
    "other-seeds-against-7-steps": Wanted(
        "tiny@fp32,7,seeds=1000000", 500, PLAIN | {"seeds": 1_000_000}, **NOISE
    ),
    "5-steps-against-7": Wanted("tiny@fp32,5", 200, PLAIN | {"steps": 5}),
    "unguided-against-7-steps": Wanted("tiny@fp32,7,guidance=0", 200, PLAIN | {"guidance": 0.0}),
    "guided-at-first-against-7-steps": Wanted(
        "tiny@fp32,7,guided_until=0.05", 200, PLAIN | {"guided_until": 0.05}
    ),
    "coarse4-against-7-steps": Wanted("tiny:steps=7,coarse=4", 100, PLAIN | {"coarse": 4}, **NOISE),
    "guidance-1-against-2": Wanted(
        "tiny@fp32,7,guidance=1", 60, PLAIN, a="tiny@fp32,7,guidance=2", baseline=PLAIN | {"guidance": 2.0}
    ),
    "guidance-1-against-7-steps": Wanted(
        "tiny:steps=7,guidance=1.0",
        40,
        {"steps": 7, "guidance": 1.0},
        a="tiny:steps=7,guidance=2.0",
        baseline={"steps": 7, "guidance": 2.0},
        voices=VOICES[:1],
        seeds=(0,),
        spread=False,
    ),
    "speed-0.9": Wanted(
        "tiny@fp32,7,guidance=1,speed=0.9", 60, PLAIN | {"speed": 0.9}, a="tiny@fp32,7,guidance=1"
    ),
}


def speak_part(wanted: dict[str, Wanted], part: int, parts: int, shelf: Shelf, tools: Instruments) -> None:
    """Every `parts`-th rendering of each result, and what is heard in it, onto the shelf."""
    for name, one in wanted.items():
        jobs = one.jobs[part::parts]
        measure(system(one.a), system(one.b), jobs, shelf, tools)
        print(f"part {part + 1} of {parts}: {name}, {len(jobs)} pairs", flush=True)


def write(wanted: dict[str, Wanted], out: Path, shelf: Path, tools: Instruments) -> None:
    """Figures, intervals and verdicts of what lies on the shelf; what is missing there is spoken."""
    for name, one in wanted.items():
        texts = bundled_sentences(one.sentences)
        result, _ = compare(
            system(one.a),
            system(one.b),
            texts,
            one.voices,
            one.seeds,
            spread=one.spread,
            margins=one.margins,
            folder=shelf,
            instruments=tools,
        )
        result.about.update({"baseline": one.baseline, "settings": one.settings, **one.more})
        write_atomically(out / f"{name}.json", result.to_json())
        print(f"\n{name}\n{result.table()}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(RESULTS)}")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the results go")
    parser.add_argument("--shelf", type=Path, default=shelf_folder(), help="where renderings are kept")
    parser.add_argument("--part", type=int, nargs=2, metavar=("K", "N"), help="speak this part alone")
    o = parser.parse_args()
    if unknown := set(o.names) - set(RESULTS):
        parser.error(f"no result {min(unknown)!r}; there are {', '.join(RESULTS)}")
    wanted = {name: RESULTS[name] for name in o.names or RESULTS}
    machine.alone()
    if o.part:
        speak_part(wanted, *o.part, Shelf(o.shelf), Instruments(1))
        return
    machine.in_parts("recipes.voice.results", [*o.names, "--shelf", str(o.shelf)], o.workers)
    write(wanted, o.out, o.shelf, Instruments(1))


if __name__ == "__main__":
    main()
