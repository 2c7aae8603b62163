"""What the acoustic model is trained on: the flow on the masked span, and the character of each frame there."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from recipes.voice.batches import Batch
from recipes.voice.network import Network, seeded

ALIGNMENT = 0.3  # weight of the head's loss
NO_TEXT, NO_AUDIO = 0.1, 0.15  # how often guidance's unconditioned half is practised
START = 0.15  # how often the very first step is practised, from noise of any strength: where the rhythm is decided


def losses(
    network: Network, batch: Batch, seed: int, step: int, drop: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """(flow matching, alignment): mean squared error on the span (arXiv 2410.06885), cross-entropy there.

    drop: leave out text and reference now and then, as guidance needs it. Times are drawn half evenly and half nearer
    the noise, where words are decided; some are the start itself, from noise of a standard deviation between 0 and 1.
    Noise and times depend on seed and step alone.
    """
    device, rng = batch.mel.device, seeded("drop", seed, step)
    generator = torch.Generator().manual_seed(rng.randrange(1 << 40))
    noise = torch.randn(batch.mel.shape, generator=generator).to(device)
    even, which = (torch.rand(len(batch.mel), generator=generator).to(device) for _ in range(2))
    time = torch.where(which < 0.5, even, 1 - torch.cos(even * torch.pi / 2))
    starts = which > 1 - START
    time, noise = torch.where(starts, 0.0, time), noise * torch.where(starts, even, 1.0)[:, None, None]
    t, neither = time[:, None, None], drop and rng.random() < NO_TEXT
    noisy = (1 - t) * noise + t * batch.mel
    known = torch.where(batch.span[..., None], 0.0, batch.mel)
    no_audio = neither or (drop and rng.random() < NO_AUDIO)
    flow, characters = network(noisy, known, batch.tokens, time, batch.valid, neither, no_audio)
    matching = F.mse_loss(flow.float(), batch.mel - noise, reduction="none")[batch.span].mean()
    named = F.cross_entropy(characters[batch.span].float(), batch.labels[batch.span], label_smoothing=0.05)
    return matching, named * (not neither)
