"""The converted file: safetensors with int8 weights, their scales, and a versioned header.

`X.weight` (int8, rows under each other) goes with `X.weight_scale` (float32, a row). What is used together lies together,
q, k and v in that order, so that one view serves the three. `modulation.times/blocks/final` is the folded AdaLN. Metadata:
`f5lite.config` (the model), `f5lite.converted` (JSON, see `Header`), `f5lite.sha256` (of the tensors' bytes).
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from f5lite.errors import F5liteError
from f5lite.model.tensorfile import DTYPES, TensorFile

VERSION = 1
HEADER_KEY, CHECKSUM_KEY = "f5lite.converted", "f5lite.sha256"
NAMES = {dtype: name for name, dtype in DTYPES.items()}
TABLE = ("modulation.times", "modulation.blocks", "modulation.final")
CHUNK = 1 << 20


@dataclass(frozen=True)
class Header:
    """What a converted file says about itself. steps, sway: of the time grid its table was made for; None with AdaLN kept."""

    version: int
    precision: str
    source: str
    source_bytes: int
    source_sha256: str
    steps: int | None = None
    sway: float | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def header_of(metadata: Mapping[str, str], path: Path) -> Header | None:
    """The header of a converted file, None for any other; F5liteError if it can't be understood."""
    text = metadata.get(HEADER_KEY)
    if text is None:
        return None
    try:
        values: dict[str, Any] = json.loads(text)
        version = values["version"]
        if version == VERSION:
            header = Header(**values)
            whole = isinstance(header.precision, str) and (header.steps is None or type(header.steps) is int)
            if whole:
                return header
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise F5liteError(f"{path}: its header can't be read ({error}); convert the model again") from error
    if isinstance(version, int) and version > VERSION:
        raise F5liteError(
            f"{path} was written by a newer f5lite (format {version}, this one reads {VERSION}); update f5lite"
        )
    raise F5liteError(f"{path}: its header makes no sense (format {version!r}); convert the model again")


@dataclass(frozen=True)
class Planned:
    """One tensor of a file to be written."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


class Writer:
    """Writes a safetensors file whose tensors arrive in any order and in pieces; `digests` has what was written."""

    def __init__(self, path: Path, plan: Iterable[Planned], metadata: Mapping[str, str]):
        self.path, self.plan = path, {p.name: p for p in plan}
        self.metadata = {**metadata, CHECKSUM_KEY: "0" * 64}
        self.offsets: dict[str, int] = {}
        position = 0
        for planned in self.plan.values():
            self.offsets[planned.name] = position
            position += planned.bytes
        self.start = 8 + len(self._header())
        self.bytes = self.start + position
        self.digests: dict[str, Any] = {}
        self.written: dict[str, int] = {}
        self.again = False

    def _header(self) -> bytes:
        table: dict[str, Any] = {"__metadata__": self.metadata}
        for p in self.plan.values():
            first = self.offsets[p.name]
            table[p.name] = {
                "dtype": NAMES[p.dtype],
                "shape": list(p.shape),
                "data_offsets": [first, first + p.bytes],
            }
        text = json.dumps(table, separators=(",", ":")).encode()
        return text + b" " * (-len(text) % 8)

    def __enter__(self) -> Writer:
        self.file = open(self.path, "rb+" if self.again else "wb+")  # noqa: SIM115
        if self.again:
            return self
        if hasattr(os, "posix_fallocate"):  # a full disk is found before the work, not after it
            try:
                os.posix_fallocate(self.file.fileno(), 0, self.bytes)
            except OSError as error:
                if error.errno not in _NOT_SUPPORTED:
                    raise
        text = self._header()
        self.file.write(struct.pack("<Q", len(text)) + text)
        return self

    @classmethod
    def reopen(cls, path: Path, plan: Iterable[Planned], metadata: Mapping[str, str]) -> Writer:
        """A written file again, for its stamp."""
        writer = cls(path, plan, metadata)
        writer.written = {p.name: p.bytes for p in writer.plan.values()}
        writer.again = True
        return writer

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def put(self, name: str, tensor: torch.Tensor) -> None:
        """The next rows of a tensor."""
        planned, done = self.plan[name], self.written.get(name, 0)
        raw = memoryview(tensor.detach().contiguous().view(-1).view(torch.uint8).numpy())
        if tensor.dtype != planned.dtype or done + len(raw) > planned.bytes:
            raise ValueError(f"{name}: {tensor.dtype} {tuple(tensor.shape)} doesn't fit {planned}")
        self.file.seek(self.start + self.offsets[name] + done)
        self.file.write(raw)
        self.digests.setdefault(name, hashlib.sha256()).update(raw)
        self.written[name] = done + len(raw)

    def flush(self) -> None:
        """To the disk; every tensor must be there."""
        if short := [p.name for p in self.plan.values() if self.written.get(p.name, 0) != p.bytes]:
            raise ValueError(f"{self.path}: {short[0]} was not written")
        self.file.flush()
        os.fsync(self.file.fileno())

    def stamp(self, checksum: str) -> None:
        """Put the checksum of all the tensors' bytes into the header."""
        self.metadata[CHECKSUM_KEY] = checksum
        text = self._header()
        assert 8 + len(text) == self.start
        self.file.seek(8)
        self.file.write(text)
        self.flush()


_NOT_SUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


def checksum(file: TensorFile, each: Callable[[str, bytes], None] | None = None) -> str:
    """SHA-256 of the tensors' bytes in the order in which they lie. each: called with every name and its own SHA-256."""
    whole = hashlib.sha256()
    with open(file.path, "rb") as handle:
        for name, entry in sorted(file.entries.items(), key=lambda item: (item[1].start, item[1].stop)):
            own, left = hashlib.sha256(), entry.bytes
            handle.seek(entry.start)
            while left:
                part = handle.read(min(left, CHUNK))
                if not part:
                    raise F5liteError(f"{file.path} was cut short while it was read")
                whole.update(part)
                own.update(part)
                left -= len(part)
            if each:
                each(name, own.digest())
    return whole.hexdigest()


def check(path: str | os.PathLike[str]) -> Header:
    """Read a converted file through and compare it with its checksum. F5liteError if it is damaged or not converted."""
    file = TensorFile(path)
    header = header_of(file.metadata, file.path)
    if header is None:
        raise F5liteError(f"{path} is not a converted file")
    if checksum(file) != file.metadata.get(CHECKSUM_KEY):
        raise F5liteError(
            f"{path} is damaged: its bytes don't give the checksum in its header; convert again"
        )
    return header
