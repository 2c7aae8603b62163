"""The ledger keeps what it was given, and says what it can't."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from f5lite.errors import F5liteError
from f5lite.evidence import store
from f5lite.evidence.ledger import Ledger, default_path
from f5lite.evidence.measurement import Measurement
from tests.evidence.made import CARD, ledger, runs


def test_what_was_recorded_is_there_for_the_next_notebook(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ledger.json"
    entry = ledger(path).record(
        "int8-time", runs("a", 2, 0.1, "s"), model="tiny", shape="512 frames", quick=True
    )
    again = ledger(path).latest("int8-time")
    assert again == entry and again is not None
    assert again.quick and again.model == "tiny" and again.machine == CARD["fingerprint"]
    assert again.figures["a"].run == entry.id and "python" in again.versions
    plain = json.loads(path.read_text("utf-8"))
    assert plain["machines"][CARD["fingerprint"]]["processor"] == "made up"
    figure = plain["entries"][0]["figures"][0]
    assert figure["median"] == 2 and figure["spread"] == pytest.approx(0.1) and figure["repeats"] == 5


def test_quick_and_the_file_follow_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("F5LITE_LEDGER", str(tmp_path / "mine.json"))
    monkeypatch.setenv("F5LITE_QUICK", "1")
    assert Ledger(card=CARD).record("x", runs("a", 1)).quick
    assert (tmp_path / "mine.json").exists()
    monkeypatch.delenv("F5LITE_LEDGER")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert default_path().name == "ledger.json" and default_path().parent.name == "f5lite"


def test_the_machine_card_is_this_machines_by_default(tmp_path: Path) -> None:
    from f5lite import machine

    kept = Ledger(tmp_path / "l.json")
    kept.record("x", runs("a", 1))
    assert kept.machine == machine.card().fingerprint and kept.machine in kept.machines


def test_guesses_keep_whether_they_were_typed(tmp_path: Path) -> None:
    kept = ledger(tmp_path / "l.json")
    kept.predict("on-demand", 50, question="How much lower?", unit="%", typed=False)
    kept.predict("on-demand", 5, question="How much lower?", unit="%")
    kept.predict("on-demand", 50, question="How much lower?", unit="%", typed=False)
    guess = ledger(tmp_path / "l.json").prediction("on-demand")
    assert guess is not None and guess.details["value"] == 5 and guess.details["typed"]
    assert kept.prediction("else") is None and kept.latest("on-demand") is None


def test_what_json_can_not_hold_is_refused_before_anything_changes(tmp_path: Path) -> None:
    kept = ledger(tmp_path / "l.json")
    kept.predict("a", 1)
    before = (tmp_path / "l.json").read_bytes()
    for value in (float("nan"), object()):
        with pytest.raises((ValueError, TypeError)):
            kept.predict("b", value)
    with pytest.raises(ValueError, match="one name"):
        kept.record("c", runs("a", 1), runs("a", 2))
    with pytest.raises(ValueError, match="nothing to record"):
        kept.record("c")
    kept.save()
    assert (tmp_path / "l.json").read_bytes() == before


def test_two_open_notebooks_both_keep_their_entries(tmp_path: Path) -> None:
    one, two = ledger(tmp_path / "l.json"), ledger(tmp_path / "l.json")
    one.record("a", runs("x", 1))
    two.record("b", runs("x", 2))
    one.record("c", runs("x", 3))
    assert [entry.claim for entry in ledger(tmp_path / "l.json").entries()] == ["a", "b", "c"]
    assert len(two.entries()) == 2
    two.reload()
    assert len(two.entries()) == 3


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    def work(name: str) -> None:
        mine = ledger(tmp_path / "l.json")
        for _ in range(10):
            mine.record(name, runs("x", 1))

    threads = [threading.Thread(target=work, args=(f"claim-{k}",)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ledger(tmp_path / "l.json").entries()) == 40


def test_forgotten_stays_forgotten_even_where_another_notebook_still_holds_it(tmp_path: Path) -> None:
    one = ledger(tmp_path / "l.json")
    entry = one.record("a", runs("x", 1))
    two = ledger(tmp_path / "l.json")
    one.forget(entry)
    two.record("b", runs("x", 1))
    assert [e.claim for e in ledger(tmp_path / "l.json").entries()] == ["b"]


def test_away_and_back(tmp_path: Path) -> None:
    binder = ledger(tmp_path / "binder.json", fingerprint="binder")
    binder.record("a", runs("x", 1))
    home = ledger(tmp_path / "home.json")
    home.record("b", runs("x", 2))
    assert home.restore(binder.to_bytes()) == 1
    assert home.restore(binder.to_bytes()) == 0, "bringing it back twice adds nothing"
    again = ledger(tmp_path / "home.json")
    assert {entry.claim for entry in again.entries()} == {"a", "b"} and "binder" in again.machines


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x89PNG\r\n", "not a ledger"),
        (b'{"cells": []}', "not a ledger"),
        (b"[]", "not a ledger"),
        (b"", "damaged"),
        (b'{"format": "f5lite-ledger", "version": 1, "entries": [', "damaged"),
        (b'{"format": "f5lite-ledger", "version": 1, "entries": 5}', "damaged"),
        (b'{"format": "f5lite-ledger", "version": 99, "entries": []}', "version 99"),
    ],
)
def test_bringing_back_something_else_changes_nothing(tmp_path: Path, data: bytes, says: str) -> None:
    kept = ledger(tmp_path / "l.json")
    kept.record("a", runs("x", 1))
    before = (tmp_path / "l.json").read_bytes()
    with pytest.raises(F5liteError, match=says):
        kept.restore(data)
    assert (tmp_path / "l.json").read_bytes() == before and len(kept.entries()) == 1


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n", b"my notes", b'{"cells": []}', b'{"format": "f5lite-ledger", "version": 99}']
)
def test_a_foreign_or_newer_file_is_refused_and_left_alone(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "l.json"
    path.write_bytes(data)
    with pytest.raises(F5liteError, match="left as it is"):
        ledger(path)
    assert path.read_bytes() == data and not list(tmp_path.glob("*broken*"))


def test_a_file_that_turns_foreign_while_it_is_open_is_not_written_over(tmp_path: Path) -> None:
    kept = ledger(tmp_path / "l.json")
    (tmp_path / "l.json").write_text("somebody's notes")
    with pytest.raises(F5liteError, match="left as it is"):
        kept.record("a", runs("x", 1))
    assert (tmp_path / "l.json").read_text() == "somebody's notes"
    assert len(kept.entries()) == 1, "and the entry is still in memory"


def test_a_damaged_file_is_moved_aside_and_its_whole_lines_are_saved(tmp_path: Path) -> None:
    path = tmp_path / "l.json"
    kept = ledger(path)
    for name in ("a", "b", "c"):
        kept.record(name, runs("x", 1))
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b'"kind"')])
    again = ledger(path)
    assert [entry.claim for entry in again.entries()] == ["a", "b"]
    assert "l.json.broken-1" in again.notices[0] and "2 of its entries" in again.notices[0]
    assert (tmp_path / "l.json.broken-1").exists()
    again.record("d", runs("x", 1))
    path.write_bytes(b"\0" * 100)
    assert "l.json.broken-2" in ledger(path).notices[0], "an earlier one isn't overwritten"


def test_entries_of_a_later_version_stay_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "l.json"
    strange = {"id": "z", "kind": "dream", "claim": "a", "time": "2030", "machine": "m"}
    path.write_bytes(store.dump(store.Content({"z": strange})))
    kept = ledger(path)
    assert kept.entries() == []
    kept.record("b", runs("x", 1))
    assert strange in json.loads(path.read_text("utf-8"))["entries"]


def test_a_risky_cell_is_announced_and_its_end_is_written_down(tmp_path: Path) -> None:
    kept = ledger(tmp_path / "l.json")
    with kept.attempt("int8-memory", "load the full-size model"):
        during = ledger(tmp_path / "l.json").entries(kind="attempt")
        assert during[0].details["state"] == "started"
        assert ledger(tmp_path / "l.json").interrupted() == [], "it still runs"
    with pytest.raises(MemoryError), kept.attempt("int8-memory", "again"):
        raise MemoryError
    states = [entry.details["state"] for entry in ledger(tmp_path / "l.json").entries(kind="attempt")]
    assert sorted(states) == ["failed", "finished"]


def test_a_measurement_that_could_not_be_made_is_kept_with_its_reason(tmp_path: Path) -> None:
    ledger(tmp_path / "l.json").record("heat", Measurement.none("upstream_power", "no power meter"))
    entry = ledger(tmp_path / "l.json").latest("heat")
    assert entry is not None and entry.figures["upstream_power"].missing == "no power meter"
