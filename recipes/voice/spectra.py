"""Losses on waves: mels, magnitudes at several resolutions, and the log-spectral distance that the card reports."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from f5lite.model.config import MelConfig
from f5lite.model.mel import log_mel

SIZES = (256, 512, 1024, 2048)
QUIET = 1e-4


def magnitudes(wave: torch.Tensor, size: int) -> torch.Tensor:
    """(b, samples) → b bins frames; a quarter of the window is the hop."""
    window = torch.hann_window(size, device=wave.device)
    return torch.stft(wave, size, size // 4, size, window, return_complex=True).abs()


def resolution_loss(made: torch.Tensor, real: torch.Tensor, size: int) -> torch.Tensor:
    """Log magnitudes (mean absolute) and spectral convergence at one resolution."""
    a, b = magnitudes(made, size), magnitudes(real, size)
    logs = F.l1_loss(a.clamp(min=QUIET).log(), b.clamp(min=QUIET).log())
    relative = ((a - b).square().sum((1, 2)) / b.square().sum((1, 2)).clamp(min=1e-6)).sqrt().mean()
    return logs + relative


def log_distance(made: torch.Tensor, real: torch.Tensor, config: MelConfig = MelConfig()) -> torch.Tensor:
    """The log-spectral distance in natural units: times 8.686 it is in dB."""
    a, b = (magnitudes(wave, config.n_fft).clamp(min=QUIET).log() for wave in (made, real))
    return ((a - b).square().mean(1) + 1e-6).sqrt().mean()


def spectral_loss(made: torch.Tensor, real: torch.Tensor, size: int) -> torch.Tensor:
    """All of it, with one more resolution: which one changes from step to step, at a quarter of the cost of all."""
    real = real[:, : made.shape[1]]
    mels = F.l1_loss(log_mel(made), log_mel(real))
    return 0.45 * mels + 0.5 * resolution_loss(made, real, size) + 2 * log_distance(made, real)
