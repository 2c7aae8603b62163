"""Upstream's own code loads the bundled files, every weight of them, and says the same as f5lite does."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import f5lite
from f5lite.model import flow
from tests.parity import environment

pytestmark = pytest.mark.parity
TEXT, STEPS, SEED = "open the red window please", 3, 11


def test_upstream_speaks_from_the_bundle(tmp_path):
    if not environment.ready():
        message = f"upstream's package isn't in {environment.folder()}; run: {environment.COMMAND}"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    pipeline = f5lite.load("tiny")
    reference = pipeline.reference("kumo")
    spoken = reference.samples // pipeline.config.mel.hop_length
    frames = flow.frames_to_make(spoken, reference.text, TEXT)
    given = {"spoken": spoken, "text": reference.text + TEXT, "frames": frames, "steps": STEPS, "seed": SEED}
    np.savez(tmp_path / "inputs.npz", reference=reference.mel.numpy(), **given)
    command = [sys.executable, "-m", "tests.recipes.upstream_speaks", str(tmp_path)]
    done = subprocess.run(
        command, env=environment.variables(), cwd=environment.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "All keys matched" in done.stdout
    theirs = np.load(tmp_path / "made.npz")
    ours = pipeline.speak(TEXT, "kumo", steps=STEPS, seed=SEED, guidance=2.0, temperature=1.0)
    made = theirs["mel"][spoken:]
    assert made.shape == ours.mel.shape
    # The file keeps the rotary rates as upstream does; a bf16 copy of them turns far frames a little differently.
    assert np.abs(made - ours.mel).mean() < 0.02 * np.abs(made - made.mean()).mean()
    wave = theirs["wave"]
    assert np.corrcoef(wave, ours.wave)[0, 1] > 0.9
