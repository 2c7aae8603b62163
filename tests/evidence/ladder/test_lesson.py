"""What a lesson shows of the ladder, and what of it goes into the ledger."""

from __future__ import annotations

from dataclasses import replace

import pytest

from f5lite import machine
from f5lite.evidence.claims import CLAIMS
from f5lite.evidence.ladder import gather, jobs, lesson, run, rungs
from f5lite.evidence.ladder import subject as subjects
from f5lite.evidence.ladder.jobs import Settings
from f5lite.evidence.ladder.result import Row
from f5lite.evidence.ladder.rungs import BY_KEY
from f5lite.evidence.ladder.store import Store
from f5lite.evidence.verdict import judge_ledger
from f5lite.model.config import V1_BASE
from tests.evidence.ladder import made
from tests.evidence.made import ledger, runs

RECORDED = ("title", "heat", "baseline", "int8-memory", "all-time", "experience")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder for stores, with made-up measurements; no model is written."""
    monkeypatch.delenv("F5LITE_QUICK", raising=False)
    monkeypatch.setenv("F5LITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(run, "carry_out", made.Climber())
    monkeypatch.setattr(lesson, "subject", lambda: subjects.seeded(V1_BASE, 512))
    return tmp_path / "kept"


def climb_whole(place, repeats: int) -> None:
    whole = subjects.seeded(V1_BASE, 512)
    run.climb(whole, Settings(repeats=repeats), Store.of(whole, place=place))


def test_without_a_full_climb_a_short_one_is_made_and_says_so(place):
    found = lesson.climb(place=place)
    assert found.complete and found.model["blocks"] == 4 and "short climb" in found.model["note"]
    assert [row.status for row in found.rows] == ["measured"] * len(rungs.RUNGS)
    assert set(found.row("attention").survives) == {360} and found.row("int8").survives == {}


def test_a_full_climb_is_shown_instead_and_one_of_too_few_turns_is_not(place):
    climb_whole(place, repeats=2)
    assert lesson.climb(place=place).model["blocks"] == 4
    climb_whole(place, repeats=3)
    found = lesson.climb(place=place)
    assert found.model["published"] and found.model["note"] == "" and found.complete
    assert len(found.row("fp32").seconds) == 3 and found.when


def test_another_machines_full_climb_is_not_shown(place, monkeypatch):
    climb_whole(place, repeats=3)
    card = replace(machine.card(), processor="another one")
    monkeypatch.setattr(machine, "card", lambda *_: card)
    assert lesson.climb(place=place).model["blocks"] == 4


def test_a_finished_short_climb_is_measured_anew_and_a_stopped_one_goes_on(place, monkeypatch):
    first, second, third = made.Climber(stop_at=10), made.Climber(), made.Climber()
    for climber in (first, second, third):
        monkeypatch.setattr(run, "carry_out", climber)
        if climber is first:
            with pytest.raises(KeyboardInterrupt):
                lesson.climb(place=place)
        else:
            lesson.climb(place=place)
    assert len(first.seen) + len(second.seen) == len(third.seen)


def test_quick_mode_climbs_three_rungs(place, monkeypatch):
    climb_whole(place, repeats=3)
    monkeypatch.setenv("F5LITE_QUICK", "1")
    found = lesson.climb(place=place)
    assert [row.rung.key for row in found.rows] == ["upstream", "attention", "streamed"]
    assert all(len(row.seconds) == 1 for row in found.rows)


def test_a_short_climb_never_stands_before_a_full_measurement(tmp_path):
    kept = ledger(tmp_path / "l.json")
    kept.record("int8-memory", runs("fp32_peak", 1400, 1), runs("int8_peak", 250, 1), quick=False)
    lesson.record(made.ladder(published=False), kept, RECORDED)
    assert judge_ledger(CLAIMS["int8-memory"], kept).outcome == "exceeded"
    lesson.record(made.ladder(), kept, RECORDED)
    assert judge_ledger(CLAIMS["int8-memory"], kept).outcome != "exceeded", (
        "a full ladder is as good, and newer"
    )


def test_a_missing_figure_is_recorded_only_where_nothing_else_measures_the_claim(tmp_path):
    kept = ledger(tmp_path / "l.json")
    kept.record("int8-memory", runs("fp32_peak", 1400, 1), runs("int8_peak", 250, 1))
    why = "is not available here: no network"
    gone = made.ladder(Row(BY_KEY["upstream"], "unavailable", why, file_mb=1348.5))
    lesson.record(gone, kept, ("title", "baseline"))
    said = judge_ledger(CLAIMS["title"], kept)
    assert said.outcome == "can't tell" and "no network" in said.sentence
    figures = kept.latest("baseline").figures
    assert set(figures) == {"weights"}, "upstream's file is there, its times and peaks aren't"
    lesson.record(replace(gone, rows=()), kept, ("int8-memory", "experience"))
    assert judge_ledger(CLAIMS["int8-memory"], kept).outcome == "exceeded"
    assert all(figure.missing for figure in kept.latest("experience").figures.values())


def test_what_nothing_beats():
    points = {
        "upstream": (100.0, 1400.0),
        "int8": (60.0, 400.0),
        "seven-steps": (10.0, 300.0),
        "streamed": (11.0, 120.0),
    }
    rows = tuple(made.row(key, seconds=s, rss=rss) for key, (s, rss) in points.items())
    some = replace(made.ladder(), rows=(*rows, Row(BY_KEY["fp32"], "failed", "was killed")))
    assert [row.rung.key for row in lesson.unbeaten(some)] == ["seven-steps", "streamed"]


def test_a_job_s_key_names_all_that_decides_it():
    other = Settings(engine="torch", passes=3)
    keys = {
        jobs.turn(BY_KEY["int8"], 0, one, frames).key for one in (Settings(), other) for frames in (64, 512)
    }
    assert len(keys) == 4
    assert gather.LEAST_TURNS >= 3
