"""The ledger's file: reading, merging and writing it so that nothing is lost, whatever happens to disk or kernel.

One entry a line, so that a damaged file can still give back its whole lines. Every write goes to a temporary file in
the same folder, is flushed to the disk, and then takes the old file's place in one step.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from f5lite.errors import F5liteError
from f5lite.evidence.entry import Entry

FORMAT, VERSION = "f5lite-ledger", 1
log = logging.getLogger(__name__)


@dataclass
class Content:
    """What a ledger file holds: entries as plain dicts (kept as they came, known kind or not) and machine cards."""

    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    machines: dict[str, dict[str, Any]] = field(default_factory=dict)

    def merge(self, other: Content) -> int:
        """Take in what `other` has and this hasn't, or has in a later revision. Returns how many entries changed."""
        changed = 0
        for key, entry in other.entries.items():
            mine = self.entries.get(key)
            if mine is None or entry.get("revision", 0) > mine.get("revision", 0):
                self.entries[key], changed = entry, changed + 1
        self.machines = {**other.machines, **self.machines}
        return changed


def dump(content: Content) -> bytes:
    """The file's bytes: a JSON object, one entry a line."""

    def line(value: object) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True)

    entries = sorted(
        content.entries.values(), key=lambda entry: (str(entry.get("time")), str(entry.get("id")))
    )
    head = f'{{"format": "{FORMAT}", "version": {VERSION},\n"machines": {line(content.machines)},\n"entries": [\n'
    return (head + ",\n".join(line(entry) for entry in entries) + "\n]}\n").encode()


def parse(data: bytes, source: str) -> Content:
    """Read the bytes of a ledger. Raises F5liteError for a foreign or newer file, ValueError for a damaged one."""
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        if FORMAT.encode() in data[:200] or not data.strip(b"\0 \r\n\t"):
            raise ValueError(f"{source} is damaged ({error})") from error
        raise F5liteError(
            f"{source} is not a ledger of f5lite; it was left as it is. Choose another file."
        ) from error
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        raise F5liteError(f"{source} is not a ledger of f5lite; it was left as it is. Choose another file.")
    version = plain.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise F5liteError(
            f"{source} has format version {version}, this f5lite reads up to {VERSION}; it was left as it is. "
            "Update f5lite, or choose another file."
        )
    machines, entries = plain.get("machines", {}), plain.get("entries", [])
    if not isinstance(machines, dict) or not isinstance(entries, list):
        raise ValueError(f"{source} is damaged: its parts have the wrong types")
    return Content(_by_id(entries), machines)


def _by_id(entries: Iterable[Any]) -> dict[str, dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(entries):
        if isinstance(entry, dict):
            with suppress(TypeError):  # an unhashable or missing id still is somebody's data: keep it
                kept[str(entry.get("id") or f"unnamed-{number}")] = entry
    return kept


def salvage(data: bytes) -> Content:
    """Every whole line of a damaged ledger that still is an entry."""
    found: list[Any] = []
    for line in data.splitlines():
        with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
            plain = json.loads(line.strip().rstrip(b","))
            Entry.from_dict(plain)
            found.append(plain)
    return Content(_by_id(found))


def read(path: Path) -> tuple[Content, str]:
    """Read the ledger at `path`; no file is an empty one. Returns it with a notice, empty when all is well.

    A damaged file is moved aside to NAME.broken-N (call this with the lock held) and its whole lines are kept.
    Raises F5liteError, with the file left alone, when it is foreign, newer or can't be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Content(), ""
    except OSError as error:
        raise F5liteError(f"can't read the ledger {path}: {error.strerror or error}") from error
    try:
        return parse(data, str(path)), ""
    except ValueError as error:
        number = 1
        while (aside := path.with_name(f"{path.name}.broken-{number}")).exists():
            number += 1
        os.replace(path, aside)
        rescued = salvage(data)
        notice = f"{error}. It was moved to {aside.name}; {len(rescued.entries)} of its entries could be read again."
        log.warning(notice)
        return rescued, notice


def write(path: Path, content: Content) -> None:
    """Replace the file in one step. Raises OSError with the old file untouched and nothing half-written left."""
    data = dump(content)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    if os.name != "nt":  # the new name itself must survive a power cut
        with suppress(OSError):
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
