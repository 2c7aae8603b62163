"""Train the small Vocos: `python -m recipes.voice.vocoder RUN.pt --corpus corpus --steps 20000 [--adversary 0.6]`.

Stopped and run again it goes on where it was. 100 utterances are held out; every 500 steps their log-spectral distance
is printed. `--adversary S`: a discriminator joins after the share S of the steps (default: never). `--init` starts from
a finished vocoder.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from f5lite.evidence.quality.spectral import log_spectral_distance
from f5lite.model.config import TINY
from f5lite.model.mel import log_mel
from f5lite.model.vocoder import Vocos
from recipes.voice import machine, shards
from recipes.voice.adversary import Adversary
from recipes.voice.network import seeded
from recipes.voice.spectra import SIZES, log_distance, spectral_loss
from recipes.voice.state import Average, Muon, load, rate_at, save

CROP, HOP, WARM_UP, HELD_OUT = 64, TINY.mel.hop_length, 200, 100


def new_vocoder() -> Vocos:
    """Vocos with the paper's start."""
    model = Vocos(TINY.vocos, TINY.mel)
    for module in model.modules():
        if isinstance(module, nn.Conv1d | nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
    for block in model.backbone.convnext:
        nn.init.constant_(block.gamma, 1 / TINY.vocos.num_layers)
    return model


class Run:
    """One training run; `advance` is one step."""

    def __init__(
        self,
        waves: Sequence[torch.Tensor],
        *,
        steps: int,
        rate: float = 1e-3,
        batch: int = 16,
        seed: int = 0,
        adversary: float = 1.0,
        device: str = "cpu",
        init: Path | None = None,
    ):
        torch.manual_seed(seed)
        self.model, self.critic = new_vocoder().to(device), Adversary().to(device)
        if init is not None:
            self.model.load_state_dict({k: v.float() for k, v in load_file(init).items()})
        self.waves = [wave for wave in waves if len(wave) > CROP * HOP]
        self.steps, self.rate, self.size, self.seed = steps, rate, batch, seed
        self.joins, self.device = int(adversary * steps), device
        matrices = [p for name, p in self.model.named_parameters() if "pwconv" in name and p.ndim == 2]
        chosen = {id(p) for p in matrices}
        rest = [p for p in self.model.parameters() if id(p) not in chosen]
        self.optimisers = [
            Muon(matrices, rate, machine.precision(device)),
            torch.optim.AdamW(rest, rate, betas=(0.8, 0.99), weight_decay=0.01),
        ]
        self.critics_optimiser = torch.optim.AdamW(self.critic.parameters(), 2e-4, betas=(0.8, 0.99))
        self.average, self.step = Average(self.model), 0

    def crops(self, step: int) -> tuple[torch.Tensor, int]:
        """Waves of this step (b, CROP · HOP) at various loudness, and the resolution that it looks at."""
        rng, chosen = seeded("vocoder", self.seed, step), []
        for _ in range(self.size):
            wave = rng.choice(self.waves)
            start = rng.randrange(len(wave) - CROP * HOP)
            chosen.append(wave[start : start + CROP * HOP] * 10 ** rng.uniform(-0.5, 0.2))
        return torch.stack(chosen).to(self.device), rng.choice(SIZES)

    def advance(self) -> float:
        """One step; returns the log-spectral distance of its batch, dB."""
        real, size = self.crops(self.step)
        rate = rate_at(self.step, self.steps, self.rate, min(WARM_UP, max(1, self.steps // 10)))
        with machine.autocast(self.device):
            made = self.model(log_mel(real))
        made, real = made.float(), real[:, : made.shape[1]]
        loss = spectral_loss(made, real, size)
        if self.step >= self.joins:
            own = self.critic.own_loss(made, real, self.step)
            self.critics_optimiser.zero_grad(set_to_none=True)
            own.backward()
            self.critics_optimiser.step()
            loss = loss + self.critic.vocoder_loss(made, real, self.step)
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
            for group in optimiser.param_groups:
                group["lr"] = rate
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
        self.average.update(self.model, self.step)
        self.step += 1
        with torch.no_grad():
            return float(log_distance(made, real)) * 8.686

    def parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {
            "model": self.model,
            "critic": self.critic,
            "muon": self.optimisers[0],
            "adamw": self.optimisers[1],
            "critics_adamw": self.critics_optimiser,
        }

    def save(self, path: Path) -> None:
        states = {name: part.state_dict() for name, part in self.parts().items()}
        save(path, **states, average=self.average.values, step=self.step)

    def resume(self, path: Path) -> None:
        kept = load(path, self.device)
        for name, part in self.parts().items():
            part.load_state_dict(kept[name])
        self.average.values, self.step = kept["average"], kept["step"]


@torch.inference_mode()
def held_out_distance(state: dict[str, torch.Tensor], waves: Sequence[torch.Tensor]) -> float:
    """Log-spectral distance of the averaged weights on whole utterances that training never hears, dB."""
    model = new_vocoder().eval()
    model.load_state_dict({name: value.cpu() for name, value in state.items()})
    found = [log_spectral_distance(model(log_mel(wave)[None])[0].numpy(), wave.numpy()) for wave in waves]
    return sum(found) / len(found)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--corpus", nargs="+", required=True)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--init", type=Path)
    parser.add_argument("--adversary", type=float, default=1.0, metavar="SHARE")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default=machine.usual_device())
    o = parser.parse_args()
    machine.threads(o.threads)
    kept, held_out = shards.split(list(shards.read(o.corpus)), HELD_OUT)
    run = Run(
        [said.as_float() for said in kept],
        steps=o.steps,
        rate=o.rate,
        batch=o.batch,
        seed=o.seed,
        adversary=o.adversary,
        device=o.device,
        init=o.init,
    )
    if o.checkpoint.exists():
        run.resume(o.checkpoint)
    begin, first, recent = time.monotonic(), run.step, []
    while run.step < run.steps:
        recent.append(run.advance())
        if run.step % 100 == 0:
            pace = (time.monotonic() - begin) / (run.step - first)
            left = pace * (run.steps - run.step) / 60
            near = sum(recent[-200:]) / len(recent[-200:])
            print(
                f"step {run.step}: {near:.2f} dB, {pace:.2f} s a step, about {left:.0f} min left", flush=True
            )
        if run.step % 250 == 0 or run.step == run.steps:
            run.save(o.checkpoint)
        if run.step % 500 == 0 or run.step == run.steps:
            distance = held_out_distance(run.average.values, [said.as_float() for said in held_out[:24]])
            print(f"held out: {distance:.3f} dB", flush=True)


if __name__ == "__main__":
    main()
