"""The corpus: what is said, by whom, how it lies on disk, and what a second run does."""

from __future__ import annotations

import random

import numpy as np
import pytest

from f5lite.errors import F5liteError
from recipes.voice import corpus, grammar, shards

from . import made


@pytest.fixture
def spoken(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "phonemes", lambda texts: texts)
    monkeypatch.setattr(corpus, "SHARD", 6)
    return tmp_path / "corpus"


def test_what_was_said_comes_back_sample_by_sample(spoken):
    corpus.make(spoken, made.Teacher(), seed=0, count=2)
    said = list(shards.read([spoken]))
    assert len(said) == 12
    for one in said:
        assert (
            np.array_equal(one.wave, made.beeps(one.text))
            or np.abs(one.wave.astype(int) - made.beeps(one.text)).max() <= 1
        )


def test_a_second_run_makes_only_what_is_missing_and_makes_it_the_same(spoken):
    assert corpus.make(spoken, made.Teacher(), seed=0, count=3) == 3
    before = {path.name: path.read_bytes() for path in spoken.iterdir()}
    (spoken / "000001.json").unlink()
    teacher = made.Teacher()
    assert corpus.make(spoken, teacher, seed=0, count=3) == 1 and teacher.spoken == 6
    assert {path.name: path.read_bytes() for path in spoken.iterdir()} == before


def test_a_damaged_shard_is_named(spoken):
    corpus.make(spoken, made.Teacher(), seed=0, count=1)
    listed = spoken / "000000.json"
    listed.write_text(listed.read_text().replace('"samples": [', '"samples": [1, '))
    with pytest.raises(F5liteError, match="000000.flac"):
        list(shards.read([spoken]))
    with pytest.raises(F5liteError, match="no shards"):
        list(shards.read([spoken / "nowhere"]))


def test_one_voice_has_one_name():
    assert shards.voice_of(["a", "b", 0.0]) == shards.voice_of(["a", "a", 0.5]) == ("a", "a", 0.0)
    assert shards.voice_of(["a", "b", 0.5]) == ("a", "b", 0.5)


def test_held_out_sentences_were_never_trained_on():
    rng = random.Random(0)
    trained = {grammar.sentence(rng) for _ in range(1000)}
    held_out = grammar.held_out(200, trained, seed=1)
    assert len(set(held_out)) == 200 and not set(held_out) & trained
    assert held_out == grammar.held_out(200, trained, seed=1)


def test_the_split_is_the_same_every_time_and_leaves_nothing_in_both():
    said = [shards.Said(str(i), ("a", "a", 0.0), np.zeros(1, np.int16)) for i in range(50)]
    kept, out = shards.split(said, 10)
    assert len(kept) == 40 and len(out) == 10 and not {s.text for s in kept} & {s.text for s in out}
    assert [s.text for s in shards.split(said, 10)[1]] == [s.text for s in out]


def test_the_clearest_styles_share_is_what_was_asked():
    styles = [corpus.CLEAREST, "jf_alpha", "jf_nezumi"]

    def share(clearest: float) -> float:
        said = [
            who for seed in range(8) for _, who in corpus.drawn(random.Random(seed), styles, None, clearest)
        ]
        return sum(who == (corpus.CLEAREST, corpus.CLEAREST, 0.0) for who in said) / len(said)

    assert share(1.0) == 1.0
    assert share(0.0) < 0.1 < share(0.35) < 0.5
