"""Speak everything with both systems, listen, and judge. It can be stopped at any moment and goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from f5lite.errors import F5liteError
from f5lite.evidence.quality import OWN
from f5lite.evidence.quality.bootstrap import Sums, difference, interval
from f5lite.evidence.quality.instruments import Instruments
from f5lite.evidence.quality.metrics import BETWEEN, METRICS
from f5lite.evidence.quality.rendering import Job, Shelf
from f5lite.evidence.quality.result import Figure, Result
from f5lite.evidence.quality.systems import System
from f5lite.evidence.quality.verdict import judge
from f5lite.evidence.quality.words import normalised

Progress = Callable[[int, int, float | None], None]  # done, all, seconds left (None: not known yet)
Row = dict  # one sentence, voice and seed: the job, both keys, both figures, the pair's figures


def shelf_folder() -> Path:
    """Where renderings are kept when no folder is given."""
    from f5lite import machine

    return machine.cache_folder() / "quality"


def jobs_of(
    sentences: Iterable[str], voices: Sequence[str], seeds: Sequence[int] | str, spread: bool = False
) -> list[Job]:
    """Every sentence in every voice with every seed, sentence by sentence.

    spread: each sentence once, voices and seeds in turn. More sentences say more than the same one said again.
    seeds: `OWN` gives every rendering a seed of its own, 0, 1, 2 … Sentences that share a seed share its luck, which an
    interval over sentences knows nothing of; so two systems with different seeds are compared this way.
    """
    from f5lite.model.library import bundled_voices

    there = bundled_voices()
    for voice in voices:
        if voice not in there:
            raise F5liteError(f"no voice {voice!r}; bundled are {', '.join(there)}")
    own = seeds == OWN
    for name, values in (("voice", voices), ("seed", [0] if own else seeds)):
        if not values or len(set(values)) != len(values):
            raise F5liteError(f"give at least one {name}, and each only once; found {list(values)}")
    found = list(dict.fromkeys(sentences))
    for text in found:
        if not normalised(text):
            raise F5liteError(f"{text!r} has no word that the English recogniser could hear")
    if spread:
        said = [(text, voices[i % len(voices)], i // len(voices)) for i, text in enumerate(found)]
    else:
        turns = range(1 if own else len(seeds))
        said = [(text, voice, turn) for text in found for voice in voices for turn in turns]
    return [
        Job(text, voice, number if own else seeds[turn % len(seeds)])
        for number, (text, voice, turn) in enumerate(said)
    ]


def measure(
    a: System,
    b: System,
    jobs: Sequence[Job],
    shelf: Shelf,
    instruments: Instruments,
    progress: Progress | None = None,
) -> list[Row]:
    """Render and measure what isn't kept yet. The estimate is taken from what was new in this run."""
    rows, begin, new = [], time.monotonic(), 0
    fresh = sum(not (shelf.has(shelf.key(a, job)) and shelf.has(shelf.key(b, job))) for job in jobs)
    for done, job in enumerate(jobs):
        if progress:
            left = (fresh - new) * (time.monotonic() - begin) / new if new else (None if fresh else 0.0)
            progress(done, len(jobs), left)
        new += not (shelf.has(shelf.key(a, job)) and shelf.has(shelf.key(b, job)))
        keys = [shelf.render(system, job) for system in (a, b)]
        first, second = (instruments.one(shelf, key, job.text, job.voice) for key in keys)
        pair = instruments.pair(shelf, *keys) if a.seeds == b.seeds else {}
        rows.append({"job": job, "keys": keys, "a": first, "b": second, "pair": pair})
    if progress:
        progress(len(jobs), len(jobs), 0.0)
    return rows


def summarise(rows: Sequence[Row], margins: dict[str, float] | None = None) -> list[Figure]:
    """Figures, intervals and verdicts from the rows: pure, so a kept run can be judged again with other margins."""
    sentences = list(dict.fromkeys(row["job"].text for row in rows))
    margins, figures = margins or {}, []

    def sums(value: Callable[[Row], tuple[float, float] | None]) -> Sums | None:
        total = {text: [0.0, 0.0] for text in sentences}
        for row in rows:
            if (found := value(row)) is None:
                return None
            total[row["job"].text][0] += found[0]
            total[row["job"].text][1] += found[1]
        return Sums.of(list(total.values()))

    for name, metric in METRICS.items():
        if name in BETWEEN:
            own = sums(lambda row, name=name: (row["pair"][name], 1) if name in row["pair"] else None)
            if own is not None:
                figures.append(Figure(name, interval(own)))
            continue
        one, two = (sums(lambda row, side=side, name=name: _value(row[side], name)) for side in "ab")
        if one is None or two is None:
            continue
        scale = 100.0 if name == "wer" else 1.0
        change = difference(one, two, scale)
        verdict = judge(metric, change, margins.get(name))
        figures.append(
            Figure(name, change, interval(one, scale), interval(two, scale), verdict.status, verdict.text)
        )
    return figures


def _value(figures: dict, name: str) -> tuple[float, float] | None:
    if name == "wer":
        return figures["wrong"], figures["words"]
    return (figures[name], 1) if name in figures else None


def compare(
    a: System,
    b: System,
    sentences: Iterable[str],
    voices: Sequence[str] = ("kumo",),
    seeds: Sequence[int] | str = (0,),
    *,
    spread: bool = False,
    folder: Path | None = None,
    margins: dict[str, float] | None = None,
    instruments: Instruments | None = None,
    progress: Progress | None = None,
) -> tuple[Result, list[Row]]:
    """Both systems on the same sentences, voices and seeds (`jobs_of`). Returns the result and the rows for a report.

    Two runs with the same arguments on one machine give the same figures, stopped in between or not.
    """
    jobs, own = jobs_of(sentences, voices, seeds, spread), seeds == OWN
    if own and 0 < abs(a.seeds - b.seeds) < len(jobs):
        raise F5liteError(
            f"{len(jobs)} renderings with seeds of their own and seeds={abs(a.seeds - b.seeds)} between A and B: "
            f"some would be the same; give seeds={len(jobs)} or more"
        )
    instruments = instruments or Instruments()
    rows = measure(a, b, jobs, Shelf(folder or shelf_folder()), instruments, progress)
    result = Result(
        a=a.name,
        b=b.name,
        model=_model_name(a, b),
        figures=summarise(rows, margins),
        sentences=len({job.text for job in jobs}),
        voices=list(voices),
        seeds=[] if own else list(seeds),
        about={
            "recogniser": instruments.recogniser.name,
            "a": {"key": a.key, "speak": a.speak, "seeds": a.seeds},
            "b": {"key": b.key, "speak": b.speak, "seeds": b.seeds},
            "spread": spread,
            **({"own_seeds": True} if own else {}),
        },
        missing=instruments.missing,
    )
    return result, rows


def _model_name(a: System, b: System) -> str:
    def named(system: System) -> str:
        model = (system.identity.get("config") or {}).get("name", "custom")
        return f"{model} ({str(system.identity.get('weights', ''))[:8]})"

    return named(a) if named(a) == named(b) else f"{named(a)} and {named(b)}"
