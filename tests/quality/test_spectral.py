"""The two distances on waves whose distance can be worked out."""

from __future__ import annotations

import numpy as np
import pytest

from f5lite.evidence.quality.spectral import cepstral_distance, cosine_basis, log_spectral_distance

RNG = np.random.default_rng(0)
NOISE = RNG.normal(0, 0.1, 24_000).astype(np.float32)


def test_a_wave_is_at_no_distance_from_itself():
    assert log_spectral_distance(NOISE, NOISE) == 0 == cepstral_distance(NOISE, NOISE)


def test_half_as_loud_is_six_decibels_and_no_cepstral_distance():
    assert log_spectral_distance(NOISE, NOISE / 2) == pytest.approx(20 * np.log10(2), abs=0.01)
    assert cepstral_distance(NOISE, NOISE / 2) == pytest.approx(0, abs=1e-3)


def test_more_noise_is_further_away():
    tone = (0.3 * np.sin(np.arange(24_000) * 0.1)).astype(np.float32)
    near, far = (tone + amount * NOISE for amount in (0.05, 0.5))
    assert 0 < cepstral_distance(tone, near) < cepstral_distance(tone, far)
    assert 0 < log_spectral_distance(tone, near) < log_spectral_distance(tone, far)


def test_two_independent_noises_are_as_far_apart_as_theory_says():
    """20 log10 of a Rayleigh magnitude has a standard deviation of 5.57 dB; two of them differ by √2 times that."""
    other = RNG.normal(0, 0.1, 24_000).astype(np.float32)
    assert log_spectral_distance(NOISE, other) == pytest.approx(5.57 * 2**0.5, abs=0.25)


def test_the_cosine_basis_is_orthonormal_and_blind_to_loudness():
    basis = cosine_basis(100)
    assert np.allclose(basis.T @ basis, np.eye(13), atol=1e-5)
    assert np.allclose(basis.sum(0), 0, atol=1e-4)


def test_a_known_cepstrum_gives_the_published_formula():
    """A log mel that differs by d · cos(k-th) everywhere has one cepstral coefficient that differs by d."""
    import torch

    change, size = 0.5, 100
    at = torch.cos((torch.arange(size) + 0.5) * 3 * torch.pi / size)
    coefficient = (change * at) @ cosine_basis(size)[:, 2] * (2 / size) ** 0.5
    assert float(coefficient) == pytest.approx(change, abs=1e-4)


def test_too_short_to_compare():
    with pytest.raises(ValueError, match="too few"):
        log_spectral_distance(NOISE[:100], NOISE[:100])
