"""A multi-resolution discriminator for the vocoder (as in Vocos and UnivNet): it looks at magnitudes, not at samples."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from recipes.voice.spectra import magnitudes

SIZES = (512, 1024, 2048)
WEIGHT, FEATURES = 0.2, 0.4


class Critic(nn.Module):
    """One resolution: b samples → a score per patch, and the features on the way."""

    def __init__(self, size: int, width: int = 16):
        super().__init__()
        self.size = size
        strides = ((1, 1), (2, 1), (2, 1), (2, 2), (1, 1))
        ins = (1, width, width, width, width)
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(
                nn.Conv2d(i, width, (9, 3) if k else (7, 5), s, (4, 1) if k else (3, 2))
            )
            for k, (i, s) in enumerate(zip(ins, strides, strict=True))
        )
        self.out = nn.utils.parametrizations.weight_norm(nn.Conv2d(width, 1, 3, 1, 1))

    def forward(self, wave: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        x, features = magnitudes(wave, self.size).clamp(min=1e-4).log()[:, None], []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
            features.append(x)
        return self.out(x), features


class Adversary(nn.Module):
    """All resolutions, one a step and in turn, which costs a third. Hinge losses; feature matching keeps the vocoder near
    the recording."""

    def __init__(self, width: int = 16):
        super().__init__()
        self.critics = nn.ModuleList(Critic(size, width) for size in SIZES)

    def at(self, step: int) -> Critic:
        """Whose turn it is."""
        return self.critics[step % len(self.critics)]

    def own_loss(self, made: torch.Tensor, real: torch.Tensor, step: int) -> torch.Tensor:
        """What the discriminator learns from."""
        critic = self.at(step)
        return F.relu(1 - critic(real)[0]).mean() + F.relu(1 + critic(made.detach())[0]).mean()

    def vocoder_loss(self, made: torch.Tensor, real: torch.Tensor, step: int) -> torch.Tensor:
        """What the vocoder learns from it."""
        critic = self.at(step)
        score, features = critic(made)
        with torch.no_grad():
            wanted = critic(real)[1]
        matching = sum(F.l1_loss(a, b) for a, b in zip(features, wanted, strict=True)) / len(features)
        return WEIGHT * F.relu(1 - score).mean() + FEATURES * matching
