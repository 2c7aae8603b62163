"""v1 Base at its full size, seeded weights: the bytes of the file, and the memory of converting it and of speaking with it."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from f5lite.memory import meter
from f5lite.memory.measured import Measured
from f5lite.model.checkpoint import CONFIG_KEY
from f5lite.model.config import V1_BASE
from f5lite.shrink.int8 import plan
from f5lite.shrink.int8.file import HEADER_KEY, Header, Writer

MB = 1e6
QUIET = {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "2"}


def planned(steps: int | None, text: bool = True) -> float:
    """MB of the file that a conversion would write: the plan knows every byte of it."""
    kept = plan.kinds(plan.expected(V1_BASE, False), "int8", steps is None, False)
    tensors = [t for t in plan.tensors(kept, V1_BASE, steps, False) if text or not t.name.startswith("text_")]
    header = Header(1, "int8", "model.safetensors", 1 << 30, "0" * 64, steps, -1.0).to_json()
    return Writer(Path("x"), tensors, {CONFIG_KEY: "?" * 700, HEADER_KEY: header}).bytes / MB


def work(source: str, folder: str) -> int:
    from f5lite.model import library
    from f5lite.shrink.int8.convert import convert

    return convert(library.find(source), folder, steps=2).model_bytes


def speak(folder: str, residency: str, reference: str) -> tuple[int, float]:
    """Reference and text of the same length: 2 x 256 frames. Two passes, text to wave."""
    import f5lite

    text = "a" * 50
    said = f5lite.load(folder, residency=residency).speak(
        text, ref=reference, ref_text=text[2:], steps=2, seed=0
    )
    assert np.isfinite(said.wave).all()
    return 256 + len(said.mel), said.seconds["acoustic"]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("sound") / "reference.wav"
    noise = 0.05 * np.random.default_rng(0).standard_normal(256 * 256)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 24000, 0, "NONE", ""))
        file.writeframes((noise * 32767).astype("<i2").tobytes())
    return str(path)


@pytest.fixture(scope="module")
def conversion(v1_base_synthetic: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Measured]:
    folder = str(tmp_path_factory.mktemp("v1") / "int8")
    return folder, meter.measure(work, (str(v1_base_synthetic), folder), env=QUIET)


def test_bytes() -> None:
    assert planned(7) <= 235, "text and DiT together"
    assert planned(7, text=False) <= 200
    assert planned(None, text=False) <= 350, "the DiT with AdaLN kept"


def test_converting_needs_no_more_than_a_layer(conversion: tuple[str, Measured]) -> None:
    folder, measured = conversion
    assert abs(measured.result / MB - planned(2)) < 0.01, "the plan tells the file's size"
    assert (Path(folder) / "model.safetensors").stat().st_size == measured.result
    assert measured.peak_anonymous_mb <= 150


@pytest.mark.measures
@pytest.mark.parametrize("residency,peak", [("on-demand", 300), ("streamed", 150)])
def test_speaking(conversion: tuple[str, Measured], reference: str, residency: str, peak: int) -> None:
    measured = meter.measure(speak, (conversion[0], residency, reference), env=QUIET)
    frames, _ = measured.result
    assert abs(frames - 512) <= 2
    assert measured.peak_anonymous_mb <= 120
    assert measured.peak_rss_mb <= peak
