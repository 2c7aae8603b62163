"""Upstream's answers to the cases of this folder, as numpy arrays.

Runs in upstream's environment (see tests/parity/upstream.py).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from tests.golden import cases, seeded


def tensor(value: Any) -> Any:
    return torch.from_numpy(np.ascontiguousarray(value)) if isinstance(value, np.ndarray) else value


def build(
    upstream: SimpleNamespace, arguments: dict[str, Any], *name: object
) -> tuple[torch.nn.Module, dict[str, np.ndarray]]:
    """Upstream's `DiT` with every parameter drawn again: none of them at the zero that it starts from."""
    model = upstream.DiT(**arguments, dropout=0.0)
    drawn = seeded.weights({k: tuple(v.shape) for k, v in model.named_parameters()}, *name)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            parameter.copy_(tensor(drawn[key]))
    return model.eval(), drawn


@torch.no_grad()
def run_pass(model: torch.nn.Module, inputs: dict[str, Any], case: dict[str, Any]) -> np.ndarray:
    """(b or 2b, frames, mels): the velocity."""
    drop = case.get("drop")
    return model(
        x=tensor(inputs["x"]),
        cond=tensor(inputs["cond"]),
        text=tensor(inputs["text"]),
        time=torch.as_tensor(inputs["time"]),
        mask=tensor(inputs["mask"]),
        drop_audio_cond=drop in ("audio", "both"),
        drop_text=drop in ("text", "both"),
        cfg_infer=case.get("packed", False),
        cache=False,
    ).numpy()


@torch.no_grad()
def text_embedding(model: torch.nn.Module, inputs: dict[str, Any], case: dict[str, Any]) -> np.ndarray:
    """(b, frames, text_dim): what the text stage hands to the acoustic stage."""
    mask = tensor(inputs["mask"])
    lengths = inputs["x"].shape[1] if mask is None else mask.sum(dim=1)
    return model.text_embed(
        tensor(inputs["text"]), seq_len=lengths, drop_text=case.get("drop") in ("text", "both")
    ).numpy()


def run_sample(
    upstream: SimpleNamespace, model: torch.nn.Module, inputs: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """(b, frames, mels) with the reference put back, and the trajectory (steps + 1, b, frames, mels)."""
    cfm = upstream.CFM(
        model,
        odeint_kwargs=dict(method=inputs["method"]),
        mel_spec_kwargs=dict(n_mel_channels=cases.MELS),
    )
    lens, duration = inputs["lens"], inputs["duration"]
    out, trajectory = cfm.sample(
        cond=tensor(inputs["cond"]),
        text=tensor(inputs["text"]),
        duration=torch.tensor(duration) if isinstance(duration, list) else duration,
        lens=None if lens is None else torch.tensor(lens),
        steps=inputs["steps"],
        cfg_strength=inputs["guidance"],
        sway_sampling_coef=inputs["sway"],
        seed=inputs["seed"],
        max_duration=inputs["max_duration"],
        use_epss=inputs["epss"],
        no_ref_audio=inputs["no_ref_audio"],
        edit_mask=tensor(inputs["edit"]),
    )
    return out.numpy(), trajectory.numpy()


def time_grid(upstream: SimpleNamespace, steps: int, sway: float | None, epss: bool) -> np.ndarray:
    """The grid that `CFM.sample` integrates over, taken from the call that it makes to the solver."""
    from f5_tts.model import cfm as module

    seen: list[np.ndarray] = []

    def record(function: Any, start: torch.Tensor, grid: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        seen.append(grid.numpy())
        return start[None]

    solver, module.odeint = module.odeint, record
    try:
        model, _ = build(upstream, {**cases.BASE, "depth": 1}, "grid")
        inputs = cases.sample_inputs("grid", dict(steps=steps, sway=sway, epss=epss))
        run_sample(upstream, model, inputs)
    finally:
        module.odeint = solver
    return seen[0]


def vocos(
    upstream: SimpleNamespace, arguments: dict[str, int], *name: object
) -> tuple[torch.nn.Module, dict[str, np.ndarray]]:
    """Backbone and head of a Vocos with drawn weights, under the key names of its published file."""
    model = upstream.Vocos(
        feature_extractor=torch.nn.Identity(),
        backbone=upstream.VocosBackbone(input_channels=cases.MELS, **arguments),
        head=upstream.ISTFTHead(dim=arguments["dim"], n_fft=1024, hop_length=256, padding="center"),
    )
    drawn = seeded.weights({k: tuple(v.shape) for k, v in model.named_parameters()}, *name)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            parameter.copy_(tensor(drawn[key]))
    return model.eval(), drawn


def tokens(upstream: SimpleNamespace, texts: list[str], vocabulary: dict[str, int]) -> list[dict[str, Any]]:
    """For each text the symbols that upstream makes of it and their numbers (0 for those it doesn't know)."""
    answers = []
    for text in texts:
        (symbols,) = upstream.text.convert_char_to_pinyin([text])
        (numbers,) = upstream.text.list_str_to_idx([symbols], vocabulary).tolist()
        answers.append(dict(text=text, symbols=symbols, ids=[int(n) for n in numbers]))
    return answers


def vocabulary(upstream: SimpleNamespace, content: str) -> dict[str, int]:
    """What upstream reads from a `vocab.txt` with this content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.txt"
        path.write_text(content, encoding="utf-8")
        return upstream.text.get_tokenizer(str(path), "custom")[0]
