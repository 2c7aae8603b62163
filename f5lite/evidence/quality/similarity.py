"""How alike two voices are: the cosine of their GE2E speaker embeddings (Wan et al., arXiv 1710.10467).

Only the weights of the `resemblyzer` package are used. Its own code needs a voice detector in C and librosa; the
mel analysis (as librosa computes it) and the three-layer LSTM are a page, written here.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import nn

from f5lite.errors import F5liteError
from f5lite.evidence.quality.packages import folder_of

RATE, FFT, HOP, MELS, PART = 16_000, 400, 160, 40, 160
LOUDNESS = 10 ** (-30 / 20)
INSTALL = "pip install --no-deps resemblyzer"


def available() -> bool:
    """True if the weights are installed."""
    folder = folder_of("resemblyzer")
    return folder is not None and (folder / "pretrained.pt").is_file()


@functools.lru_cache(maxsize=1)
def slaney_bank() -> torch.Tensor:
    """Mel triangles in Slaney's scale, each of area one: (FFT // 2 + 1, MELS)."""
    step, corner = 200 / 3, 1000.0
    ratio = np.log(6.4) / 27

    def to_mel(hertz: float) -> float:
        return hertz / step if hertz < corner else corner / step + np.log(hertz / corner) / ratio

    def to_hertz(mel: np.ndarray) -> np.ndarray:
        return np.where(mel < corner / step, mel * step, corner * np.exp(ratio * (mel - corner / step)))

    points = to_hertz(np.linspace(0, to_mel(RATE / 2), MELS + 2))
    hertz = np.linspace(0, RATE / 2, FFT // 2 + 1)
    width = np.diff(points)
    slope = points[None] - hertz[:, None]
    triangles = np.maximum(0, np.minimum(-slope[:, :-2] / width[:-1], slope[:, 2:] / width[1:]))
    return torch.tensor(triangles * (2 / (points[2:] - points[:-2])), dtype=torch.float32)


class Voices(nn.Module):
    """(frames, MELS) → 256 numbers of length one."""

    def __init__(self):
        super().__init__()
        folder = folder_of("resemblyzer")
        if not available():
            raise F5liteError(f"speaker similarity needs the weights of resemblyzer; run: {INSTALL}")
        self.lstm, self.linear = nn.LSTM(MELS, 256, 3, batch_first=True), nn.Linear(256, 256)
        kept = torch.load(folder / "pretrained.pt", weights_only=True, map_location="cpu")["model_state"]
        self.load_state_dict({name: value for name, value in kept.items() if "similarity" not in name})
        self.eval()

    def mel(self, wave: np.ndarray) -> torch.Tensor:
        """(samples,) at 16 kHz → (frames, MELS), power."""
        window = torch.hann_window(FFT)
        padded = torch.from_numpy(np.ascontiguousarray(wave, np.float32))
        spectrum = torch.stft(padded, FFT, HOP, FFT, window, pad_mode="constant", return_complex=True)
        return spectrum.abs().square().T @ slaney_bank()

    @torch.inference_mode()
    def embed(self, wave: np.ndarray, rate: int) -> np.ndarray:
        """256 numbers, length one: the mean over windows of 1.6 s, half overlapped. Quiet speech is raised first."""
        import soxr

        wave = soxr.resample(np.asarray(wave, np.float32), rate, RATE)
        loudness = float(np.sqrt(np.mean(wave**2)))
        if loudness < 1e-5:
            raise ValueError("silence has no voice")
        wave = wave * max(1.0, LOUDNESS / loudness)
        frames = self.mel(np.pad(wave, (0, max(0, PART * HOP - len(wave)))))
        starts = range(0, max(1, len(frames) - PART + PART // 4), PART // 2)
        parts = [frames[start : start + PART] for start in starts]
        parts[-1] = torch.nn.functional.pad(parts[-1], (0, 0, 0, PART - len(parts[-1])))
        _, (hidden, _) = self.lstm(torch.stack(parts))
        vectors = torch.nn.functional.normalize(self.linear(hidden[-1]).relu(), dim=1)
        mean = vectors.mean(0).numpy()
        return mean / np.linalg.norm(mean)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Of two embeddings: 1 is the same voice."""
    return float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))
