"""Distances between two renderings of one seed, frame by frame: they have the same length and the same timing."""

from __future__ import annotations

import numpy as np
import torch

from f5lite.model.config import MelConfig
from f5lite.model.mel import log_mel

COEFFICIENTS = 13
FLOOR = 1e-4  # −80 dB: quieter is silence


def _both(a: np.ndarray, b: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    length = min(len(a), len(b))
    if length < MelConfig().n_fft:
        raise ValueError(f"{length} samples are too few to compare; {MelConfig().n_fft} or more are needed")
    return torch.from_numpy(np.ascontiguousarray(a[:length], np.float32)), torch.from_numpy(
        np.ascontiguousarray(b[:length], np.float32)
    )


def log_spectral_distance(a: np.ndarray, b: np.ndarray, config: MelConfig = MelConfig()) -> float:
    """dB. Root mean square over the bins, mean over the frames of the shorter wave."""
    window = torch.hann_window(config.n_fft)
    first, second = (
        torch.stft(wave, config.n_fft, config.hop_length, config.n_fft, window, return_complex=True)
        .abs()
        .clamp(min=FLOOR)
        .log10()
        * 20
        for wave in _both(a, b)
    )
    return float((first - second).square().mean(0).sqrt().mean())


def cosine_basis(size: int, count: int = COEFFICIENTS) -> torch.Tensor:
    """Orthonormal DCT-II, coefficients 1 … count (the first, loudness, is left out): (size, count)."""
    at = (torch.arange(size) + 0.5)[:, None] * torch.arange(1, count + 1)[None]
    return torch.cos(at * torch.pi / size) * (2 / size) ** 0.5


def cepstral_distance(a: np.ndarray, b: np.ndarray, config: MelConfig = MelConfig()) -> float:
    """dB: 10 / ln 10 · √(2 Σ (c_a − c_b)²), mean over frames. Loudness is not counted."""
    basis = cosine_basis(config.n_mels)
    # The orthonormal transform of n mels is √(n / 2) times the cepstrum that the formula means.
    first, second = ((log_mel(wave, config) @ basis) * (2 / config.n_mels) ** 0.5 for wave in _both(a, b))
    return float(10 / np.log(10) * (2 * (first - second).square().sum(-1)).sqrt().mean())
