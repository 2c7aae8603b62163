"""The mel analysis against one written from first principles, and Vocos against the `vocos` package."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from f5lite.model.mel import filter_bank, log_mel
from tests.golden import cases, compare, mel_reference, ours, seeded

GOLDEN = "sounds"


@pytest.mark.parametrize("name", cases.waves())
def test_mel_is_torchaudios(name: str) -> None:
    """Magnitudes throughout; logarithms where there is sound. Between pure tones a float32 transform leaves its own rounding."""
    found = log_mel(torch.from_numpy(cases.waves()[name])).numpy().T
    theirs = compare.arrays(GOLDEN)[f"mel/{name}"]
    assert compare.difference(np.exp(found), np.exp(theirs), f"mel/{name}") <= compare.LIMIT
    heard = theirs > max(np.log(1e-5), theirs.max() - np.log(1e4))  # down to 80 dB under the loudest
    assert heard.mean() > 0.2 or name == "near-silence"
    assert compare.difference(found[heard], theirs[heard], f"mel/log {name}") <= compare.LIMIT


def test_filter_bank_is_htks_without_normalisation() -> None:
    found = compare.difference(filter_bank().numpy().T, mel_reference.filter_bank(), "mel/filter bank")
    assert found <= compare.LIMIT
    assert np.allclose(filter_bank().sum(dim=1)[20:400], 1, atol=1e-3), "neighbouring triangles add up to one"


def test_a_batch_of_waves_is_each_wave() -> None:
    waves = torch.from_numpy(np.stack([seeded.normal((4000,), "batch", i) for i in range(3)]))
    together = log_mel(waves)
    for wave, mel in zip(waves, together, strict=True):
        assert torch.allclose(log_mel(wave), mel, atol=1e-5)


@pytest.mark.parametrize("name", cases.VOCOS)
def test_vocos_is_the_packages(name: str) -> None:
    model, drawn = ours.vocos(cases.VOCOS[name], "vocos", name)
    noted = compare.notes(GOLDEN)[name]
    assert {key: list(value.shape) for key, value in drawn.items()} == noted["keys"]
    assert seeded.fingerprint(drawn) == noted["sha256"]
    with torch.no_grad():
        found = model(torch.from_numpy(cases.vocos_mel(2)).transpose(1, 2)).numpy()
    assert (
        compare.difference(found, compare.arrays(GOLDEN)[f"vocos/{name}"], f"vocos/{name}") <= compare.LIMIT
    )
