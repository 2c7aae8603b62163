"""Conversion of bad sources, to bad disks: a clear error, and nothing left behind."""

from __future__ import annotations

import errno
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from f5lite.errors import F5liteError
from f5lite.model import library
from f5lite.model.tensorfile import TensorFile
from f5lite.shrink.int8 import file as converted_file
from f5lite.shrink.int8.convert import convert
from f5lite.shrink.int8.file import header_of
from tests.shrink.int8.models import nothing_left, small_model


@pytest.mark.parametrize("phase", ["read", "write", "verify"])
def test_a_source_that_changes_midway(source: Path, tmp_path: Path, phase: str) -> None:
    own = small_model(tmp_path / "source")
    out = tmp_path / "work"
    out.mkdir()
    changed = []

    def progress(now: str, done: int, total: int) -> None:
        if now == phase and done > 0.3 * total and not changed:
            with open(own / "model.safetensors", "r+b") as file:
                file.seek(-4000, os.SEEK_END)
                file.write(struct.pack("<f", 3.0) * 900)
            changed.append(True)

    try:
        convert(library.find(own), out / "x", progress=progress)
    except F5liteError as error:
        assert "changed while it was converted" in str(error)
        assert nothing_left(out)
    else:
        assert phase == "read", "a change before the checksum is taken is part of the source"
    assert changed


def test_a_source_cut_short_midway(tmp_path: Path) -> None:
    own = small_model(tmp_path / "source")
    out = tmp_path / "work"
    out.mkdir()
    size = (own / "model.safetensors").stat().st_size

    def progress(now: str, done: int, total: int) -> None:
        if now == "write":
            os.truncate(own / "model.safetensors", size // 2)

    with pytest.raises(F5liteError, match="cut short"):
        convert(library.find(own), out / "x", progress=progress)
    assert nothing_left(out)


def test_a_disk_that_is_full(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = library.find(source)
    real = os.posix_fallocate if hasattr(os, "posix_fallocate") else None
    if real:

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "posix_fallocate", full)
        with pytest.raises(F5liteError, match="no room .* MB free"):
            convert(files, tmp_path / "out")
        monkeypatch.setattr(os, "posix_fallocate", real)
    monkeypatch.setattr("f5lite.shrink.int8.workplace.shutil.disk_usage", lambda folder: _Free())
    with pytest.raises(F5liteError, match="it needs .* MB"):
        convert(files, tmp_path / "out")
    assert nothing_left(tmp_path)


class _Free:
    free = 1000


def test_a_file_size_limit_met_while_writing(source: Path, tmp_path: Path) -> None:
    """A real limit of the system, in a process of its own."""
    program = (
        "import resource, sys; from f5lite.cli import main; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "convert", str(source), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2 and "no room for the converted model" in done.stderr
    assert "Traceback" not in done.stderr and done.stdout == ""
    assert nothing_left(tmp_path)


def test_a_source_that_cannot_be_read(source: Path, tmp_path: Path) -> None:
    own = small_model(tmp_path / "source")
    files = library.find(own)
    (own / "model.safetensors").unlink()
    with pytest.raises(F5liteError, match="no file"):
        convert(files, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "name",
    [
        "transformer_blocks.1.ff.ff.2.weight",
        "transformer_blocks.1.attn_norm.linear.weight",
        "text_embed.text_embed.weight",
        "proj_out.bias",
    ],
)
def test_weights_that_are_no_numbers(tmp_path: Path, name: str, value: float) -> None:
    own = small_model(tmp_path / "source")
    entry = TensorFile(own / "model.safetensors").entries[f"ema_model.transformer.{name}"]
    with open(own / "model.safetensors", "r+b") as file:
        file.seek(entry.start + 8)
        file.write(struct.pack("<f", value))
    (tmp_path / "work").mkdir()
    with pytest.raises(F5liteError, match="NaN or infinity"):
        convert(library.find(own), tmp_path / "work" / "x")
    assert nothing_left(tmp_path / "work")


def rewritten(path: Path, change) -> None:
    """The file's header, changed; its data as it was."""
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + length :])


def hostile(name: str):
    first = "ema_model.transformer.proj_out.bias"

    def change(header: dict) -> None:
        entry = header[first]
        if name == "huge":
            entry["data_offsets"] = [0, 1 << 62]
            entry["shape"] = [1 << 60]
        elif name == "overlap":
            entry["data_offsets"] = [4, 4 + 4 * entry["shape"][0]]
        elif name == "path":
            header["ema_model.transformer.../../../etc/passwd"] = header.pop(first)
        elif name == "negative":
            entry["shape"] = [-1, -entry["shape"][0]]
        elif name == "dtype":
            entry["dtype"] = "F7"
        elif name == "backwards":
            entry["data_offsets"] = entry["data_offsets"][::-1]
        elif name == "shape":
            entry["shape"] = [entry["shape"][0] // 2, 2]
        elif name == "metadata":
            header["__metadata__"]["f5lite.config"] = '{"dit": {"dim": 1073741824}}'

    return change


@pytest.mark.parametrize(
    "name", ["huge", "overlap", "path", "negative", "dtype", "backwards", "shape", "metadata"]
)
def test_hostile_headers(tmp_path: Path, name: str) -> None:
    own = small_model(tmp_path / "source")
    rewritten(own / "model.safetensors", hostile(name))
    (tmp_path / "work").mkdir()
    with pytest.raises(F5liteError):
        convert(library.find(own), tmp_path / "work" / "x")
    assert nothing_left(tmp_path / "work")


@pytest.mark.parametrize("length", [0, 1, 1 << 40, (1 << 64) - 1])
def test_header_lengths_that_cannot_be(tmp_path: Path, length: int) -> None:
    own = small_model(tmp_path / "source")
    with open(own / "model.safetensors", "r+b") as file:
        file.write(struct.pack("<Q", length))
    with pytest.raises(F5liteError):
        convert(library.find(own), tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("size", [0, 4, 8, 100, 5000, -1])
def test_truncated_sources(tmp_path: Path, size: int) -> None:
    own = small_model(tmp_path / "source")
    path = own / "model.safetensors"
    os.truncate(path, size if size >= 0 else path.stat().st_size - 1)
    with pytest.raises(F5liteError):
        convert(library.find(own), tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "text,says",
    [
        ("{", "can't be read"),
        ("[]", "can't be read"),
        ('{"precision": "int8"}', "can't be read"),
        ('{"version": 2, "anything": 1}', "newer f5lite"),
        ('{"version": "1"}', "makes no sense"),
        ('{"version": 1}', "can't be read"),
    ],
)
def test_headers_of_converted_files_that_make_no_sense(text: str, says: str) -> None:
    with pytest.raises(F5liteError, match=says):
        header_of({converted_file.HEADER_KEY: text}, Path("x"))
