"""Upstream's own way to serve requests: its package's classes, both models loaded at once and kept, in a process of its own.

The work of one request is the same as in `f5lite.evidence.residency.requests`: one step, guidance on, then the vocoder.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from f5lite.memory import meter

SHAPE = dict(dim=1024, depth=22, heads=16, ff_mult=2, text_dim=512, conv_layers=4)


def requests(
    model: str, count: int = 10, pause: float = 1.0, frames: int = 138, depth: int = 22
) -> dict[str, Any]:
    """Load as `f5_tts.infer.utils_infer` loads, then serve. Returns the seconds from each request to its sound."""
    from tests.parity import upstream

    package = upstream.load(inference=True)
    import torch
    from safetensors.torch import load_file

    # A published file also holds the 32 rotary frequencies, which are the same in every model; the seeded one doesn't.
    strictly = package.CFM.load_state_dict
    package.CFM.load_state_dict = lambda self, weights: strictly(self, weights, strict=False)

    folder, waits, vocoder, f5 = Path(model), [], None, None
    hum = torch.sin(torch.arange(24000 * 6 // 10) * 0.04)[None]
    for number in range(count):
        with meter.phase("request"):
            start = time.perf_counter()
            if f5 is None:  # the first request waits for both models, as in f5lite's own runs
                f5 = package.infer.load_model(
                    package.DiT,
                    dict(SHAPE, depth=depth),
                    str(folder / "model.safetensors"),
                    vocab_file=str(folder / "vocab.txt"),
                    device="cpu",
                ).eval()
                vocoder = _vocoder(package, load_file(folder / "vocoder.safetensors"))
            with torch.inference_mode():
                mel, _ = f5.sample(
                    cond=hum,
                    text=["A short clip.  Ten short requests."],
                    duration=frames,
                    steps=1,
                    cfg_strength=2.0,
                    sway_sampling_coef=-1.0,
                    seed=number,
                )
                vocoder.decode(mel.permute(0, 2, 1))
            waits.append(time.perf_counter() - start)
        with meter.phase("idle"):
            time.sleep(pause)
    return {"first_sounds": waits}


def _vocoder(package: Any, weights: dict[str, Any]) -> Any:
    """Vocos at the published size, from upstream's classes; its feature extractor isn't used for decoding."""
    import torch

    backbone = package.VocosBackbone(input_channels=100, dim=512, intermediate_dim=1536, num_layers=8)
    head = package.ISTFTHead(dim=512, n_fft=1024, hop_length=256, padding="center")
    vocos = package.Vocos(torch.nn.Identity(), backbone, head)
    vocos.load_state_dict(weights, strict=False)
    return vocos.eval()
