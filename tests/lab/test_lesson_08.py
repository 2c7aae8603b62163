"""What lesson 08 shows of a ladder: pictures with their tables, claims, guesses; whatever is missing."""

from __future__ import annotations

import pytest

from f5lite.evidence.claims import CLAIMS
from f5lite.evidence.ladder.result import Row
from f5lite.evidence.ladder.rungs import BY_KEY, RUNGS
from f5lite.evidence.ladder.sound import Heard
from f5lite.lab.lessons import ladder_shown, lesson_08
from f5lite.lab.predictions import predict
from f5lite.lab.session import CURRENT
from tests.evidence.ladder.made import ladder, row
from tests.evidence.made import ledger

GONE = Row(BY_KEY["upstream"], "unavailable", "is not available here: no network")
SOME = ladder(
    row("upstream", seconds=95.0, rss=1450.0),
    row("streamed", seconds=9.0, rss=120.0, heard=Heard(26.4, 25.0, 27.0, 500)),
)
NOTHING = ladder(*(Row(rung, "failed", "was killed by SIGKILL") for rung in RUNGS))
EVERY = {"some": SOME, "without upstream": ladder(GONE), "nothing": NOTHING}


@pytest.mark.parametrize("found", EVERY.values(), ids=list(EVERY))
def test_everything_shows_itself_whatever_is_missing(found):
    for show in (
        ladder_shown.whole_table,
        ladder_shown.notes,
        ladder_shown.memory_picture,
        ladder_shown.time_picture,
        ladder_shown.caps,
        ladder_shown.trade,
    ):
        shown = show(found)
        assert "<table" in shown.html() and shown.plain()
    before, after, _ = lesson_08.memories(found)
    guess = predict("08/test", "How many percent?", default=70, unit="%")
    said = lesson_08.compared(guess, before, after, "The peak").plain()
    assert ("no network" in said) == (found.row("upstream").why == GONE.why)


def test_the_trade_names_what_was_heard_and_fills_what_nothing_beats():
    picture = ladder_shown.trade(SOME)
    names = [name for name, _, _ in picture.data["points"]]
    assert "streamed: 26 %" in names and "upstream" in names
    filled = {cells[0] for cells in picture.table.rows if cells[-1] == "yes"}
    assert filled == {"streamed"}


def test_the_caps_are_a_column_each():
    table = ladder_shown.caps(SOME).table
    assert table.columns == ("rung", "512 MB", "360 MB", "256 MB", "128 MB")
    assert {cell for cells in table.rows for cell in cells[1:]} == {"finished"}


def test_every_claim_is_listed_with_its_verdict(tmp_path):
    table = ladder_shown.claims(SOME, ledger(tmp_path / "l.json")).table
    assert [cells[0] for cells in table.rows] == [claim.words for claim in CLAIMS.values()]
    words = {cells[0]: cells[2] for cells in table.rows}
    assert words[CLAIMS["all-memory"].words] == "does not hold", "the made-up rung needs 500 MB"
    assert words[CLAIMS["pruning"].words] == "can't tell"


def test_guesses_stand_beside_their_results(tmp_path, monkeypatch):
    kept = ledger(tmp_path / "l.json")
    monkeypatch.setattr(CURRENT, "_ledger", kept)
    guess = predict("08/memory", "How much less?", default=70, unit="%")
    guess.guess(50)
    lesson_08.compared(guess, *lesson_08.memories(SOME)[:2], "The peak")
    kept.predict("04/monitor", 5, question="What does it cost?", unit="%", typed=False)
    rows = ladder_shown.guesses().table.rows
    assert rows[0][1:] == ("What does it cost?", "5 % (left as it was)", "see the lesson", "–")
    assert rows[1][1:] == ("How much less?", "50 %", "66 %", "16 points")


def test_a_guess_keeps_its_result_until_it_changes(tmp_path, monkeypatch):
    kept = ledger(tmp_path / "l.json")
    monkeypatch.setattr(CURRENT, "_ledger", kept)
    guess = predict("08/again", "How much less?", default=70, unit="%")
    guess.keep(66.0)
    guess.keep()
    assert kept.prediction("08/again").details["result"] == 66
    guess.guess(50)
    assert "result" not in kept.prediction("08/again").details


def test_what_is_looked_at_is_said():
    assert "last run of `f5lite ladder`" in lesson_08.which(SOME).plain()
    small = ladder(published=False)
    assert "`f5lite ladder` in a terminal climbs the whole one" in lesson_08.which(small).plain()
