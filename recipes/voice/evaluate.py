"""The table of the card: `python -m recipes.voice.evaluate MODEL [--trained corpus] [--sentences 200] [--write]`.

MODEL is "tiny" or a bundle folder. Renderings and what was heard are kept in --folder: stopped and run again it goes on.
Word errors on held-out sentences in all reference voices at 32 and 7 steps, the teacher's beside them, text outside the
grammar, voices against voices, the vocoder against Griffin-Lim. What can't be measured here says why.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from f5lite.errors import F5liteError
from f5lite.evidence.quality.bootstrap import Interval, Sums, interval
from f5lite.evidence.quality.instruments import Instruments
from f5lite.evidence.quality.rendering import Job, Shelf
from f5lite.evidence.quality.sentences import bundled_sentences, read
from f5lite.evidence.quality.systems import System, system
from f5lite.files import write_atomically
from f5lite.model import library
from f5lite.model.library import bundled_voices
from recipes.voice import card, machine
from recipes.voice.sound import vocoders
from recipes.voice.teaching import teacher_system

OPEN = Path(__file__).parent / "open.txt"


def spread(texts: Sequence[str], voices: Sequence[str]) -> list[Job]:
    """Sentence i in voice i mod n, with a seed of its own: sentences that share their noise fail together."""
    return [Job(text, voices[i % len(voices)], i) for i, text in enumerate(texts)]


def listened(one: System, jobs: Sequence[Job], shelf: Shelf, tools: Instruments, what: str) -> list[dict]:
    """Speak and listen; figures and embedding of each."""
    rows = []
    for done, job in enumerate(jobs):
        key = shelf.render(one, job)
        rows.append({**tools.one(shelf, key, job.text, job.voice), "voice": job.voice})
        print(f"\r{what}: {done + 1} of {len(jobs)}  ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return rows


def word_errors(rows: Sequence[dict]) -> Interval:
    """Percent."""
    return interval(Sums.of([(row["wrong"], row["words"]) for row in rows]), 100)


def alike(rows: Sequence[dict], tools: Instruments) -> dict[str, dict[str, float]]:
    """Cloned voice → reference voice → mean cosine over the cloned utterances."""
    import numpy as np

    references = tools.references
    matrix = {}
    for voice in references:
        own = [np.array(row["embedding"]) for row in rows if row["voice"] == voice]
        if own:
            matrix[voice] = {
                name: float(np.mean([vector @ other for vector in own])) for name, other in references.items()
            }
    return matrix


def own_guidance(model: str) -> float:
    return library.find(model).config.guidance


def speak_part(
    model: str,
    part: int,
    parts: int,
    *,
    sentences: Sequence[str],
    steps: Sequence[int],
    shelf: Shelf,
    tools: Instruments,
    open_texts: Sequence[str] = (),
    guidance: float | None = None,
) -> None:
    """Every `parts`-th rendering of the model that `table` asks for, onto the shelf; the teacher's are left to it."""
    voices, guidance = list(bundled_voices()), own_guidance(model) if guidance is None else guidance
    for count, texts in [*((count, sentences) for count in steps), (steps[-1], open_texts)]:
        one = system(f"{model}:steps={count},guidance={guidance}")
        listened(one, spread(texts, voices)[part::parts], shelf, tools, f"part {part + 1}, {count} steps")


def table(
    model: str,
    *,
    sentences: Sequence[str],
    steps: Sequence[int],
    shelf: Shelf,
    tools: Instruments,
    trained: Sequence[str] = (),
    open_texts: Sequence[str] = (),
    utterances: int = 100,
    guidance: float | None = None,
    teacher: Callable[[], System] = teacher_system,
) -> dict:
    """Everything, as data. `missing`: what wasn't measured, and why."""
    voices = list(bundled_voices())
    guidance = own_guidance(model) if guidance is None else guidance
    found: dict = {"model": model, "voices": voices, "guidance": guidance, "errors": {}, "missing": {}}
    heard: dict[int, list[dict]] = {}
    for count in steps:
        one = system(f"{model}:steps={count},guidance={guidance}")
        heard[count] = listened(one, spread(sentences, voices), shelf, tools, f"{count} steps")
        found["errors"][f"held-out sentences, {count} steps"] = vars(word_errors(heard[count]))
    try:
        taught = listened(teacher(), spread(sentences, voices), shelf, tools, "teacher")
        found["errors"]["the teacher, the same sentences"] = vars(word_errors(taught))
    except F5liteError as problem:
        found["missing"]["the teacher's word error rate"] = str(problem)
    if open_texts:
        one = system(f"{model}:steps={steps[-1]},guidance={guidance}")
        rows = listened(one, spread(open_texts, voices), shelf, tools, "open text")
        found["errors"][f"text outside the grammar, {steps[-1]} steps"] = vars(word_errors(rows))
    if "similarity" in tools.missing:
        found["missing"]["similarity"] = tools.missing["similarity"]
    else:
        found["similarity"] = alike(heard[steps[-1]], tools)
    found["vocoder"] = vocoders(model, trained, utterances, tools)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", default="tiny")
    parser.add_argument("--trained", nargs="*", default=[], metavar="CORPUS", help="for held-out recordings")
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--open", type=int, default=20, help="sentences outside the grammar")
    parser.add_argument("--utterances", type=int, default=100, help="held-out recordings for the vocoder")
    parser.add_argument("--steps", type=int, nargs="+", default=[32, 7])
    parser.add_argument("--guidance", type=float, help="default: the model's own")
    parser.add_argument("--folder", type=Path, default=Path("work/evaluation"))
    parser.add_argument("--write", type=Path, metavar="CARD.md", help="put the table into this card")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--workers", type=int, default=0, help="processes of one thread that speak first")
    parser.add_argument("--part", type=int, nargs=2, metavar=("K", "N"), help="speak this part alone")
    o = parser.parse_args()
    single = bool(o.workers or o.part)
    if single:
        machine.alone()
    machine.threads(1 if single else o.threads)
    o.folder.mkdir(parents=True, exist_ok=True)
    what = {
        "sentences": bundled_sentences(o.sentences),
        "steps": o.steps,
        "shelf": Shelf(o.folder),
        "tools": Instruments(1 if single else o.threads),
        "open_texts": read(OPEN)[: o.open],
        "guidance": o.guidance,
    }
    if o.part:
        speak_part(o.model, *o.part, **what)
        return
    if o.workers:
        machine.in_parts("recipes.voice.evaluate", sys.argv[1:], o.workers)
    found = table(o.model, trained=o.trained, utterances=o.utterances, **what)
    write_atomically(o.folder / "table.json", json.dumps(found, indent=1))
    print(card.markdown(found))
    if o.write:
        card.put(o.write, found)


if __name__ == "__main__":
    main()
