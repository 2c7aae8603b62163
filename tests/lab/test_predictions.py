"""Predictions: typed or left at the default, kept in the ledger, scored only when typed."""

from __future__ import annotations

import pytest

from f5lite import lab
from f5lite.errors import F5liteError
from f5lite.evidence.measurement import Measurement
from f5lite.lab import callbacks


def ask(default: float = 50):
    return lab.predict("on-demand", "How much lower?", default=default, unit="%")


def test_a_default_is_kept_as_such_and_never_scored(own_session) -> None:
    guess = ask()
    guess.keep()
    entry = own_session.ledger.prediction("on-demand")
    assert entry.details["typed"] is False and entry.details["value"] == 50
    assert guess.score(50) is None and "default" in guess.plain()


def test_a_typed_guess_is_kept_observed_and_scored(own_session) -> None:
    guess, seen = ask(), []
    guess.observers.append(lambda one: seen.append(one.value))
    guess.guess(30)
    assert seen == [30] and guess.typed
    assert own_session.ledger.prediction("on-demand").details["typed"] is True
    assert guess.score(31).words == "Spot on." and guess.score(40).words.startswith("Close")
    assert guess.score(3).words.startswith("Not this time") and guess.score(3).apart == 27


def test_running_the_cell_again_keeps_the_guess() -> None:
    ask().guess(20)
    again = ask()
    assert again.value == 20 and again.typed


def test_the_same_guess_is_written_once(own_session) -> None:
    guess = ask()
    guess.keep()
    guess.keep()
    assert len(own_session.ledger.entries("on-demand", kind="prediction")) == 1


@pytest.mark.parametrize("value", [-1, 101, float("nan"), "much"])
def test_a_guess_that_cannot_be_is_refused_kindly(value) -> None:
    guess = ask()
    with pytest.raises(F5liteError, match="type a number from 0 to 100 %"):
        guess.guess(value)
    assert guess.value == 50 and not guess.typed


def test_a_default_outside_its_range_is_an_authors_mistake() -> None:
    with pytest.raises(ValueError, match="isn't within"):
        ask(default=200)


def test_the_card_follows_the_object_and_the_object_the_card() -> None:
    guess = ask()
    card = guess.view()
    card.event = {"name": "guess", "value": 42.0, "count": 1}
    assert guess.value == 42 and card.state["typed"] and "42 %" in card.state["said"]
    card.event = {"name": "guess", "value": 4200.0, "count": 2}
    assert guess.value == 42 and "outside" in card.state["error"]
    card.event = {"name": "guess", "value": 43.0, "count": 3}
    assert card.state["error"] == "" and guess.value == 43


def test_a_callback_that_fails_is_told_logged_and_counted(caplog) -> None:
    guess = ask()
    card = guess.view()
    guess.observers.append(lambda one: 1 / 0)
    card.event = {"name": "guess", "value": 42.0, "count": 1}
    assert "ZeroDivisionError" in card.state["error"] and "a callback failed" in caplog.text
    failed = callbacks.FAILURES.pop()  # taken out here: any failure that stays fails the test
    assert isinstance(failed, ZeroDivisionError) and not callbacks.FAILURES


def repeats(name: str, *values: float, unit: str = "MB") -> Measurement:
    return Measurement.of(name, values, unit)


def test_compare_shows_guess_and_result_in_the_guess_terms() -> None:
    before, after = repeats("kept", 100, 101, 99, 100, 100), repeats("released", 75, 76, 74, 75, 75)
    guess = ask()
    guess.guess(50)
    shown = lab.compare(guess, before, after, names=("kept", "released"), title="Peak")
    assert shown.data["actual"] == pytest.approx(25) and shown.data["direction"] == "lower"
    assert "You guessed" in shown.html() and "25 %" in shown.html() and shown.score.apart == pytest.approx(25)

    factor = lab.predict("factor", "How many times faster?", default=2, unit="×", low=0, high=10)
    assert lab.compare(factor, [4.0, 4.0], [2.0, 2.0], unit="s").actual == 2
    size = lab.predict("size", "How large?", default=2, unit="MB", low=0, high=1000)
    untyped = lab.compare(size, before, after)
    assert untyped.actual == 75 and untyped.score is None and "The default guess" in untyped.html()


def test_compare_reads_a_metric_from_objects_and_dicts() -> None:
    class Measured:
        peak_rss_mb = 40.0

    shown = lab.compare(ask(), [{"peak_rss_mb": 80.0}] * 3, Measured(), metric="peak_rss_mb")
    assert shown.actual == 50 and shown.figure.data["unit"] == "MB" and shown.figure.title == "Peak RSS"
    with pytest.raises(TypeError, match="expected a number or something with 'peak_rss_mb'"):
        lab.compare(ask(), object(), 3, metric="peak_rss_mb")
