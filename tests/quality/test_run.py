"""Rendering, keeping, stopping, going on, judging: with made-up speakers."""

from __future__ import annotations

import json

import pytest

from f5lite.errors import F5liteError
from f5lite.evidence.quality.rendering import Job, Shelf
from f5lite.evidence.quality.result import Result
from f5lite.evidence.quality.run import compare, jobs_of, summarise

from .made import TEXTS, Listener, Speaker, made_system


def both(speaker_a=None, speaker_b=None):
    return made_system("A", speaker_a), made_system("B", speaker_b, bits=4)


def test_two_runs_give_the_same_figures_and_the_second_speaks_nothing(tmp_path):
    first = compare(*both(), TEXTS, folder=tmp_path / "one", instruments=Listener())[0]
    again = compare(*both(), TEXTS, folder=tmp_path / "two", instruments=Listener())[0]
    assert first.to_dict() == again.to_dict()
    a, b = Speaker(), Speaker()
    kept = compare(*both(a, b), TEXTS, folder=tmp_path / "one", instruments=Listener())[0]
    assert kept.to_dict() == first.to_dict()
    assert a.calls == b.calls == 0


def test_stopped_and_resumed_is_the_same_as_never_stopped(tmp_path):
    whole = compare(*both(), TEXTS, seeds=[0, 1], folder=tmp_path / "whole", instruments=Listener())[0]
    speaker = Speaker(stop_at=17)
    with pytest.raises(KeyboardInterrupt):
        compare(*both(speaker), TEXTS, seeds=[0, 1], folder=tmp_path / "cut", instruments=Listener())
    rest = Speaker()
    resumed = compare(*both(rest), TEXTS, seeds=[0, 1], folder=tmp_path / "cut", instruments=Listener())[0]
    assert resumed.to_dict() == whole.to_dict()
    assert rest.calls == 2 * len(TEXTS) - 16


def test_a_rendering_is_kept_by_what_made_it(tmp_path):
    shelf, job = Shelf(tmp_path), Job(TEXTS[0], "kumo", 0)
    keys = {
        shelf.key(made_system("A"), job),
        shelf.key(made_system("A", bits=4), job),
        shelf.key(made_system("A", seeds=5), job),
        shelf.key(made_system("A"), Job(TEXTS[1], "kumo", 0)),
        shelf.key(made_system("A"), Job(TEXTS[0], "alpha", 0)),
        shelf.key(made_system("A"), Job(TEXTS[0], "kumo", 1)),
    }
    assert len(keys) == 6
    assert shelf.key(made_system("another name"), job) == shelf.key(made_system("A"), job)
    assert shelf.key(made_system("A", seeds=1), job) == shelf.key(made_system("A"), Job(TEXTS[0], "kumo", 1))


def test_the_worse_one_is_found_and_the_same_one_is_not(tmp_path):
    loud, quiet = made_system("loud", Speaker(noise=0.2), bits=2), made_system("quiet")
    found = compare(quiet, loud, TEXTS, folder=tmp_path, instruments=Listener(worse="loud"))[0]
    assert found.figure("wer").status == "worse"
    same = compare(quiet, made_system("again"), TEXTS, folder=tmp_path, instruments=Listener())[0]
    assert same.figure("wer").change.half == 0 and same.figure("wer").status == "no worse"
    assert same.figure("spectral").change.value == 0


def test_other_seeds_have_no_distance_frame_by_frame(tmp_path):
    result = compare(
        made_system("A"), made_system("B", seeds=9), TEXTS, folder=tmp_path, instruments=Listener()
    )[0]
    assert {figure.metric for figure in result.figures} == {"wer", "similarity", "opinion"}


def test_sentences_are_the_unit_not_renderings(tmp_path):
    result, rows = compare(
        *both(), TEXTS[:6], ["kumo", "alpha"], [0, 1, 2], folder=tmp_path, instruments=Listener()
    )
    assert len(rows) == 36 and result.figure("wer").change.count == 6


