"""References of every kind: any rate, channels and length speak; silent, tiny and broken ones are refused by name."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile

import f5lite
from f5lite.errors import F5liteError
from f5lite.model import audio
from tests.golden.seeded import stream

RATE = 24000


def voice(seconds: float, rate: int = RATE, channels: int = 1, level: float = 0.1) -> np.ndarray:
    """Noise in bursts of a syllable's length."""
    samples = int(seconds * rate)
    bursts = 0.6 + 0.4 * np.sin(2 * np.pi * 3 * np.arange(samples) / rate)
    return level * bursts[:, None] * stream("voice", seconds, rate).standard_normal((samples, channels))


@pytest.fixture(scope="module")
def pipeline(small_model: Path) -> f5lite.Pipeline:
    return f5lite.load(small_model)


GOOD: dict[str, tuple[np.ndarray, int, str]] = {
    "telephone": (voice(3, 8000), 8000, "PCM_16"),
    "44.1 kHz stereo": (voice(3, 44100, 2), 44100, "PCM_16"),
    "48 kHz, 24 bit": (voice(3, 48000), 48000, "PCM_24"),
    "float, five channels": (voice(2, 32000, 5), 32000, "FLOAT"),
    "quiet": (voice(3, level=0.02), RATE, "PCM_16"),
    "clipped": (20 * voice(2), RATE, "PCM_16"),
    "shortest": (voice(0.7), RATE, "PCM_16"),
}


@pytest.mark.parametrize("name", GOOD)
def test_any_usual_sound_will_do(name: str, pipeline: f5lite.Pipeline, tmp_path: Path) -> None:
    wave, rate, kind = GOOD[name]
    soundfile.write(tmp_path / "ref.wav", wave, rate, subtype=kind)
    spoken = pipeline.speak("this is new", ref=tmp_path / "ref.wav", ref_text="this is old", steps=1, seed=0)
    expected = len(wave) / rate * len("this is new") / len("this is old. ")
    assert np.isfinite(spoken.wave).all() and spoken.wave.any()
    assert spoken.duration == pytest.approx(expected, rel=0.25)


def test_ten_minutes_are_clipped_with_a_warning(
    pipeline: f5lite.Pipeline, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    soundfile.write(tmp_path / "long.flac", voice(600, 16000), 16000)
    with caplog.at_level(logging.WARNING):
        reference = pipeline.reference(ref=tmp_path / "long.flac", ref_text="a long story")
    assert reference.samples <= 12.1 * RATE
    assert "cut to 12" in caplog.text and "text" in caplog.text


BAD: dict[str, tuple[np.ndarray | bytes, str]] = {
    "silent": (np.zeros((3 * RATE, 1)), "silent"),
    "nearly silent": (voice(3, level=0.001), "silent"),
    "a tenth of a second": (voice(0.1), "0.10 s"),
    "no samples": (np.zeros((0, 1)), "0.00 s"),
    "one click in silence": (np.eye(1, 3 * RATE, RATE).T, "silent"),
    "not numbers": (np.full((2 * RATE, 1), np.nan), "not numbers"),
    "endless": (np.where(np.arange(2 * RATE)[:, None] == 99, np.inf, 0.1), "not numbers"),
    "no sound file": (b"once upon a time", "can't read"),
    "an empty file": (b"", "can't read"),
    "a cut header": (b"RIFF\x00\x00\x00\x00WAVEfmt ", "can't read"),
}


@pytest.mark.parametrize("name", BAD)
def test_useless_references_are_refused(name: str, pipeline: f5lite.Pipeline, tmp_path: Path) -> None:
    content, word = BAD[name]
    path = tmp_path / "ref.wav"
    path.write_bytes(content) if isinstance(content, bytes) else soundfile.write(
        path, content, RATE, subtype="FLOAT"
    )
    with pytest.raises(F5liteError, match=word) as caught:
        pipeline.speak("this is new", ref=path, ref_text="this is old", steps=1)
    assert "ref.wav" in str(caught.value)


def test_reference_without_a_file_or_a_text(pipeline: f5lite.Pipeline, tmp_path: Path) -> None:
    for options, word in (
        (dict(ref=tmp_path / "gone.wav", ref_text="a"), "no sound file"),
        (dict(ref=tmp_path, ref_text="a"), "no sound file"),
        (dict(ref=tmp_path / "gone.wav"), "text"),
        (dict(ref=tmp_path / "gone.wav", ref_text="  "), "text"),
        (dict(voice="nobody"), "kumo"),
    ):
        with pytest.raises(F5liteError, match=word):
            pipeline.speak("this is new", steps=1, **options)


def test_a_changed_file_of_the_same_name_is_read_again(pipeline: f5lite.Pipeline, tmp_path: Path) -> None:
    path = tmp_path / "ref.wav"
    soundfile.write(path, voice(2), RATE)
    first = pipeline.reference(ref=path, ref_text="one").samples
    soundfile.write(path, voice(3), RATE)
    assert pipeline.reference(ref=path, ref_text="one").samples > first + 0.8 * RATE


def test_writing_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.wav"
    path.write_bytes(b"before")

    def half(target: Path, *_: object, **__: object) -> None:
        Path(target).write_bytes(b"RIFF half")
        raise OSError("the disk is full")

    monkeypatch.setattr(soundfile, "write", half)
    with pytest.raises(F5liteError, match="disk is full"):
        audio.write_wave(path, np.zeros(10, np.float32), RATE)
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(F5liteError, match="doesn't exist"):
        audio.write_wave(tmp_path / "nowhere" / "out.wav", np.zeros(10, np.float32), RATE)
