"""What the ladder has found so far, on the disk after every process: a run that is stopped goes on from here."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from f5lite import machine
from f5lite.evidence.ladder.subject import Subject
from f5lite.evidence.quality.digests import digest
from f5lite.evidence.quality.systems import code_digest
from f5lite.files import write_atomically

log = logging.getLogger(__name__)


def folder() -> Path:
    return machine.cache_folder() / "ladder"


class Store:
    """Records by a job's key, for one machine, one model and one state of the code. `about` says which."""

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self.path, self.about = path, dict(about)
        self.records: dict[str, dict[str, Any]] = {}
        kept = read(path)
        if kept is not None:
            self.records = dict(kept["records"])

    @classmethod
    def of(cls, subject: Subject, *, fresh: bool = False, place: Path | None = None) -> Store:
        """The store for a subject on this machine. fresh: forget what was measured before."""
        card = machine.card()
        about = {
            "machine": card.fingerprint,
            "code": code_digest(),
            "model": subject.identity,
            "shape": subject.shape,
            "seeded": subject.seeded,
            "note": subject.note,
            "quick": machine.quick(),
        }
        name = f"{card.fingerprint}-{digest([about[key] for key in ('code', 'model', 'quick')])}.json"
        path = (place or folder()) / name
        if fresh:
            path.unlink(missing_ok=True)
        return cls(path, about)

    def keep(self, key: str, record: Mapping[str, Any]) -> None:
        """Save one record; the file is there whole at any moment."""
        self.records[key] = dict(record)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        content = {"about": {**self.about, "when": now}, "records": self.records}
        write_atomically(self.path, json.dumps(content, indent=1))


def read(path: Path) -> dict[str, Any] | None:
    """A store's content; None where there is none, or where it can't be read (then it is measured again)."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        records, about = content["records"], content["about"]
        if all(isinstance(record, dict) for record in records.values()) and isinstance(about, dict):
            return content
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        log.warning("%s can't be read (%s); what it held is measured again", path, problem)
    return None
