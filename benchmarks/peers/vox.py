"""vox-tts, a C++ engine with mapped weights and a memory planner: whole utterances through its Python binding.

It offers no single pass; one is worked out as the difference of an utterance of three steps and one of one step, halved.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

RATE, HOP = 24000, 256


def imports(settings: dict[str, Any]) -> None:
    import vox

    assert vox.Engine


def converted(model: Path, settings: dict[str, Any]) -> Path:
    return model.with_name(f"{model.name}-vox-{settings['quant'] or 'f32'}.tmod")


def prepare(model: Path, settings: dict[str, Any]) -> None:
    """Its own converter; it wants upstream's key names, so the seeded weights are first written under them."""
    target = converted(model, settings)
    if target.is_file():
        return
    from safetensors.numpy import load_file, save_file

    given = model.with_name(f"{model.name}-upstream-names.safetensors")
    weights = load_file(model / "model.safetensors")
    prefix = "" if next(iter(weights)).startswith("ema_model.") else "ema_model.transformer."
    save_file({prefix + name: value for name, value in weights.items()}, given)
    del weights
    partial = target.with_suffix(".partial")
    command = [
        sys.executable,
        "-m",
        "vox.build_f5",
        "--ckpt",
        str(given),
        "--quant",
        settings["quant"],
        "--no-hash",
    ]
    command += [
        "--vocab",
        str(model / "vocab.txt"),
        "--vocos",
        str(model / "vocoder.safetensors"),
        "-o",
        str(partial),
    ]
    try:
        subprocess.run(command, check=True)
        partial.replace(target)
    finally:
        given.unlink(missing_ok=True)


class Vox:
    def __init__(self, model: Path, settings: dict[str, Any]) -> None:
        import vox

        self.engine = vox.Engine(str(converted(model, settings)), device="cpu", threads=settings["threads"])
        self.voice: Any = None
        self.speed = 1.0

    def utterance(self, inputs: Path, steps: int) -> None:
        from benchmarks.inputs import sentence

        frames = np.load(inputs / "cond.npy", mmap_mode="r").shape[1]
        text = sentence(frames)[: max(12, frames // 8)]
        if self.voice is None:
            moments = np.arange(frames // 2 * HOP) / RATE
            hum = (0.25 * np.sin(2 * np.pi * 150 * moments)).astype(np.float32)
            self.voice = self.engine.clone_voice((hum, RATE), ref_text=text)
            # It takes no number of frames, so the speed is set that gives it; the warm-up pays for finding out.
            self.speed = self.speak(text, 1) / (frames // 2)
        made = self.speak(text, steps)
        if abs(made - frames // 2) > 0.03 * frames:
            raise RuntimeError(f"it spoke {made:.0f} frames instead of {frames // 2}")

    def speak(self, text: str, steps: int) -> float:
        """Frames of speech that came out."""
        return len(self.engine.synthesize(text, self.voice, nfe_step=steps, speed=self.speed, seed=0)) / HOP

    def pass_seconds(self, inputs: Path) -> float:
        """Worked out: see the top of the file."""
        taken = []
        for steps in (1, 3):
            begin = time.perf_counter()
            self.utterance(inputs, steps)
            taken.append(time.perf_counter() - begin)
        return (taken[1] - taken[0]) / 2


def load(model: Path, settings: dict[str, Any]) -> Vox:
    return Vox(model, settings)
