"""Similarity, opinion and recogniser on the bundled reference clips, and what is said when one isn't there."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from f5lite.errors import F5liteError
from f5lite.evidence.quality import opinion, packages, similarity, transcribe
from f5lite.evidence.quality.instruments import Instruments
from f5lite.evidence.quality.words import errors
from f5lite.model.library import bundled_voices


@pytest.fixture(scope="module")
def clips():
    return {
        name: (soundfile.read(v.path, dtype="float32")[0], v.text) for name, v in bundled_voices().items()
    }


@pytest.fixture(scope="module")
def voices():
    return similarity.Voices()


def test_halves_of_one_clip_are_more_alike_than_two_voices(clips, voices):
    whole = {name: voices.embed(wave, 24_000) for name, (wave, _) in clips.items()}
    for name, (wave, _) in clips.items():
        half = voices.embed(wave[len(wave) // 3 :], 24_000)
        own = similarity.cosine(half, whole[name])
        assert own > max(similarity.cosine(half, other) for key, other in whole.items() if key != name)
        assert np.linalg.norm(half) == pytest.approx(1, abs=1e-5)


def test_loudness_does_not_change_a_voice_and_silence_has_none(clips, voices):
    wave = clips["kumo"][0]
    quiet = wave * 0.1
    assert similarity.cosine(voices.embed(quiet, 24_000), voices.embed(quiet / 2, 24_000)) > 0.999
    with pytest.raises(ValueError, match="silence"):
        voices.embed(np.zeros(24_000, np.float32), 24_000)


def test_listeners_would_like_noise_less(clips):
    listener = opinion.Listener()
    wave = clips["alpha"][0]
    noisy = wave + np.random.default_rng(0).normal(0, 0.03, len(wave)).astype(np.float32)
    clean = listener.score(wave, 24_000)
    assert 1 < listener.score(noisy, 24_000) < clean - 0.3 < 5


def test_the_recogniser_hears_the_references_the_same_every_time(clips):
    recogniser = transcribe.Recogniser(threads=1)
    wave, text = clips["kumo"]
    heard = recogniser.hear(wave, 24_000)
    assert heard == recogniser.hear(wave, 24_000)
    wrong, words = errors(text, heard)
    assert wrong <= words / 3
    assert recogniser.hear(np.zeros(24_000, np.float32), 24_000).strip() != text


def test_what_is_missing_is_said_with_its_command(monkeypatch):
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    assert set(Instruments().missing) == {"similarity", "same_voice", "opinion"}
    with pytest.raises(F5liteError, match="pip install"):
        transcribe.Recogniser()
    with pytest.raises(F5liteError, match="pip install"):
        similarity.Voices()
    with pytest.raises(F5liteError, match="pip install"):
        opinion.Listener()


def test_a_folder_without_a_model_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("F5LITE_WHISPER", str(tmp_path))
    with pytest.raises(F5liteError, match="model.bin"):
        transcribe.model_folder()