def test_progress_counts_up_and_estimates_only_after_the_first(tmp_path):
    seen = []
    listener = Listener()
    compare(*both(), TEXTS[:5], folder=tmp_path, instruments=listener, progress=lambda *now: seen.append(now))
    assert [now[0] for now in seen] == [0, 1, 2, 3, 4, 5] and {now[1] for now in seen} == {5}
    assert seen[0][2] is None and all(now[2] >= 0 for now in seen[1:])


def test_margins_can_be_changed_on_kept_rows(tmp_path):
    _, rows = compare(*both(), TEXTS, folder=tmp_path, instruments=Listener())
    wide = next(f for f in summarise(rows, {"wer": 99.0}) if f.metric == "wer")
    assert wide.status == "no worse" and "99" in wide.verdict


def test_a_result_survives_json(tmp_path):
    result, _ = compare(*both(), TEXTS, folder=tmp_path, instruments=Listener(missing={"opinion": "pip …"}))
    back = Result.from_dict(json.loads(result.to_json()))
    assert back == result
    assert "pip …" in result.table() and "B − A" in result.table()


@pytest.mark.parametrize(
    ("texts", "voices", "seeds", "message"),
    [
        (TEXTS, ["nobody"], [0], "no voice 'nobody'"),
        (TEXTS, [], [0], "at least one voice"),
        (TEXTS, ["kumo"], [1, 1], "only once"),
        (["你好"], ["kumo"], [0], "no word"),
    ],
)
def test_what_is_refused(texts, voices, seeds, message):
    with pytest.raises(F5liteError, match=message):
        jobs_of(texts, voices, seeds)


def test_spread_says_each_sentence_once_with_voices_and_seeds_in_turn(tmp_path):
    jobs = jobs_of([f"word {letter}" for letter in "abcdefg"], ["kumo", "alpha"], [0, 1, 2], spread=True)
    assert [(job.voice, job.seed) for job in jobs] == [
        *(("kumo", 0), ("alpha", 0), ("kumo", 1), ("alpha", 1), ("kumo", 2), ("alpha", 2)),
        ("kumo", 0),
    ]
    result, _ = compare(
        *both(), TEXTS, ["kumo", "alpha"], folder=tmp_path, instruments=Listener(), spread=True
    )
    assert "spread over 2 voices × 1 seeds" in result.table()


@pytest.mark.parametrize("spread", [True, False])
def test_a_seed_of_its_own_for_every_rendering(tmp_path, spread):
    voices = ["kumo", "alpha"]
    jobs = jobs_of(TEXTS, voices, "own", spread)
    assert [job.seed for job in jobs] == list(range(len(TEXTS) * (1 if spread else 2)))
    assert {job.voice for job in jobs} == set(voices[: len(jobs)])
    how = {"folder": tmp_path, "instruments": Listener(), "spread": spread}
    result, rows = compare(made_system("A"), made_system("B", seeds=1000), TEXTS, voices, "own", **how)
    assert "each with a seed of its own" in result.table() and result.seeds == []
    assert [row["job"] for row in rows] == jobs
    assert Result.from_dict(json.loads(result.to_json())) == result
    with pytest.raises(F5liteError, match=f"give seeds={len(jobs)} or more"):
        compare(made_system("A"), made_system("B", seeds=1), TEXTS, voices, "own", **how)
    compare(made_system("A"), made_system("B"), TEXTS, voices, "own", **how)


def test_a_half_written_rendering_does_not_count(tmp_path, monkeypatch):
    import soundfile

    shelf, job = Shelf(tmp_path), Job(TEXTS[0], "kumo", 0)
    monkeypatch.setattr(
        soundfile, "write", lambda path, *rest, **more: (open(path, "wb").write(b"half"), 1 / 0)
    )
    with pytest.raises(ZeroDivisionError):
        shelf.render(made_system("A"), job)
    assert not shelf.has(shelf.key(made_system("A"), job)) and not list(tmp_path.rglob("*.flac"))
