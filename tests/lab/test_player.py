"""The player: what it holds can be heard, is as loud as it was, and says in words what it is."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
import soundfile

from f5lite import lab
from f5lite.lab import pictures

RATE = 24000


def tone(seconds: float = 2.0, size: float = 0.3, hertz: float = 440) -> np.ndarray:
    t = np.arange(int(RATE * seconds)) / RATE
    return (size * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


def test_the_sound_in_the_page_is_the_sound_that_was_given() -> None:
    html = lab.listen(tone(), rate=RATE, text="a tone").html()
    code = re.search(r'src="data:audio/\w+;base64,([^"]+)"', html)[1]
    back, rate = soundfile.read(io.BytesIO(base64.b64decode(code)))
    assert rate == RATE and abs(len(back) / RATE - 2) < 0.15
    middle = back[RATE // 2 : RATE]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.05), "it was normalised"


def test_loudness_differences_stay() -> None:
    both = lab.listen({"loud": tone(size=0.5), "quiet": tone(size=0.05)}, rate=RATE, text="a tone")
    assert both.data["loud"]["loudness"] - both.data["quiet"]["loudness"] == pytest.approx(20, abs=0.1)


def test_several_players_fit_a_notebook() -> None:
    eight_seconds = 0.1 * np.random.default_rng(0).standard_normal(8 * RATE)  # noise: the hardest to compress
    made = lab.listen({"a": eight_seconds, "b": eight_seconds}, rate=RATE, text="noise")
    assert sum(one["bytes"] for one in made.data.values()) * 4 / 3 < 300_000


def test_words_for_those_who_do_not_hear_or_see() -> None:
    quiet_start = np.concatenate([np.zeros(RATE), tone(1.0)])
    made = lab.listen(before=quiet_start, after=tone(2.0), rate=RATE, text="a tone <3")
    html = made.html()
    assert html.count('class="f5-words f5-transcript"') == 1 and "a tone &lt;3" in html
    assert "sound from 1 to 2 seconds" in made.alt["before"] and "silence" not in made.alt["before"]
    assert "silence" in lab.listen(np.zeros(RATE), rate=RATE, text="nothing").plain()
    assert html.count("<audio controls") == 2 and "<table>" in html and 'alt="Waveform' in html


def test_an_utterance_brings_its_own_words_and_rate() -> None:
    class Utterance:
        wave, sample_rate, text = tone(), RATE, "spoken words"

    assert "spoken words" in lab.listen(Utterance()).html()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: lab.listen(tone()), "need their rate"),
        (lambda: lab.listen(tone(), rate=RATE), "no transcript"),
        (lambda: lab.listen(np.zeros((2, 9)), rate=RATE, text="x"), "mono"),
        (lambda: lab.listen(np.zeros(0), rate=RATE, text="x"), "at least one"),
        (lambda: lab.listen(), "at least one sound"),
    ],
)
def test_what_cannot_be_played_is_refused(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_the_spectrogram_is_bright_where_the_tone_is() -> None:
    loud = pictures.spectrogram(tone(), RATE)
    row = int(loud.mean(axis=1).argmax())
    mels = np.linspace(*(2595 * np.log10(1 + np.array([60.0, 8000.0]) / 700)), 89)[::-1]
    heard = 700 * (10 ** (mels[row : row + 2] / 2595) - 1)
    assert heard[1] * 0.9 < 440 < heard[0] * 1.1


def test_the_png_is_a_png() -> None:
    image = pytest.importorskip("PIL.Image")
    made = pictures.png(np.array([[0, 1], [2, 47]], np.uint8), pictures.ramp())
    back = image.open(io.BytesIO(made)).convert("RGB")
    assert back.size == (2, 2) and back.getpixel((1, 1)) == tuple(int(c) for c in pictures.ramp()[47])
    assert (np.diff(pictures.ramp().astype(int) @ [2, 7, 1]) >= 0).all(), "lightness must rise"


@pytest.mark.parametrize("hertz", [500, 1000, 2000, 4000])
def test_a_pitch_stands_where_the_axis_says(hertz: int) -> None:
    wave = 0.3 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)
    rows = 88
    brightest = int(pictures.spectrogram(wave, RATE, rows=rows).mean(axis=1).argmax())
    assert 1 - (brightest + 0.5) / rows == pytest.approx(pictures.height(hertz, RATE), abs=0.02)


def test_the_axes_name_seconds_and_pitches_that_are_there() -> None:
    html = lab.listen(tone(1.8), rate=RATE, text="a tone").html()
    said = re.findall(r'data-f5-says="([^"]+)"', html)
    assert said == ["500 Hz", "1 kHz", "2 kHz", "4 kHz", "8 kHz", "0", "0.5", "1", "1.5", "1.8 s"]
    low = lab.listen(tone(1.0), rate=8000, text="a tone").html()
    assert 'says="4 kHz"' in low and "8 kHz" not in low
