"""Speak a corpus with the teacher: `python -m recipes.voice.corpus OUT --shards 20 [--seed 0] [--text FILE]`.

A shard is 128 utterances, about four minutes of speech, and depends on seed, number and --clearest alone: shards that are there
are left alone, so the command can be stopped and run again, or in several processes with seeds of their own.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

from recipes.voice import shards
from recipes.voice.grammar import sentence
from recipes.voice.teacher import Speaker, Teacher, phonemes

SHARD, CLEAREST = 128, "jm_kumo"
SHARES = (0.0, 0.25, 0.5)


def drawn(
    rng: random.Random, styles: list[str], texts: list[str] | None, clearest: float = 0.35
) -> list[tuple[str, Speaker]]:
    """What is said by whom in one shard: a share in the clearest style, the rest over all styles and their mixtures."""
    chosen = []
    for _ in range(SHARD):
        text = rng.choice(texts) if texts and rng.random() < 0.5 else sentence(rng)
        if rng.random() < clearest:
            who = (CLEAREST, CLEAREST, 0.0)
        else:
            who = (rng.choice(styles), rng.choice(styles), rng.choice(SHARES))
        chosen.append((text, who))
    return chosen


def make(
    folder: Path,
    teacher: Teacher,
    seed: int,
    count: int,
    texts: list[str] | None = None,
    clearest: float = 0.35,
) -> int:
    """Make the missing ones of `count` shards; returns how many were made."""
    folder.mkdir(parents=True, exist_ok=True)
    made, begin = 0, time.monotonic()
    for number in range(count):
        name = f"{seed:02d}{number:04d}"
        if (folder / f"{name}.json").is_file():
            continue
        chosen = drawn(random.Random(f"corpus {seed} {number}"), teacher.styles, texts, clearest)
        spoken = phonemes([text for text, _ in chosen])
        said = [(text, who, teacher.speak(ipa, who)) for (text, who), ipa in zip(chosen, spoken, strict=True)]
        shards.write(folder, name, said)
        made += 1
        seconds = sum(len(wave) for _, _, wave in said) / shards.RATE
        left = (count - number - 1) * (time.monotonic() - begin) / made
        print(f"{name}: {seconds:.0f} s of speech; about {left / 60:.0f} min left", flush=True)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--shards", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--text", type=Path, help="sentences of your own, one a line: half of the corpus")
    parser.add_argument("--clearest", type=float, default=0.35, help="share of the clearest style (0.35)")
    parser.add_argument("--threads", type=int, default=2)
    o = parser.parse_args()
    texts = o.text.read_text(encoding="utf-8").lower().splitlines() if o.text else None
    make(o.out, Teacher(o.threads), o.seed, o.shards, texts, o.clearest)


if __name__ == "__main__":
    main()
