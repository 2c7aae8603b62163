"""The A/B player without a browser: what it shows, what it hands the page, how the blind test runs, scores and is kept."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
import soundfile

from f5lite import lab
from f5lite.errors import F5liteError
from f5lite.lab import pictures
from f5lite.lab.blind import Blind
from f5lite.lab.charts import heard
from f5lite.lab.player import Sound
from tests.lab.test_player import RATE, tone


def player(**more) -> object:
    versions = {"fp32": tone(1.5), "int8": 0.9 * tone(1.5)}
    return lab.ab(versions, rate=RATE, text="a tone", seed=4, **more)


def test_the_static_side_has_pictures_words_players_and_a_table() -> None:
    html = player().html()
    assert html.count("<audio controls") == 2 and html.count("<image ") == 2
    assert 'class="f5-words f5-transcript"' in html and "a tone" in html and "<table>" in html
    assert all('aria-label="Spectrogram' in part for part in re.findall(r"<svg [^>]*>", html))
    assert "f5-player" not in html, "the page's script would make a second live player of it"
    assert re.search("Spectrogram.* of int8", player().plain()) and "a tone" in player().plain()


def test_the_axes_say_seconds_and_hertz() -> None:
    drawing = heard.spectrogram(Sound(tone(1.5), RATE, "a tone"), 2.0)
    texts = re.findall(r">([^<>]+)</text>", drawing)
    assert {"Hz", "seconds", "250", "8,000", "0.5", "2"} <= set(texts)
    # The axis agrees with the picture: a tone is bright where the scale has its label.
    loud = pictures.spectrogram(tone(1.5, hertz=1000), RATE).mean(axis=1)
    bright = heard.TOP + (heard.BOTTOM - heard.TOP) * (loud.argmax() + 0.5) / len(loud)
    label = float(re.search(r'y="([\d.]+)"[^>]*>1,000</text>', drawing)[1]) - 4.5
    assert label == pytest.approx(bright, abs=3)
    width = re.search(r'<image x="58" y="22" width="([\d.]+)"', drawing)[1]
    assert float(width) == pytest.approx(0.75 * (heard.RIGHT - heard.LEFT), abs=0.1), (
        "shorter sounds end earlier"
    )
    low = heard.spectrogram(Sound(tone(1.0), 8000, "a tone"), 1.0)
    assert "8,000" not in low and "4,000" in low, "nothing is drawn above half the rate"


def test_the_page_gets_the_sound_without_loss() -> None:
    made = player()
    view = made.view()
    for name, data in zip(made.sounds, view.sounds, strict=True):
        back, rate = soundfile.read(io.BytesIO(data), dtype="float32")
        assert rate == RATE and np.abs(back - made.sounds[name].wave).max() < 1e-4
    assert [one["name"] for one in view.fixed["versions"]] == ["fp32", "int8"]
    assert "http" not in view._esm.replace("http://www.w3.org/2000/svg", "")


def test_the_page_drives_the_blind_test_and_answers_can_be_observed(own_session) -> None:
    made = player(claim="int8-sound", rounds=3)
    view, seen = made.view(), []
    view.observe(lambda change: seen.append(change["new"]), names="answers")
    view.event = {"name": "start", "value": True, "count": 1}
    assert view.state["running"] and view.state["round"] == 1
    for at in range(3):
        x = view.state["x"]
        said = x if at < 2 else 1 - x  # two right, one wrong
        view.event = {"name": "answer", "value": {"round": at + 1, "choice": said}, "count": 2 + at}
    assert not view.state["running"] and view.state["x"] == -1
    assert len(seen[-1]) == 3 and made.blind.score.right == 2
    assert "2 of 3 right" in view.state["said"] and "don't show" in view.state["said"]
    entries = own_session.ledger.entries("int8-sound")
    assert len(entries) == 1, "one line a test, not one an answer"
    assert entries[0].figures["blind_answers"].median == 3
    assert entries[0].figures["blind_right"].median == pytest.approx(200 / 3)
    assert "fp32, int8" in entries[0].note and "a tone" in entries[0].note


def test_a_second_test_is_a_line_of_its_own_and_a_player_without_claim_writes_none(own_session) -> None:
    made, silent = player(claim="int8-sound", rounds=1), player(rounds=1)
    for one in (made, made, silent):
        one.blind.start()
        one.blind.answer(1, 0)
    assert len(own_session.ledger.entries("int8-sound")) == 2 and len(own_session.ledger.entries()) == 2


def test_how_many_are_right_stays_secret_until_the_end() -> None:
    blind = Blind(["a", "b"], rounds=4, seed=1)
    assert blind.said == "" and blind.round == 0
    blind.start()
    for at in range(3):
        blind.answer(at + 1, 0)
        assert "right" not in blind.said and f"Round {at + 2} of 4" in blind.said
    blind.stop()
    assert blind.score.count == 3 and "of 3 right" in blind.said and blind.x is None


def test_a_second_click_counts_once_and_strange_answers_are_refused() -> None:
    blind = Blind(["a", "b"], seed=1)
    with pytest.raises(F5liteError, match="start one first"):
        blind.answer(1, 0)
    blind.start()
    blind.answer(1, 0)
    blind.answer(1, 1)
    assert len(blind.answers) == 1
    with pytest.raises(F5liteError, match="no version 3"):
        blind.answer(2, 2)


def test_every_version_is_x_as_often_and_independently() -> None:
    blind = Blind(["a", "b", "c"], rounds=3000, seed=7)
    blind.start()
    for at in range(2999):
        blind.answer(at + 1, 0)
    xs = [x for x, _ in blind.answers]
    assert all(900 < xs.count(version) < 1100 for version in range(3))
    repeats = sum(a == b for a, b in zip(xs, xs[1:], strict=False))
    assert 900 < repeats < 1100, "a shuffled list would repeat itself less often"
    assert blind.score.guessing == 1 / 3


def test_an_error_of_the_page_is_shown_not_swallowed() -> None:
    view = player().view()
    view.event = {"name": "answer", "value": {"round": 1, "choice": 0}, "count": 1}
    assert "start one first" in view.state["error"]


@pytest.mark.parametrize(
    ("versions", "words"),
    [
        ({"a": Sound(tone(), RATE, "x")}, "2 to 10 versions"),
        ({"a": Sound(tone(), RATE, "one"), "b": Sound(tone(), RATE, "two")}, "the same text"),
        ({"a": Sound(tone(), RATE, ""), "b": Sound(tone(), RATE, "")}, "the same text"),
        ({"a": Sound(tone(), RATE, "x"), "b": Sound(tone(), 16000, "x")}, "sample rates"),
    ],
)
def test_what_cannot_be_compared_is_refused(versions: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        lab.ab(versions)
    with pytest.raises(ValueError, match="at least two"):
        Blind(["a"])
