"""The figures of lesson 05: sizes from a conversion, a conversion made anew when it is out of date, what an optimiser saves."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from f5lite.errors import F5liteError
from f5lite.evidence import int8_bytes
from f5lite.memory.measured import Measured
from f5lite.model.checkpoint import Checkpoint


def test_sizes_are_those_of_the_tensors(small_model: Path, tmp_path: Path) -> None:
    folder = int8_bytes.converted(small_model, tmp_path / "int8", steps=2)
    found = int8_bytes.sizes(folder)
    checkpoint = Checkpoint(folder / "model.safetensors")
    values = [n for n in checkpoint.names if checkpoint.tensor(n).dtype == torch.int8]
    numbers = sum(checkpoint.tensor(n).numel() for n in values)
    rows = sum(len(checkpoint.tensor(n)) for n in values)
    assert found.linear_fp32 == pytest.approx(4 * numbers / 1e6)
    assert found.linear_int8 == pytest.approx((numbers + 4 * rows) / 1e6)
    assert found.file_fp32 == pytest.approx((small_model / "model.safetensors").stat().st_size / 1e6)
    assert found.file_int8 == pytest.approx((folder / "model.safetensors").stat().st_size / 1e6)


def test_a_conversion_is_kept_until_its_source_or_the_format_changes(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = int8_bytes.converted(small_model, tmp_path / "int8", steps=2)
    first = folder.stat().st_ino
    assert int8_bytes.converted(small_model, folder, steps=2).stat().st_ino == first
    os.utime(folder / "model.safetensors", (1, 1))
    second = int8_bytes.converted(small_model, folder, steps=2).stat().st_ino
    assert second != first
    monkeypatch.setattr("f5lite.shrink.int8.file.VERSION", 0)  # it was written by a newer format
    assert not int8_bytes._fresh(small_model / "model.safetensors", folder)


def test_an_8bit_optimiser_leaves_no_8bit_weights() -> None:
    plain, small = int8_bytes.trained("AdamW"), int8_bytes.trained("AdamW8bit")
    assert plain.checkpoint_types == small.checkpoint_types == ("float32",)
    assert plain.checkpoint_bytes == small.checkpoint_bytes == 4
    assert (plain.state_bytes, small.state_bytes) == (8, 2)
    assert not small.is_8bit
    assert int8_bytes.Trained("x", ("float32", "int8"), 1, 1).is_8bit


def test_one_scale_for_all_is_worst() -> None:
    whole, rows, tokens = int8_bytes.schemes().values()
    assert whole > rows > 5 * tokens and tokens < 2


def test_a_library_that_is_not_there_or_fails_gives_a_reason(
    small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "isn't installed" in int8_bytes.peer("no_such_library", small_model, 8)
    assert int8_bytes.peer("json", small_model, 8).startswith("unavailable: raised F5liteError")
    with pytest.raises(F5liteError, match="bitsandbytes, torchao"):
        int8_bytes.quantised_by("json", str(small_model), 8)


def test_a_library_quantises_the_blocks(small_model: Path) -> None:
    run = int8_bytes.peer("bitsandbytes", small_model, 8)
    assert isinstance(run, Measured) and run.peak_rss_mb > 0
    assert json.dumps(run.to_dict())
