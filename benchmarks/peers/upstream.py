"""The f5-tts package as it comes: its classes, its loader, fp32. Runs in a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

package: Any = None


def imports(settings: dict[str, Any]) -> None:
    global package
    from tests.parity import upstream

    package = upstream.load(inference=True)


class Upstream:
    """Both models loaded at once and kept, as `f5_tts.infer.utils_infer` does."""

    def __init__(self, model: Path, settings: dict[str, Any]) -> None:
        from safetensors.torch import load_file

        from benchmarks.upstream_requests import SHAPE, _vocoder

        # A published file also holds the rotary frequencies, which are the same in every model; the seeded one doesn't.
        strictly = package.CFM.load_state_dict
        package.CFM.load_state_dict = lambda self, weights: strictly(self, weights, strict=False)
        self.f5 = package.infer.load_model(
            package.DiT,
            dict(SHAPE, depth=settings["blocks"]),
            str(model / "model.safetensors"),
            vocab_file=str(model / "vocab.txt"),
            device="cpu",
        ).eval()
        self.vocoder = (
            _vocoder(package, load_file(model / "vocoder.safetensors")) if settings.get("whole") else None
        )

    def one_pass(self, inputs: Path) -> np.ndarray:
        """As its sampler calls its DiT: the guided pair in one batch, the text's embedding kept from the first call."""
        import torch

        from benchmarks import inputs as given

        arrays = {name: torch.from_numpy(np.asarray(value)) for name, value in given.read(inputs).items()}
        dit = self.f5.transformer
        if getattr(self, "of", None) != inputs:
            dit.clear_cache()
            self.of = inputs
        with torch.inference_mode():
            return dit(
                x=arrays["x"],
                cond=arrays["cond"],
                text=arrays["tokens"],
                time=arrays["time"],
                cfg_infer=True,
                cache=True,
            ).numpy()

    def utterance(self, inputs: Path, steps: int) -> None:
        import torch

        from benchmarks import inputs as given

        arrays = given.read(inputs, ("cond", "tokens"))
        frames = arrays["cond"].shape[1]
        with torch.inference_mode():
            mel, _ = self.f5.sample(
                cond=torch.from_numpy(arrays["cond"][:, : frames // 2]),
                text=torch.from_numpy(arrays["tokens"]),
                duration=frames,
                steps=steps,
                cfg_strength=2.0,
                sway_sampling_coef=-1.0,
                seed=0,
            )
            self.vocoder.decode(mel.permute(0, 2, 1).clamp(-11.5, 2))


def load(model: Path, settings: dict[str, Any]) -> Upstream:
    return Upstream(model, settings)
