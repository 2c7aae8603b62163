"""The command itself on one block and 64 frames: rows, going on after a stop, and a peer that can't be had. No network."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from benchmarks import __main__ as command
from benchmarks import environments, measure, plan, report, variants
from benchmarks.rows import Key, Row, Store, wrong
from benchmarks.variants import FP32, Variant
from tests.benchmarks import made

INT8 = Variant(
    "f5lite int8, reference", "f5lite", "benchmarks.peers.ours", {"precision": "int8", "engine": "reference"}
)
MISSING = Variant(
    "somebody's int8",
    "peer",
    "benchmarks.peers.libraries",
    {"library": "nobody"},
    requirements=("nobody==1",),
)
CRASHES = Variant("one that fails", "peer", "benchmarks.peers.libraries", {"library": "nobody"})
OPTIONS = ["--blocks", "1", "--lengths", "64", "--threads", "1"]


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Runs the command with few variants into a folder of its own; returns the rows by variant."""
    everyone = [Variant(FP32, "f5lite", "benchmarks.peers.ours"), INT8, MISSING, CRASHES]
    monkeypatch.setattr(variants, "all_of", lambda blocks: everyone)

    def refuse(name, requirements):
        raise environments.NotInstalled("no network in tests")

    monkeypatch.setattr(environments, "build", refuse)
    monkeypatch.setattr(report, "limits", lambda *_: False)

    def run(*more: str) -> dict[str, Row]:
        assert command.main([*OPTIONS, "--out", str(tmp_path), *more]) == 0
        place = next(tmp_path.iterdir())
        whole = json.loads((place / "latest.json").read_text(encoding="utf-8"))
        assert whole["machine"]["cores"] and not [row for row in whole["rows"] if wrong(row)]
        found = [Row.from_dict(row) for row in whole["rows"] if row["work"] == "pass"]
        return {row.variant: row for row in found}

    run.out = tmp_path
    return run


@pytest.mark.slow
def test_a_run_gives_rows_goes_on_after_a_stop_and_repeats_nothing(bench, monkeypatch):
    calls, really = [], measure.timed

    def stopped(*arguments):
        if len(calls) == 4:
            raise KeyboardInterrupt
        calls.append(1)
        return really(*arguments)

    monkeypatch.setattr(measure, "timed", stopped)
    with pytest.raises(KeyboardInterrupt):
        bench()
    assert not list(bench.out.glob("*/rows/*fp32*")), "no row before its rounds are done"

    calls.clear()
    monkeypatch.setattr(measure, "timed", lambda *arguments: calls.append(1) or really(*arguments))
    rows = bench()
    assert len(calls) == 2 * (5 - 2), "the two rounds from before the stop are kept"

    for name in (FP32, INT8.name):
        row = rows[name]
        assert row.repeats == 5 and len(row.seconds) == 5
        assert min(row.seconds) <= row.median_s <= max(row.seconds)
        assert row.peak_rss_mb > 0 and row.peak_anonymous_mb > 0
    assert rows[FP32].ratio[0] == 1.0
    assert rows[FP32].relative_error is None
    assert 0 < rows[INT8.name].relative_error < 0.05
    assert rows[INT8.name].peak_rss_mb < rows[FP32].peak_rss_mb

    assert rows[MISSING.name].unavailable == "can't be installed: no network in tests"
    assert rows[MISSING.name].median_s is None
    assert "KeyError" in rows[CRASHES.name].unavailable

    calls.clear()
    assert bench() == rows, "a second call keeps what is there"
    assert not calls
    folder = next(bench.out.iterdir())
    assert "somebody's int8" in (folder / "table.md").read_text(encoding="utf-8")
    assert (folder / "benchmarks.svg").is_file()

    bench("--fresh", "--report")
    assert not list((folder / "rows").glob("*.json"))
    assert len(list((folder / "previous").glob("*.json"))) == len(rows)


def test_the_command_says_what_it_would_do_and_measures_nothing(bench, capsys, monkeypatch):
    monkeypatch.setattr(measure, "piece", lambda *_: pytest.fail("measured"))
    assert command.main([*OPTIONS, "--out", str(bench.out), "--list", "--only", "int8"]) == 0
    said = capsys.readouterr()
    assert "pass, 1 thread, 64 frames: f5lite int8, reference" in said.out
    assert FP32 not in said.out
    assert "0 of 2 rows are there" in said.err


def test_a_last_piece_that_is_stopped_loses_no_row(tmp_path, monkeypatch):
    store = Store(tmp_path / "rows")
    for row in made.rows():
        store.keep(row)
    before, last = store.rows(), plan.final(made.rows())
    bench = measure.Bench(tmp_path, tmp_path, {}, store, say=lambda words: None)
    estimate = plan.Estimate(before, {512: 4e11})

    def stopped(bench: measure.Bench, piece: plan.Piece) -> None:
        assert not any(store.has(Key("pass", name, 512, 2)) for name in piece.variants), (
            "they are measured anew"
        )
        store.keep(replace(made.row(piece.variants[0], 1.4, family="f5lite"), final=True))
        raise KeyboardInterrupt

    monkeypatch.setattr(measure, "piece", stopped)
    with pytest.raises(KeyboardInterrupt):
        command.side_by_side(bench, last, estimate)
    now = {row.variant: row for row in store.rows() if row.frames == 512}
    assert now.pop(last.variants[0]).final, "what was measured is kept"
    assert now == {row.variant: row for row in before if row.frames == 512 and row.variant in now}


def test_the_time_that_is_allowed_is_kept_to(bench, capsys, monkeypatch):
    monkeypatch.setattr(measure, "piece", lambda *_: pytest.fail("measured"))
    assert bench("--minutes", "-1") == {}
    assert "run it again to go on" in capsys.readouterr().err
