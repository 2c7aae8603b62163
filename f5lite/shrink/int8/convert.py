"""Converting a model: one tensor at a time from the mapped source into a folder that is there whole, or not at all.

Four phases: read (check the source, take its checksum), write (into a folder beside the destination), verify (checksums,
and each layer's reconstruction error against the source), rename. Whatever stops it leaves no destination.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from f5lite.errors import F5liteError
from f5lite.files import write_atomically
from f5lite.model.checkpoint import CONFIG_KEY, Checkpoint
from f5lite.model.config import ModelConfig
from f5lite.model.flow import time_grid
from f5lite.model.library import ModelFiles
from f5lite.model.tensorfile import TensorFile
from f5lite.shrink.int8 import plan as planning
from f5lite.shrink.int8 import workplace
from f5lite.shrink.int8.file import (
    HEADER_KEY,
    TABLE,
    VERSION,
    Header,
    Planned,
    Writer,
    checksum,
    header_of,
)
from f5lite.shrink.int8.layout import BF16, FOLDED, FP32, INT8, PRECISIONS
from f5lite.shrink.int8.quantise import dequantise, quantise_rows
from f5lite.shrink.modulation import fold_file
from f5lite.shrink.rows import rows

PHASES = ("read", "write", "verify", "rename")
Progress = Callable[[str, int, int], None]  # phase, bytes done, bytes in all
ROUNDING = {INT8: 0.51, BF16: 2.0**-8, FP32: 0.0}  # of a scale; of a number; exact


@dataclass(frozen=True)
class Layer:
    """What became of one weight. relative_error: Frobenius, of what the file means against the source."""

    name: str
    kind: str
    bytes: int
    relative_error: float


@dataclass
class Report:
    """What a conversion did."""

    folder: str
    source: str
    source_bytes: int
    source_sha256: str
    precision: str
    steps: int | None
    sway: float | None
    model_bytes: int = 0
    acoustic_bytes: int = 0
    vocoder_bytes: int | None = None
    layers: list[Layer] = field(default_factory=list)

    def worst(self, count: int = 5) -> list[Layer]:
        return sorted(self.layers, key=lambda layer: -layer.relative_error)[:count]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class _Part:
    """One file to convert."""

    checkpoint: Checkpoint
    name: str
    vocoder: bool
    kept: list[planning.Kept]
    planned: list[Planned]
    sha256: str = ""
    digests: dict[str, bytes] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return sum(p.bytes for p in self.planned)

    @property
    def source_bytes(self) -> int:
        return os.stat(self.checkpoint.path).st_size


def convert(
    files: ModelFiles,
    destination: str | os.PathLike[str],
    *,
    steps: int = 7,
    sway: float | None = -1.0,
    precision: str = INT8,
    keep_modulation: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Write the model as a folder that `f5lite.load` takes: weights, vocoder, vocabulary, configuration, report.

    steps, sway: the time grid whose modulation is folded (ignored with keep_modulation). force: replace a folder that is
    there. F5liteError says what is wrong with the source, the destination or the disk; then nothing is left behind.
    """
    if precision not in PRECISIONS:
        raise F5liteError(f"precision must be one of {', '.join(PRECISIONS)}, found {precision!r}")
    grid = None if keep_modulation else time_grid(steps, sway)
    destination = Path(os.path.abspath(destination))
    workplace.check(destination, files.weights, force)
    say = progress or (lambda phase, done, total: None)
    try:
        parts = _plan(files, precision, keep_modulation, None if grid is None else steps)
        needed = sum(part.bytes for part in parts)
        workplace.room(destination.parent, needed)
        total = sum(part.source_bytes for part in parts)
        say("read", 0, total)
        done = 0
        for part in parts:
            part.sha256 = _hash(part.checkpoint.path, lambda n, d=done: say("read", d + n, total))
            done += part.source_bytes
        report = Report(
            str(destination),
            str(files.weights),
            parts[0].source_bytes,
            parts[0].sha256,
            precision,
            None if grid is None else steps,
            None if grid is None else sway,
        )
        with workplace.partial(destination) as folder:
            say("write", 0, needed)
            done = 0
            for part in parts:
                _write(
                    part, folder, files.config, report, grid, lambda n, d=done: say("write", d + n, needed)
                )
                done += part.bytes
            _write_rest(folder, files)
            say("verify", 0, needed)
            done = 0
            for part in parts:
                _verify(part, folder, report, lambda n, d=done: say("verify", d + n, needed))
                done += part.bytes
            write_atomically(folder / "conversion.json", json.dumps(report.to_dict(), indent=1) + "\n")
            say("rename", 0, 1)
            workplace.publish(folder, destination, force)
            say("rename", 1, 1)
    except OSError as error:
        raise _explained(error, destination) from error
    return report


def _plan(files: ModelFiles, precision: str, keep: bool, steps: int | None) -> list[_Part]:
    parts = []
    sources = [(files.weights, "model.safetensors", False)]
    if files.vocoder is not None:
        sources.append((files.vocoder, "vocoder.safetensors", True))
    for path, name, vocoder in sources:
        checkpoint = Checkpoint(path)
        if header_of(checkpoint.source.metadata, path) is not None:
            raise F5liteError(f"{path} is converted already; convert the model that it was made from")
        shapes = {each: checkpoint.shape(each) for each in checkpoint.names}
        planning.compare(shapes, files.config, vocoder, path)
        kept = planning.kinds(shapes, precision, keep, vocoder)
        planned = planning.tensors(kept, files.config, None if vocoder else steps, vocoder)
        parts.append(_Part(checkpoint, name, vocoder, kept, planned))
    return parts


def _hash(path: Path, say: Callable[[int], None]) -> str:
    whole, done = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while part := file.read(1 << 22):
            whole.update(part)
            done += len(part)
            say(done)
    return whole.hexdigest()


