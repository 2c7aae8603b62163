"""The model that questions of size and speed are asked of, the same in every lesson: v1 Base's shape, seeded weights.

Bytes and arithmetic are those of the real checkpoint; the sound is noise. A machine below 3 GiB or two cores takes the
same width with 4 blocks, and the note says so. The files are written once, into the cache folder.
"""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from f5lite import machine
from f5lite.errors import F5liteError
from f5lite.model import anatomy
from f5lite.model.config import V1_BASE, ModelConfig

SMALL_MACHINE, FEW_BLOCKS = 3 << 30, 4
FRAMES, QUICK_FRAMES = 512, 128


@dataclass(frozen=True)
class Workload:
    """What to measure on this machine. `note` is empty for the full model, else says what was left out."""

    config: ModelConfig
    frames: int
    note: str = ""

    @property
    def whole(self) -> bool:
        """Whether the figures are those of the full model."""
        return self.config.dit.depth == V1_BASE.dit.depth

    @property
    def megabytes(self) -> float:
        """The fp32 weights without the vocoder, MB (10^6 bytes)."""
        parts = anatomy.weights(self.config)
        return 4 * (anatomy.total(parts) - anatomy.total(parts, "vocoder")) / 1e6


def workload(memory_bytes: int, cores: int, quick: bool = False) -> Workload:
    """Pure: the workload for a machine with that much memory and that many cores."""
    blocks = f"the same width with {FEW_BLOCKS} blocks instead of {V1_BASE.dit.depth}"
    if quick:
        return Workload(V1_BASE.with_blocks(FEW_BLOCKS), QUICK_FRAMES, f"Quick mode: {blocks}, short inputs.")
    if memory_bytes < SMALL_MACHINE or cores < 2:
        why = "under 3 GiB of memory" if memory_bytes < SMALL_MACHINE else "a single core"
        return Workload(V1_BASE.with_blocks(FEW_BLOCKS), FRAMES, f"This machine has {why}: {blocks}.")
    return Workload(V1_BASE, FRAMES)


def here() -> Workload:
    """The workload for this machine."""
    return workload(machine.memory_limit()[0], machine.cores(), machine.quick())


def prepare(config: ModelConfig, seed: int = 0, outliers: bool = False, folder: Path | None = None) -> Path:
    """The folder with the seeded weights, written if it isn't there yet (a minute at most). `f5lite.load` takes it."""
    from f5lite.model.synthetic import synthetic

    name = f"{config.name}-{config.dit.depth}-{seed}" + ("-outliers" if outliers else "")
    target = (folder or machine.cache_folder() / "synthetic") / name
    if (target / "config.json").is_file() and (target / "vocoder.safetensors").is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    needed = 4 * anatomy.total(anatomy.weights(config))
    if shutil.disk_usage(target.parent).free < 1.1 * needed:
        raise F5liteError(
            f"{target.parent} needs {needed / 1e6:,.0f} MB for the seeded weights and has less free; "
            "free some, or point F5LITE_CACHE at a larger disk"
        )
    return synthetic(config, target, seed=seed, outliers=outliers)


def pass_times(
    folder: str | os.PathLike[str],
    frames: int = FRAMES,
    repeats: int = 5,
    change: Callable[[object], object] | None = None,
    warm_up: int = 1,
) -> list[float]:
    """Seconds of one DiT pass on the guided pair, `repeats` times after a warm-up.

    change: applied to the loaded DiT first (an engine, a backend); what it returns is timed, or the DiT if None.
    """
    import torch

    from f5lite.pipeline import load

    pipeline = load(folder)
    dim = pipeline.config.dit.dim
    generator = torch.Generator().manual_seed(0)
    pair = torch.randn(2, frames, dim, generator=generator)
    now = torch.tensor(0.5)
    times = []
    with pipeline.acoustic as dit, torch.inference_mode():
        dit = (change(dit) if change else None) or dit
        for _ in range(warm_up + repeats):
            begin = time.perf_counter()
            dit.flow(pair, now)
            times.append(time.perf_counter() - begin)
    return times[warm_up:]


def request(
    folder: str | os.PathLike[str],
    frames: int = FRAMES,
    steps: int | None = 1,
    residency: str = "resident",
    attention: str | None = None,
    engine: str = "auto",
) -> dict[str, float]:
    """One whole request, text to wave, at a fixed length; returns seconds by stage, loading included.

    `frames` is reference and new speech together; the guided pair is `steps` passes (None: as many as the model was made
    for). For a process of its own
    (`memory.meter.isolated`): it loads the model and leaves nothing behind but the figures.
    """
    import torch

    from f5lite.model import flow
    from f5lite.pipeline import load

    pipeline = load(folder, residency=residency, attention=attention, engine=engine)
    mels = pipeline.config.mel.n_mels
    cond = torch.randn(1, frames // 2, mels, generator=torch.Generator().manual_seed(0)) - 5
    text = "the old clock on the wall has not been right for many years, and nobody minds " * 4
    tokens = pipeline.files.vocabulary.encode([text[: frames // 4]])
    seconds, begin = {}, time.perf_counter()

    def lap(name: str) -> None:
        nonlocal begin
        now = time.perf_counter()
        seconds[name], begin = now - begin, now

    with torch.inference_mode():
        with pipeline.text as embed:
            both = embed(tokens, frames), embed(tokens, frames, drop_text=True)
        lap("text")
        with pipeline.acoustic as dit:
            mel = flow.sample(dit, cond, *both, grid=flow.time_grid(steps or pipeline.steps), seed=0)
        lap("acoustic")
        with pipeline.vocoder as vocode:
            vocode(mel.clamp(-11.5, 2))
        lap("vocoder")
    return seconds


def utterance_seconds(passes: list[float], steps: int, rest: float = 0.0) -> float:
    """A whole utterance worked out from its passes: steps × median pass, plus what text and vocoder take. "Computed"."""
    return steps * statistics.median(passes) + rest
