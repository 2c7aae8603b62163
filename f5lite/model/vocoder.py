"""Stage 3, waveform generation: Vocos (arXiv 2306.00814), and Griffin-Lim, which needs no weights.

Parameter names are those of the `vocos` package, so its checkpoints load as they are.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import nn

from f5lite.model.config import MelConfig, VocosConfig
from f5lite.model.mel import filter_bank


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution, LayerNorm, two linear layers, layer scale; b d n -> b d n."""

    def __init__(self, dim: int, intermediate_dim: int):
        super().__init__()
        self.dwconv = nn.Conv1d(dim, dim, kernel_size=7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1 = nn.Linear(dim, intermediate_dim)
        self.pwconv2 = nn.Linear(intermediate_dim, dim)
        self.gamma = nn.Parameter(torch.empty(dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.dwconv(x).transpose(1, 2))
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        return x + y.transpose(1, 2)


class Backbone(nn.Module):
    """b mels n -> b n d."""

    def __init__(self, mels: int, config: VocosConfig):
        super().__init__()
        self.embed = nn.Conv1d(mels, config.dim, kernel_size=7, padding=3)
        self.norm = nn.LayerNorm(config.dim, eps=1e-6)
        self.convnext = nn.ModuleList(
            ConvNeXtBlock(config.dim, config.intermediate_dim) for _ in range(config.num_layers)
        )
        self.final_layer_norm = nn.LayerNorm(config.dim, eps=1e-6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.embed(x).transpose(1, 2)).transpose(1, 2)
        for block in self.convnext:
            x = block(x)
        return self.final_layer_norm(x.transpose(1, 2))


class Head(nn.Module):
    """Log magnitude and phase per frame, then the inverse STFT; b n d -> b samples."""

    def __init__(self, dim: int, mel: MelConfig):
        super().__init__()
        self.n_fft, self.hop_length = mel.n_fft, mel.hop_length
        self.out = nn.Linear(dim, mel.n_fft + 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        magnitude, phase = self.out(x).float().transpose(1, 2).chunk(2, dim=1)
        spectrum = torch.polar(magnitude.exp().clamp(max=1e2), phase)
        window = torch.hann_window(self.n_fft, device=x.device)
        return torch.istft(spectrum, self.n_fft, self.hop_length, self.n_fft, window, center=True)


class Vocos(nn.Module):
    """Log mels (b n mels) -> wave (b, (n - 1) * hop), float32 at the mel's sample rate."""

    def __init__(self, config: VocosConfig, mel: MelConfig = MelConfig()):
        super().__init__()
        self.backbone = Backbone(mel.n_mels, config)
        self.head = Head(config.dim, mel)

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        weight = self.backbone.embed.weight
        return self.head(self.backbone(mels.to(weight.dtype).transpose(1, 2)))


@functools.lru_cache(maxsize=2)
def _inverse_bank(config: MelConfig) -> torch.Tensor:
    return torch.linalg.pinv(filter_bank(config))


class GriffinLim(nn.Module):
    """Log mels -> wave without weights: Griffin-Lim (1984) in its fast variant (Perraudin et al., 2013, momentum 0.99).

    Slower than a small Vocos and metallic; it is there for when the vocoder's weights aren't. Phases start from `seed`.
    """

    def __init__(self, mel: MelConfig = MelConfig(), iterations: int = 60, seed: int = 0):
        super().__init__()
        self.mel, self.iterations, self.seed = mel, iterations, seed

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        n_fft, hop = self.mel.n_fft, self.mel.hop_length
        window = torch.hann_window(n_fft, device=mels.device)
        inverse = _inverse_bank(self.mel).to(mels.device)
        magnitude = (mels.float().exp() @ inverse).clamp(min=1e-5).transpose(1, 2)
        generator = torch.Generator().manual_seed(self.seed)
        start = torch.rand(magnitude.shape, generator=generator).to(mels.device)
        phase, before = torch.polar(torch.ones_like(start), 2 * torch.pi * start), 0
        for _ in range(self.iterations):
            wave = torch.istft(magnitude * phase, n_fft, hop, n_fft, window, center=True)
            again = torch.stft(wave, n_fft, hop, n_fft, window, center=True, return_complex=True)
            ahead, before = again - 0.99 / 1.99 * before, again
            phase = ahead / (ahead.abs() + 1e-9)
        return torch.istft(magnitude * phase, n_fft, hop, n_fft, window, center=True)