def _write(
    part: _Part,
    folder: Path,
    config: ModelConfig,
    report: Report,
    grid: torch.Tensor | None,
    say: Callable[[int], None],
) -> None:
    steps, sway = (None, None) if part.vocoder else (report.steps, report.sway)
    header = Header(
        VERSION, report.precision, part.checkpoint.path.name, part.source_bytes, part.sha256, steps, sway
    )
    metadata = {CONFIG_KEY: json.dumps(config.to_dict()), HEADER_KEY: header.to_json()}
    with Writer(folder / part.name, part.planned, metadata) as writer:
        for weight in part.kept:
            if weight.kind == FOLDED:
                continue
            for piece in rows(part.checkpoint.source, part.checkpoint.names[weight.name]):
                if weight.kind == INT8:
                    values, scale = quantise_rows(piece, f"{part.checkpoint.path}: {weight.name}")
                    writer.put(weight.name, values)
                    writer.put(f"{weight.name}_scale", scale)
                else:
                    _finite(piece, f"{part.checkpoint.path}: {weight.name}")
                    writer.put(weight.name, piece.to(planning.DTYPES.get(weight.kind, torch.float32)))
                say(sum(writer.written.values()))
        if grid is not None and not part.vocoder:
            table = fold_file(part.checkpoint, config.dit, grid[:-1])
            for name, tensor in zip(TABLE, (table.times, table.blocks, table.final), strict=True):
                _finite(tensor, f"{part.checkpoint.path}: the AdaLN layers")
                writer.put(name, tensor)
                say(sum(writer.written.values()))
        writer.flush()
        part.digests = {name: digest.digest() for name, digest in writer.digests.items()}


def _finite(tensor: torch.Tensor, what: str) -> None:
    if not torch.isfinite(tensor.float()).all():
        raise F5liteError(f"{what} holds NaN or infinity; the file is damaged, or its training diverged")


def _write_rest(folder: Path, files: ModelFiles) -> None:
    """The vocabulary with every symbol on the line of its id, and the configuration."""
    ids = files.vocabulary.ids
    lines = [""] * (max(ids.values()) + 1)
    for symbol, index in ids.items():
        lines[index] = symbol
    write_atomically(folder / "vocab.txt", "\n".join(lines) + "\n")
    write_atomically(folder / "config.json", json.dumps(files.config.to_dict(), indent=1) + "\n")


def _verify(part: _Part, folder: Path, report: Report, say: Callable[[int], None]) -> None:
    """Read the new file back: its bytes, then each weight against the source. F5liteError at the first difference."""
    new = TensorFile(folder / part.name)
    if _hash(part.checkpoint.path, lambda done: None) != part.sha256:
        raise F5liteError(
            f"{part.checkpoint.path} changed while it was converted; start again when it is whole"
        )
    found: dict[str, bytes] = {}
    whole = checksum(new, found.__setitem__)
    if damaged := sorted(name for name, digest in part.digests.items() if found.get(name) != digest):
        raise F5liteError(f"{damaged[0]!r} was not written as it was meant; is the disk sound?")
    done = 0
    try:
        for weight in part.kept:
            if weight.kind != FOLDED:
                layer = _reconstruct(part, weight, new)
                report.layers.append(layer)
                done += layer.bytes
                say(min(done, part.bytes))
    finally:  # a source that changed explains whatever else went wrong
        _unchanged(part)
    header = header_of(new.metadata, new.path)
    assert header is not None
    with Writer.reopen(folder / part.name, part.planned, new.metadata) as writer:
        writer.stamp(whole)
    size = os.stat(folder / part.name).st_size
    if part.vocoder:
        report.vocoder_bytes = size
    else:
        report.model_bytes = size
        report.acoustic_bytes = sum(p.bytes for p in part.planned if not p.name.startswith("text_embed."))


def _unchanged(part: _Part) -> None:
    if not part.checkpoint.path.is_file() or _hash(part.checkpoint.path, lambda done: None) != part.sha256:
        raise F5liteError(
            f"{part.checkpoint.path} changed while it was converted; start again when it is whole"
        )


def _reconstruct(part: _Part, weight: planning.Kept, new: TensorFile) -> Layer:
    source = rows(part.checkpoint.source, part.checkpoint.names[weight.name])
    scale = new.read(f"{weight.name}_scale") if weight.kind == INT8 else None
    off = size = 0.0
    row = 0
    for mine, its in zip(source, rows(new, weight.name), strict=True):
        mine = mine.float()
        its_scale = None if scale is None else scale[row : row + len(its)]
        meant = its.float() if its_scale is None else dequantise(its, its_scale)
        most = ROUNDING[weight.kind] * (mine.abs() if its_scale is None else its_scale[:, None])
        row += len(its) if its.ndim else 1
        difference = (mine - meant).abs()
        if (difference > most).any():
            raise F5liteError(f"{weight.name!r} is further from the source than its precision explains")
        off += float(difference.double().square().sum())
        size += float(mine.double().square().sum())
    nbytes = new.entries[weight.name].bytes + (0 if scale is None else scale.nbytes)
    return Layer(weight.name, weight.kind, nbytes, (off / size) ** 0.5 if size else 0.0)


def _explained(error: OSError, destination: Path) -> F5liteError:
    if error.errno in (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)):
        free = shutil.disk_usage(destination.parent).free / 1e6
        return F5liteError(
            f"no room for the converted model in {destination.parent} ({free:,.0f} MB free, {error.strerror}); "
            "make room, or convert to another disk"
        )
    return F5liteError(
        f"can't convert to {destination}: {error.strerror or error} ({error.filename or 'no file'})"
    )
