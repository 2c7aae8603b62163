"""Conversion: what is in the folder, what it means, and what happens when the source, the disk or the destination is bad."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from f5lite.errors import F5liteError
from f5lite.model import library
from f5lite.model.checkpoint import Checkpoint
from f5lite.model.tensorfile import TensorFile
from f5lite.shrink.int8 import file as converted_file
from f5lite.shrink.int8.convert import Report, convert
from f5lite.shrink.int8.file import Header, Writer, check
from f5lite.shrink.int8.quantise import dequantise
from tests.shrink.int8.models import SMALL, nothing_left


def test_the_folder_says_what_it_is(source: Path, done: tuple[Path, Report]) -> None:
    folder, report = done
    assert {p.name for p in folder.iterdir()} == {
        "model.safetensors",
        "vocoder.safetensors",
        "vocab.txt",
        "config.json",
        "conversion.json",
    }
    header = check(folder / "model.safetensors")
    assert (header.version, header.steps, header.sway, header.precision) == (1, 7, -1.0, "int8")
    assert header.source_bytes == (source / "model.safetensors").stat().st_size
    assert Checkpoint(folder / "model.safetensors").config() == library.find(source).config
    assert (folder / "vocab.txt").read_text() == (source / "vocab.txt").read_text()
    assert json.loads((folder / "conversion.json").read_text())["source_sha256"] == header.source_sha256
    assert report.model_bytes == (folder / "model.safetensors").stat().st_size
    umask = os.umask(0)
    os.umask(umask)
    assert folder.stat().st_mode & 0o777 == 0o777 & ~umask


def test_the_safetensors_library_reads_it_too(done: tuple[Path, Report]) -> None:
    mine = TensorFile(done[0] / "model.safetensors")
    with safe_open(done[0] / "model.safetensors", "pt") as theirs:
        assert set(theirs.keys()) == set(mine.keys())
        for key in theirs.keys():  # noqa: SIM118
            assert torch.equal(theirs.get_tensor(key), mine.view(key)), key


def test_every_weight_is_what_the_report_says(source: Path, done: tuple[Path, Report]) -> None:
    folder, report = done
    old, new = Checkpoint(source / "model.safetensors"), Checkpoint(folder / "model.safetensors")
    old_vocoder, new_vocoder = (Checkpoint(f / "vocoder.safetensors") for f in (source, folder))
    kinds = set()
    for layer in report.layers:
        before, after = (old, new) if layer.name in new.names else (old_vocoder, new_vocoder)
        wanted, found = before.tensor(layer.name), after.tensor(layer.name)
        if layer.kind == "int8":
            found = dequantise(found, after.tensor(f"{layer.name}_scale"))
        error = float((wanted - found.float()).norm() / wanted.norm())
        assert error == pytest.approx(layer.relative_error, rel=1e-3, abs=1e-9), layer.name
        assert error <= {"int8": 0.02, "bf16": 0.003, "fp32": 0.0}[layer.kind], layer.name
        kinds.add(layer.kind)
    assert kinds == {"int8", "bf16", "fp32"}
    folded = set(old.names) - set(new.names)
    assert all("attn_norm" in n or "time_embed" in n or "norm_out" in n for n in folded) and folded


def test_blocks_lie_together_and_q_k_v_in_a_row(done: tuple[Path, Report]) -> None:
    entries = TensorFile(done[0] / "model.safetensors").entries
    for block in range(SMALL.dit.depth):
        names = [n for n in entries if n.startswith(f"transformer_blocks.{block}.")]
        first, last = min(entries[n].start for n in names), max(entries[n].stop for n in names)
        assert sum(entries[n].bytes for n in names) == last - first
        for leaf in ("weight", "weight_scale", "bias"):
            q, k, v = (entries[f"transformer_blocks.{block}.attn.to_{x}.{leaf}"] for x in "qkv")
            assert q.stop == k.start and k.stop == v.start
    assert all(e.start % e.dtype.itemsize == 0 for e in entries.values()), "all can be used where they lie"


@pytest.mark.parametrize("precision", ["int8", "bf16"])
@pytest.mark.parametrize("keep", [True, False])
def test_each_way_gives_a_whole_file(source: Path, tmp_path: Path, precision: str, keep: bool) -> None:
    folder = tmp_path / "out"
    report = convert(library.find(source), folder, precision=precision, keep_modulation=keep, steps=5)
    names = Checkpoint(folder / "model.safetensors").names
    assert ("modulation.blocks" in names) != keep
    assert ("transformer_blocks.0.attn_norm.linear.weight" in names) == keep
    assert check(folder / "model.safetensors").steps == (None if keep else 5)
    assert any(layer.kind == "int8" for layer in report.layers) == (precision == "int8")


def test_a_pickle_of_half_precision_can_be_the_source(source: Path, tmp_path: Path) -> None:
    weights = TensorFile(source / "model.safetensors")
    state = {key: weights.read(key).half() for key in weights.keys()}  # noqa: SIM118
    torch.save({"ema_model_state_dict": state}, tmp_path / "model.pt")
    files = library.find(
        tmp_path / "model.pt",
        vocab=source / "vocab.txt",
        vocoder=source / "vocoder.safetensors",
        config=SMALL,
    )
    report = convert(files, tmp_path / "out")
    assert max(layer.relative_error for layer in report.layers) < 0.02


def test_progress_grows_to_the_end_of_every_phase(source: Path, tmp_path: Path) -> None:
    seen: dict[str, list[tuple[int, int]]] = {}
    convert(
        library.find(source), tmp_path / "out", progress=lambda p, d, t: seen.setdefault(p, []).append((d, t))
    )
    assert list(seen) == ["read", "write", "verify", "rename"]
    for phase, steps in seen.items():
        done = [d for d, _ in steps]
        assert done == sorted(done), phase
        assert 0.97 * steps[-1][1] <= done[-1] <= steps[-1][1], phase


def test_converting_what_is_converted_is_refused(done: tuple[Path, Report], tmp_path: Path) -> None:
    with pytest.raises(F5liteError, match="converted already"):
        convert(library.find(done[0]), tmp_path / "out")
    assert nothing_left(tmp_path)


def test_a_destination_that_is_there_or_cannot_be(source: Path, tmp_path: Path) -> None:
    files = library.find(source)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "precious.txt").write_text("keep me")
    with pytest.raises(F5liteError, match="is there already; .*--force"):
        convert(files, tmp_path / "there")
    with pytest.raises(F5liteError, match="not a converted model"):
        convert(files, tmp_path / "there", force=True)
    with pytest.raises(F5liteError, match="is a folder"):
        convert(files, tmp_path / "out.safetensors")
    with pytest.raises(F5liteError, match="doesn't exist"):
        convert(files, tmp_path / "no" / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["there"]
    assert (tmp_path / "there" / "precious.txt").read_text() == "keep me"


def test_force_replaces_a_converted_model(source: Path, tmp_path: Path) -> None:
    files = library.find(source)
    convert(files, tmp_path / "out", steps=2)
    convert(files, tmp_path / "out", steps=3, force=True)
    assert check(tmp_path / "out" / "model.safetensors").steps == 3
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_damaged_file_is_found(done: tuple[Path, Report], tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    raw = bytearray((done[0] / "model.safetensors").read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(F5liteError, match="damaged"):
        check(path)


def test_a_writer_refuses_what_was_not_planned(tmp_path: Path) -> None:
    plan = [converted_file.Planned("a", torch.float32, (2,))]
    with Writer(tmp_path / "x", plan, {}) as writer:
        with pytest.raises(ValueError, match="doesn't fit"):
            writer.put("a", torch.zeros(2, dtype=torch.int8))
        with pytest.raises(ValueError, match="doesn't fit"):
            writer.put("a", torch.zeros(3))
        with pytest.raises(ValueError, match="was not written"):
            writer.flush()
    assert Header(1, "int8", "s", 1, "0").to_json()
