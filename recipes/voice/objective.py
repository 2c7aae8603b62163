"""What the acoustic model is trained on: the flow on the masked span, and the character of each frame there."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from f5lite.model.flow import time_grid
from recipes.voice.batches import Batch
from recipes.voice.network import Network, seeded

ALIGNMENT = 0.3  # weight of the head's loss
NO_TEXT, NO_AUDIO = 0.06, 0.1  # how often guidance's unconditioned half is practised
OWN = 0.4  # how often a step is practised from where the sampler itself is, not from noise and the speech itself,
TIMES = time_grid(7)[:-1].tolist()  # and at which times
WEAKER = 0.33  # how many of the others have less noise than the flow begins with


def losses(
    network: Network, batch: Batch, seed: int, step: int, drop: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """(flow matching, alignment): mean squared error on the span (arXiv 2410.06885), cross-entropy there.

    drop: leave out text and reference now and then, as guidance needs it. Times are drawn half evenly and half nearer
    the noise, where words are decided; a third of the examples have weaker noise, as the voice speaks. Some batches begin
    where the model's own passes lead: a wrong rhythm is taken back instead of spoken clearly. Of those the error is that
    of the speech, not of the flow, which would count the last passes most, where little can be mended. Noise and times
    depend on seed and step alone.
    """
    device, rng = batch.mel.device, seeded("drop", seed, step)
    generator = torch.Generator().manual_seed(rng.randrange(1 << 40))
    noise = torch.randn(batch.mel.shape, generator=generator).to(device)
    even, which = (torch.rand(len(batch.mel), generator=generator).to(device) for _ in range(2))
    neither = drop and rng.random() < NO_TEXT
    no_audio = neither or (drop and rng.random() < NO_AUDIO)
    known = torch.where(batch.span[..., None], 0.0, batch.mel)

    def answer(noisy: torch.Tensor, time: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return network(noisy, known, batch.tokens, time, batch.valid, neither, no_audio)

    weight = torch.ones_like(even)
    if rng.random() < OWN:
        passes = rng.randrange(len(TIMES))
        time = torch.full_like(even, TIMES[passes])
        noisy = own_way(answer, even.square()[:, None, None] * noise, passes)
        weight = (1 - time).square()
    else:
        time = torch.where(which < 0.5, even, 1 - torch.cos(even * torch.pi / 2))
        strength = torch.rand(len(batch.mel), generator=generator).to(device)
        strength = torch.where(strength < WEAKER, strength / WEAKER, 1.0)
        noisy = torch.lerp(strength[:, None, None] * noise, batch.mel, time[:, None, None])
    left = (1 - time)[:, None, None].clamp(min=1e-3)
    flow, characters = answer(noisy, time)
    error = F.mse_loss(flow.float(), (batch.mel - noisy) / left, reduction="none")
    matching = (weight[:, None, None] * error)[batch.span].mean()
    named = F.cross_entropy(characters[batch.span].float(), batch.labels[batch.span], label_smoothing=0.05)
    return matching, named * (not neither)


@torch.no_grad()
def own_way(answer, noisy: torch.Tensor, passes: int) -> torch.Tensor:
    """Where the sampler is after so many passes from `noisy`, b n mels."""
    for now, later in zip(TIMES[:passes], TIMES[1:], strict=False):
        time = torch.full((len(noisy),), now, device=noisy.device)
        noisy = noisy + (later - now) * answer(noisy, time)[0].float()
    torch.clear_autocast_cache()  # weights that were cast here have no gradient
    return noisy
