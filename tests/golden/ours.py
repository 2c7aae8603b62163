"""f5lite's answers to the cases of this folder, asked through its stages."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from f5lite.model.acoustic import DiT
from f5lite.model.config import DiTConfig, VocosConfig
from f5lite.model.flow import sample, time_grid
from f5lite.model.text import TextEmbedding
from f5lite.model.vocoder import Vocos
from tests.golden import seeded


def tensor(value: Any) -> Any:
    return torch.from_numpy(np.ascontiguousarray(value)) if isinstance(value, np.ndarray) else value


class Model:
    """The text and the acoustic stage with the weights that upstream's one module was given."""

    def __init__(self, arguments: dict[str, Any], *name: object) -> None:
        config = DiTConfig.from_dict(arguments)
        self.text, self.acoustic = TextEmbedding(config).eval(), DiT(config).eval()
        parts = {f"text_embed.{k}": p for k, p in self.text.named_parameters()}
        parts.update(self.acoustic.named_parameters())
        self.weights = seeded.weights({k: tuple(p.shape) for k, p in parts.items()}, *name)
        with torch.no_grad():
            for key, parameter in parts.items():
                parameter.copy_(tensor(self.weights[key]))

    def embeddings(
        self, tokens: torch.Tensor, frames: int | torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """With the text and without."""
        return self.text(tokens, frames), self.text(tokens, frames, drop_text=True)


@torch.no_grad()
def text_embedding(model: Model, inputs: dict[str, Any], case: dict[str, Any]) -> np.ndarray:
    """(b, frames, text_dim)."""
    mask = tensor(inputs["mask"])
    frames = inputs["x"].shape[1] if mask is None else mask.sum(dim=1)
    return model.text(tensor(inputs["text"]), frames, case.get("drop") in ("text", "both")).numpy()


@torch.no_grad()
def run_pass(model: Model, inputs: dict[str, Any], case: dict[str, Any]) -> np.ndarray:
    """(b or 2b, frames, mels): the velocity, of the guided pair where the case asks for it."""
    x, cond, mask = (tensor(inputs[key]) for key in ("x", "cond", "mask"))
    time = torch.as_tensor(inputs["time"])
    with_text, without = model.embeddings(
        tensor(inputs["text"]), x.shape[1] if mask is None else mask.sum(dim=1)
    )
    drop = case.get("drop")
    silence = torch.zeros_like(cond)
    if case.get("packed"):
        pair = torch.cat(
            [model.acoustic.embed(x, cond, with_text, mask), model.acoustic.embed(x, silence, without, mask)]
        )
        both = None if mask is None else torch.cat([mask, mask])
        return model.acoustic.flow(pair, torch.cat([time, time]), both).numpy()
    heard = silence if drop in ("audio", "both") else cond
    read = without if drop in ("text", "both") else with_text
    return model.acoustic(x, heard, read, time, mask).numpy()


def durations(inputs: dict[str, Any]) -> list[int]:
    """Frames of each utterance as `CFM.sample` settles them: room for text and reference, no more than allowed."""
    batch, width = inputs["cond"].shape[:2]
    asked, lens = inputs["duration"], inputs["lens"] or [width] * batch
    asked = asked if isinstance(asked, list) else [asked] * batch
    texts = (inputs["text"] != -1).sum(axis=1)
    return [
        int(min(max(d, t + 1, n + 1), inputs["max_duration"]))
        for d, t, n in zip(asked, texts, lens, strict=True)
    ]


def run_sample(model: Model, inputs: dict[str, Any], watch: list[np.ndarray] | None = None) -> np.ndarray:
    """(b, frames, mels) with the reference put back; `watch` collects x at every evaluation of the network."""
    frames = durations(inputs)
    cond = tensor(inputs["cond"])
    if inputs["no_ref_audio"]:
        cond = torch.zeros_like(cond)
    lengths = None if inputs["lens"] is None else torch.tensor(inputs["lens"])
    one = len(frames) == 1
    with torch.no_grad():
        text, no_text = model.embeddings(tensor(inputs["text"]), frames[0] if one else torch.tensor(frames))
    handle = None
    if watch is not None:
        handle = model.acoustic.input_embed.register_forward_pre_hook(
            lambda _, args: watch.append(args[0].numpy().copy())
        )
    try:
        return sample(
            model.acoustic, cond, text, no_text,
            lengths=lengths,
            durations=torch.tensor(frames),
            grid=time_grid(inputs["steps"], inputs["sway"], inputs["epss"]),
            guidance=inputs["guidance"],
            seed=inputs["seed"],
            method=inputs["method"],
            edit_mask=tensor(inputs["edit"]),
        ).numpy()  # fmt: skip
    finally:
        if handle is not None:
            handle.remove()


def vocos(arguments: dict[str, int], *name: object) -> tuple[Vocos, dict[str, np.ndarray]]:
    model = Vocos(VocosConfig(**arguments)).eval()
    drawn = seeded.weights({k: tuple(p.shape) for k, p in model.named_parameters()}, *name)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            parameter.copy_(tensor(drawn[key]))
    return model, drawn
