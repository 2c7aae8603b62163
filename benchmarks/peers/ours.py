"""f5lite itself, every precision, engine, attention backend and residency. Runs in a worker."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np


def imports(settings: dict[str, Any]) -> None:
    """What belongs to the baseline."""
    importlib.import_module("f5lite.pipeline")


def source(model: Path, settings: dict[str, Any]) -> Path:
    """The folder that is loaded: the seeded one, or what `prepare` converted from it."""
    from f5lite.evidence import int8_bytes

    return int8_bytes.beside(model) if settings.get("precision") == "int8" else model


def prepare(model: Path, settings: dict[str, Any]) -> None:
    """Before anything is measured: convert, and let an engine compile and calibrate what it keeps for later."""
    if settings.get("precision") == "int8":
        from f5lite.evidence import int8_bytes

        int8_bytes.converted(model, source(model, settings))
    if settings.get("prime") and settings.get("inputs"):
        load(model, settings).one_pass(Path(settings["inputs"]))


class Ours:
    """A loaded model of f5lite's: `dit` as the pipeline holds it."""

    def __init__(self, model: Path, settings: dict[str, Any]) -> None:
        import torch

        import f5lite

        dtype = torch.bfloat16 if settings.get("precision") == "bf16" else None
        self.pipeline = f5lite.load(
            source(model, settings),
            dtype=dtype,
            attention=settings.get("attention"),
            engine=settings.get("engine", "auto"),
            residency=settings.get("residency", "resident"),
        )
        self.engine = settings.get("engine")
        self.dtype = dtype or torch.float32
        self.dit: Any = None

    def one_pass(self, inputs: Path) -> np.ndarray:
        """The guided pair, embedded and sent through the DiT: (2, n, mels)."""
        return evaluate(self.opened(), self.dtype, inputs)

    def opened(self) -> Any:
        """The DiT, loaded on the first call and kept."""
        if self.dit is None:
            self.dit = self.pipeline.acoustic.__enter__()
            if self.engine == "fused" and type(self.dit.transformer_blocks[0]).__name__ != "FusedBlock":
                raise RuntimeError("it can't compile here: another engine would have run in its place")
        return self.dit

    def utterance(self, inputs: Path, steps: int) -> None:
        """Text stage, `steps` passes, vocoder."""
        import torch

        from benchmarks import inputs as given
        from f5lite.model import flow

        arrays = given.read(inputs, ("cond", "tokens"))
        frames = arrays["cond"].shape[1]
        cond, tokens = torch.from_numpy(arrays["cond"][:, : frames // 2]), torch.from_numpy(arrays["tokens"])
        with torch.inference_mode():
            with self.pipeline.text as embed:
                both = embed(tokens, frames), embed(tokens, frames, drop_text=True)
            with self.pipeline.acoustic as dit:
                mel = flow.sample(dit, cond, *both, grid=flow.time_grid(steps), seed=0)
            with self.pipeline.vocoder as vocode:
                vocode(mel.float().clamp(-11.5, 2))


def evaluate(dit: Any, dtype: Any, inputs: Path) -> np.ndarray:
    """One pass of a DiT of f5lite's: both halves of the pair embedded, then the blocks."""
    import torch

    from benchmarks import inputs as given

    x, cond, text, no_text, time = (
        torch.from_numpy(np.asarray(given.read(inputs)[name]))
        for name in ("x", "cond", "text", "no_text", "time")
    )
    with torch.inference_mode():
        x, cond, text, no_text = (each.to(dtype) for each in (x, cond, text, no_text))
        pair = torch.cat((dit.embed(x, cond, text), dit.embed(x, torch.zeros_like(cond), no_text)))
        return dit.flow(pair, time).float().numpy()


def load(model: Path, settings: dict[str, Any]) -> Ours:
    return Ours(model, settings)
