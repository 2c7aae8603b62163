"""The vocoder's training: it learns, it resumes, the adversary joins when it should, the bundle can be made of it."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from f5lite.model.library import BUNDLE, bundled_voices
from recipes.voice import spectra
from recipes.voice.export import export
from recipes.voice.train import Run as AcousticRun
from recipes.voice.vocoder import Run, held_out_distance

from . import made

PLAN = {"steps": 4, "batch": 1}


@pytest.fixture(scope="module")
def waves():
    return [torch.from_numpy(soundfile.read(v.path, dtype="float32")[0]) for v in bundled_voices().values()]


def test_it_learns(waves):
    run = Run(waves, steps=16, batch=1, rate=3e-3)
    distances = [run.advance() for _ in range(16)]
    assert np.mean(distances[-5:]) < 0.9 * np.mean(distances[:5])


def test_resumed_is_unbroken_also_with_the_adversary(waves, tmp_path):
    unbroken, first = (Run(waves, **PLAN, adversary=0.25) for _ in range(2))
    for _ in range(4):
        unbroken.advance()
    for _ in range(2):
        first.advance()
    first.save(tmp_path / "run.pt")
    resumed = Run(waves, **PLAN, adversary=0.25)
    resumed.resume(tmp_path / "run.pt")
    for _ in range(2):
        resumed.advance()
    for name, value in unbroken.average.values.items():
        assert torch.equal(value, resumed.average.values[name]), name


def test_the_adversary_waits_for_its_step(waves):
    run = Run(waves, steps=4, batch=2, adversary=0.5)
    before = [p.detach().clone() for p in run.critic.parameters()]
    run.advance(), run.advance()
    assert all(torch.equal(a, b) for a, b in zip(before, run.critic.parameters(), strict=True))
    run.advance()
    assert any(not torch.equal(a, b) for a, b in zip(before, run.critic.parameters(), strict=True))


def test_losses_are_nothing_for_the_same_wave_and_in_decibels(waves):
    wave = waves[0][None, :20_000]
    assert float(spectra.resolution_loss(wave, wave, 512)) == 0
    louder = spectra.log_distance(wave * 2, wave) * 8.686
    assert 5 < float(louder) < 6.1  # 6.02 dB, less where both are silent


def test_the_bundled_vocoder_beats_an_untrained_one(waves):
    bundled = {k: v.float() for k, v in load_file(BUNDLE / "tiny" / "vocoder.safetensors").items()}
    fresh = Run(waves, **PLAN).average.values
    assert held_out_distance(bundled, waves[:2]) < held_out_distance(fresh, waves[:2]) - 3


def test_a_bundle_made_from_two_runs_speaks(waves, tmp_path):
    import f5lite
    from f5lite.model.config import TINY

    acoustic, vocoder = (
        AcousticRun(made.items(), frames=300, steps=2, rate=1e-3, config=TINY),
        Run(waves, **PLAN),
    )
    acoustic.save(tmp_path / "a.pt"), vocoder.save(tmp_path / "v.pt")
    export(tmp_path / "bundle", tmp_path / "a.pt", tmp_path / "v.pt")
    assert {p.name for p in (tmp_path / "bundle").iterdir()} == {
        *("acoustic.safetensors", "vocoder.safetensors", "config.json", "vocab.txt")
    }
    assert (tmp_path / "bundle" / "vocab.txt").read_text() == (BUNDLE / "tiny" / "vocab.txt").read_text()
    said = f5lite.load(tmp_path / "bundle").speak("hello", seed=0, steps=2)
    assert said.duration > 0.1 and np.isfinite(said.wave).all()
