"""The mel analysis from first principles, in float64 numpy: the independent source for the golden mels.

torchaudio's `MelSpectrogram(sample_rate=24000, n_fft=1024, hop_length=256, n_mels=100, power=1, center=True, norm=None)`, then
log(clamp(1e-5)): a Hann window (periodic), reflected edges, magnitudes, HTK triangles without normalisation.
"""

from __future__ import annotations

import numpy as np

SAMPLE_RATE, FFT, HOP, MELS = 24000, 1024, 256, 100


def hertz_to_mel(hertz: np.ndarray | float) -> np.ndarray:
    return 2595.0 * np.log10(1.0 + np.asarray(hertz, dtype=np.float64) / 700.0)


def filter_bank(mels: int = MELS) -> np.ndarray:
    """(mels, FFT // 2 + 1): triangle m rises from edge m to edge m + 1 and falls to edge m + 2, all equally spaced in mel."""
    edges = 700.0 * (10.0 ** (np.linspace(0.0, hertz_to_mel(SAMPLE_RATE / 2), mels + 2) / 2595.0) - 1.0)
    bins = np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT
    rows = []
    for low, peak, high in zip(edges, edges[1:], edges[2:], strict=False):
        rising, falling = (bins - low) / (peak - low), (high - bins) / (high - peak)
        rows.append(np.maximum(0.0, np.minimum(rising, falling)))
    return np.array(rows)


def mel(wave: np.ndarray) -> np.ndarray:
    """(samples,) -> (MELS, frames), natural logarithm of magnitudes; one frame a hop, the first centred on sample 0."""
    padded = np.pad(wave.astype(np.float64), FFT // 2, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)
    starts = range(0, len(padded) - FFT + 1, HOP)
    spectrum = np.abs(np.fft.rfft(np.stack([padded[s : s + FFT] * window for s in starts]), axis=1))
    return np.log(np.maximum(filter_bank() @ spectrum.T, 1e-5))
