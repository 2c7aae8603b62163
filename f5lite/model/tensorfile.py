"""Reading safetensors where it lies: a checked header, and tensors as views of the mapped file.

The safetensors library reads the same files; here the offsets matter too, because blocks are streamed from the map and
their pages given back (`madvise`), and because a read-only map counts as nothing that must be kept. Format:
huggingface/safetensors, README: 8 bytes header length, JSON header, data; offsets relative to the data.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch

from f5lite.errors import F5liteError

LARGEST_HEADER = 100_000_000  # the library's own limit
PIECE = 1 << 20  # bytes that are read at a time into memory of their own
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True)
class Entry:
    """Where one tensor lies: byte range [start, stop) in the file."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def bytes(self) -> int:
        return self.stop - self.start


def _entry(path: Path, key: str, value: object, data: int, size: int) -> Entry:
    try:
        dtype, shape, (start, stop) = DTYPES[value["dtype"]], tuple(value["shape"]), value["data_offsets"]
        whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in (*shape, start, stop))
    except (KeyError, TypeError, ValueError) as error:
        raise F5liteError(
            f"{path}: the header's entry {key!r} can't be read ({error!r}); download it again"
        ) from error
    if not whole or stop - start != math.prod(shape) * dtype.itemsize:
        raise F5liteError(f"{path}: the header's entry {key!r} contradicts itself; download it again")
    if data + stop > size:
        raise F5liteError(
            f"{path} is truncated: {key!r} ends at byte {data + stop}, the file has {size}; download it again"
        )
    return Entry(dtype, shape, data + start, data + stop)


def read_header(path: Path) -> tuple[dict[str, Entry], dict[str, str]]:
    """The tensors of a file and its metadata; nothing but the header is read. F5liteError if anything is wrong with it."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            first = file.read(8)
            # A length under 4 GB ends in four zero bytes, whatever its first byte is; a pickle doesn't.
            if first[4:] != bytes(4) and (first[:4] == b"PK\x03\x04" or first[:1] == b"\x80"):
                raise F5liteError(
                    f"{path} is a pickle, not safetensors; name it .pt if it is a torch checkpoint"
                )
            length = struct.unpack("<Q", first)[0] if len(first) == 8 else -1
            if not 2 <= length <= min(size - 8, LARGEST_HEADER):
                raise F5liteError(f"{path} is not a whole safetensors file ({size} bytes); download it again")
            header = json.loads(file.read(length))
    except FileNotFoundError as error:
        raise F5liteError(f"there is no file {path}") from error
    except IsADirectoryError as error:
        raise F5liteError(f"{path} is a folder, not a file of weights") from error
    except (ValueError, RecursionError) as error:
        raise F5liteError(f"{path}: its header is not JSON; download it again") from error
    except OSError as error:
        raise F5liteError(f"can't read {path}: {error.strerror}") from error
    if not isinstance(header, dict):
        raise F5liteError(f"{path}: its header is not a table of tensors; download it again")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise F5liteError(f"{path}: its metadata is not a table of strings; download it again")
    entries = {key: _entry(path, key, value, 8 + length, size) for key, value in header.items()}
    last = 8 + length
    for key, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop)):
        if entry.start < last:
            raise F5liteError(f"{path}: {key!r} overlaps the tensor before it; download it again")
        last = entry.stop
    return entries, metadata


class TensorFile:
    """A mapped safetensors file. Tensors are read-only views of the map until it is closed with the last of them."""

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self.entries, self.metadata = read_header(self.path)
        with open(self.path, "rb") as file:
            self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def keys(self) -> list[str]:
        return list(self.entries)

    def view(self, key: str) -> torch.Tensor:
        """The tensor where it lies in the map: nothing is read until it is used, nothing must be kept. Don't write to it."""
        entry = self.entries[key]
        if not entry.bytes:
            return torch.empty(entry.shape, dtype=entry.dtype)
        if entry.start % entry.dtype.itemsize:  # possible in a foreign file; torch needs aligned elements
            raw = bytearray(self.map[entry.start : entry.stop])
            return torch.frombuffer(raw, dtype=entry.dtype).view(entry.shape)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The given buffer is not writable")
            flat = torch.frombuffer(
                self.map, dtype=entry.dtype, count=math.prod(entry.shape), offset=entry.start
            )
        return flat.view(entry.shape)

    def span(self, first: Entry, stop: int) -> torch.Tensor:
        """`first` and the tensors that lie behind it up to byte `stop`, as one view with their rows under each other."""
        row = math.prod(first.shape[1:])
        count = (stop - first.start) // first.dtype.itemsize
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The given buffer is not writable")
            flat = torch.frombuffer(self.map, dtype=first.dtype, count=count, offset=first.start)
        return flat.view(count // row, *first.shape[1:])

    def read(self, key: str, dtype: torch.dtype | None = None) -> torch.Tensor:
        """The tensor in memory of its own, read past the map, so that no page of the map stays behind.

        `dtype` converts it piece by piece on the way in: the tensor as it is in the file never stands in memory whole.
        """
        entry = self.entries[key]
        out = torch.empty(entry.shape, dtype=dtype or entry.dtype)
        if not entry.bytes:
            return out
        # Outside the heap: between tensors that stay, a hole of this size would be filled with a bias and never fit again.
        piece = torch.frombuffer(mmap.mmap(-1, min(PIECE, entry.bytes)), dtype=torch.uint8)
        flat, count = out.view(-1), PIECE // entry.dtype.itemsize
        with open(self.path, "rb") as file:
            file.seek(entry.start)
            for start in range(0, flat.numel(), count):
                part = flat[start : start + count]
                raw = piece[: part.numel() * entry.dtype.itemsize]
                if file.readinto(memoryview(raw.numpy())) != raw.numel():
                    raise F5liteError(f"{self.path} was cut short while it was read; download it again")
                part.copy_(raw.view(entry.dtype))
        return out

    def advise(self, start: int, stop: int, advice: int) -> bool:
        """`madvise` on the pages of a byte range; false where the system has no such call."""
        if not hasattr(self.map, "madvise"):
            return False
        first = start - start % mmap.PAGESIZE
        self.map.madvise(advice, first, min(stop, len(self.map)) - first)
        return True
