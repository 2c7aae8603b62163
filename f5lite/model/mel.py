"""The log mel spectrogram that F5-TTS speaks in and Vocos turns back into sound.

24 kHz, window 1024, hop 256, 100 mels, HTK scale without normalisation, magnitude, log of clamp(1e-5)
(f5-tts, `model/modules.py`, `get_vocos_mel_spectrogram`).
"""

from __future__ import annotations

import functools
import math

import torch

from f5lite.model.config import MelConfig

FLOOR = 1e-5


@functools.lru_cache(maxsize=4)
def filter_bank(config: MelConfig = MelConfig()) -> torch.Tensor:
    """HTK mel triangles, (n_fft // 2 + 1, n_mels), float32."""
    hertz = torch.linspace(0, config.sample_rate // 2, config.n_fft // 2 + 1)
    top = 2595.0 * math.log10(1.0 + config.sample_rate / 2 / 700.0)
    corners = 700.0 * (10.0 ** (torch.linspace(0, top, config.n_mels + 2) / 2595.0) - 1.0)
    width = corners[1:] - corners[:-1]
    slope = corners[None] - hertz[:, None]
    rising, falling = -slope[:, :-2] / width[:-1], slope[:, 2:] / width[1:]
    return torch.minimum(rising, falling).clamp(min=0)


def log_mel(wave: torch.Tensor, config: MelConfig = MelConfig()) -> torch.Tensor:
    """(samples,) or (b, samples) in [-1, 1] -> (frames, n_mels) or (b, frames, n_mels); frames = samples // hop + 1."""
    window = torch.hann_window(config.n_fft, device=wave.device)
    spectrum = torch.stft(
        wave, config.n_fft, config.hop_length, config.n_fft, window, center=True, return_complex=True
    )
    mel = spectrum.abs().transpose(-1, -2) @ filter_bank(config).to(wave.device)
    return mel.clamp(min=FLOOR).log()
