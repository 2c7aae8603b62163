"""Verdicts from made-up results, as a table."""

from __future__ import annotations

import pytest

from f5lite.evidence.claims import CLAIMS
from f5lite.evidence.ladder import judging
from f5lite.evidence.ladder.result import Row
from f5lite.evidence.ladder.rungs import BY_KEY, CAPS
from f5lite.evidence.quality.bootstrap import Interval
from f5lite.evidence.quality.result import Figure
from tests.evidence.ladder.made import ladder, row
from tests.evidence.made import ledger, runs

UP = row("upstream", seconds=[100.0, 101.0, 99.0], rss=[1450.0, 1452.0, 1451.0], loading_rss=(2700.0,) * 3)


def verdict(claim: str, *rows: Row, kept=None, difference=None, **more):
    found = judging.verdicts(ladder(*rows, **more), kept, difference)
    assert [one.claim for one in found] == list(CLAIMS)
    return next(one for one in found if one.claim == claim)


def heard(value: float, low: float, high: float) -> Figure:
    return Figure("wer", Interval(value, low, high, 500))


@pytest.mark.parametrize(
    ("claim", "rows", "outcome", "says"),
    [
        ("all-time", [UP, row("attention", seconds=[30.0, 30.3, 29.7])], "holds", "fell by 70 %"),
        ("all-time", [UP, row("attention", seconds=[20.0, 20.2, 19.8])], "exceeded", "fell by 80 %"),
        ("all-time", [UP, row("attention", seconds=[60.0, 60.6, 59.4])], "does not hold", "short of the 68 %"),
        ("all-time", [UP, row("attention", seconds=[120.0, 121.0, 119.0])], "does not hold", "rose by 20 %"),
        ("all-time", [UP, row("attention", seconds=[25.0, 32.0, 45.0])], "can't tell", "spread covers"),
        ("all-memory", [UP, row("attention", rss=[400.0, 401.0, 402.0])], "holds", "fell by 72 %"),
        ("all-memory", [UP, row("attention", rss=[900.0, 901.0, 902.0])], "does not hold", "fell by 38 %"),
        # The rung's own loading counts, upstream's higher loading peak doesn't.
        ("all-memory", [UP, row("attention", rss=400.0, loading_rss=(800.0,) * 3)], "does not hold", "fell by 45 %"),
        ("title", [UP, row("attention", rss=500.0, average=(190.0,) * 3)], "does not hold", "The average fell by 5 %"),
        ("baseline", [UP], "does not hold", "more than 5 % above the 1,200 MB"),
        ("heat", [], "can't tell", "no power meter"),
        ("heat", [row("upstream", watts=(30.0,) * 3), row("attention", watts=(20.0,) * 3)], "holds", "power drawn fell"),
        ("int8-time", [row("on-demand", passes=3.0), row("int8", passes=1.5)], "exceeded", "fell by 50 %"),
        ("int8-time", [row("on-demand", passes=3.0), row("int8", passes=4.0)], "does not hold", "rose by 33 %"),
        ("int8-battery", [row("on-demand", cpu=(9.0,) * 3), row("int8", cpu=(5.0,) * 3)], "holds", "stands in"),
        ("experience", [row("attention", seconds=2.0)], "holds", "0.733 s/s"),
        ("experience", [row("attention", seconds=60.0)], "does not hold", "22 s/s"),
        (
            "experience",
            [row("attention", seconds=2.0, survives=dict.fromkeys(CAPS, False))],
            "does not hold",
            "Runs killed under the cap: 1",
        ),
        ("experience", [row("attention", seconds=2.0, survives={}, cap_kind="no caps on this system")], "can't tell", "no caps"),
        ("all-time", [Row(BY_KEY["upstream"], "unavailable", "is not available here: no network")], "can't tell",
         "upstream is not available here: no network"),
        ("all-time", [UP, Row(BY_KEY["attention"], "failed", "was killed by SIGKILL")], "can't tell",
         "+ attention was killed by SIGKILL"),
        ("pruning", [], "can't tell", "Not measured yet. Lesson 10 is about it."),
    ],
)  # fmt: skip
def test_verdicts(claim, rows, outcome, says):
    found = verdict(claim, *rows)
    assert (found.outcome, says in found.text) == (outcome, True), found.text


@pytest.mark.parametrize(
    ("difference", "outcome"),
    [(None, "can't tell"), (heard(0.2, -0.5, 0.8), "holds"), (heard(3, 2, 4), "does not hold"), (heard(0, -3, 3), "can't tell")],
)  # fmt: skip
def test_the_sound_of_int8_comes_from_the_bundled_voice(difference, outcome, monkeypatch):
    monkeypatch.setattr("f5lite.evidence.ladder.sound.shipped.measured", lambda *_: None)
    found = verdict("int8-sound", difference=difference)
    assert found.outcome == outcome
    assert difference is None or "bundled voice" in found.text


def test_the_ledger_answers_what_the_ladder_does_not_measure(tmp_path):
    kept = ledger(tmp_path / "l.json")
    kept.record(
        "on-demand", runs("resident_average", 1400, 3), runs("on_demand_average", 300, 3), shape="a shape"
    )
    found = verdict("on-demand", kept=kept)
    assert found.outcome == "holds" and "shape a shape" in found.text
    assert "Lesson 07" in verdict("long-text", kept=kept).text


def test_the_ladders_own_figures_go_before_the_ledgers(tmp_path):
    kept = ledger(tmp_path / "l.json")
    kept.record("int8-memory", runs("fp32_peak", 1000, 1), runs("int8_peak", 990, 1))
    mine = (row("on-demand", rss=1000.0), row("int8", rss=300.0))
    assert verdict("int8-memory", *mine, kept=kept).outcome == "exceeded"
    missing = Row(BY_KEY["int8"], "failed", "was killed")
    assert verdict("int8-memory", missing, kept=kept).outcome == "does not hold", "then the ledger's"


def test_a_smaller_shape_says_nothing_of_the_articles_own_figures():
    found = verdict("baseline", UP, published=False)
    assert found.outcome == "can't tell" and "needs the published shape" in found.text
    assert "4 blocks" in verdict("all-time", UP, published=False).text


def test_every_outcome_of_the_aims():
    theirs = row("upstream", seconds=100.0, rss=1000.0)
    for seconds, rss, sets, outcomes in (
        (7.0, 190.0, ["AVX2"], ["holds", "holds"]),
        (7.0, 100.0, ["AMX_INT8"], ["does not hold", "exceeded"]),
        (9.0, 300.0, ["AVX2"], ["does not hold", "does not hold"]),
    ):
        aims = judging.aims(ladder(theirs, row("streamed", seconds=seconds, rss=rss), instruction_sets=sets))
        found = {aim.id: aim for aim in aims}
        assert [found[id].verdict.outcome for id in ("last-time", "last-memory")] == outcomes
        assert ("94 %" in found["last-time"].words) == ("AMX_INT8" in sets)
    gone = judging.aims(ladder(Row(BY_KEY["upstream"], "unavailable", "is not available here: x")))
    assert {aim.verdict.outcome for aim in gone} == {"can't tell"}
