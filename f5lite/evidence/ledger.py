"""The reader's ledger: what was measured, predicted and attempted on this machine, kept in one JSON file.

Two notebooks may write at once: each save takes the lock, reads what is there, and merges. A reader can take the
file away (`to_bytes`) and bring it back (`restore`), which Binder needs. `store.py` has the file, `entry.py` a line.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from f5lite.errors import F5liteError
from f5lite.evidence import store
from f5lite.evidence.entry import Entry, Kind
from f5lite.evidence.here import SESSION, alive, default_path, versions
from f5lite.evidence.lock import locked
from f5lite.evidence.measurement import Measurement


class Ledger:
    """A view on the file at `path`. Every call that adds something saves at once; a failed save keeps it in memory.

    `notices` lists what the reader should be told (a damaged file moved aside). `card` is the machine card as a dict
    with its `fingerprint`; by default this machine's.
    """

    def __init__(self, path: str | Path | None = None, *, card: Mapping[str, Any] | None = None) -> None:
        self.path = Path(path) if path is not None else default_path()
        self.notices: list[str] = []
        self._card = dict(card) if card is not None else None
        self._content = store.Content()
        if self.path.exists():
            self.reload()

    # -- reading

    def reload(self) -> None:
        """Take in what other notebooks have saved meanwhile."""
        self._content.merge(self._read_locked())

    @property
    def card(self) -> dict[str, Any]:
        if self._card is None:
            from f5lite import machine

            card = machine.card()
            self._card = {**card.to_dict(), "fingerprint": card.fingerprint}
        return self._card

    @property
    def machine(self) -> str:
        """This machine's fingerprint."""
        return str(self.card["fingerprint"])

    @property
    def machines(self) -> dict[str, dict[str, Any]]:
        """Every machine card in the ledger, by fingerprint."""
        return dict(self._content.machines)

    def entries(self, claim: str | None = None, *, kind: Kind | None = None) -> list[Entry]:
        """Entries, oldest first. What this version can't read stays in the file and isn't listed."""
        found = []
        for plain in self._content.entries.values():
            try:
                entry = Entry.from_dict(plain)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue
            if entry.kind != "forgotten" and claim in (None, entry.claim) and kind in (None, entry.kind):
                found.append(entry)
        return sorted(found, key=lambda entry: (entry.time, entry.id))

    def latest(self, claim: str, *, kind: Kind = "measurement", machine: str | None = None) -> Entry | None:
        """The newest entry for `claim` on `machine` (this one by default); a full run goes before a quick one."""
        here = machine or self.machine
        mine = [entry for entry in self.entries(claim, kind=kind) if entry.machine == here]
        return max(mine, key=lambda entry: (not entry.quick, entry.time, entry.id), default=None)

    def interrupted(self) -> list[Entry]:
        """Attempts that were announced and never came back: the kernel died in them."""
        return [
            entry
            for entry in self.entries(kind="attempt")
            if entry.details.get("state") == "started"
            and entry.details.get("session") != SESSION
            and not alive(entry.details.get("process"), entry.details.get("host"))
        ]

    # -- writing

    def record(
        self,
        claim: str,
        *figures: Measurement,
        model: str = "",
        shape: str = "",
        note: str = "",
        quick: bool | None = None,
    ) -> Entry:
        """Save what was measured for `claim` in one run. Names must differ; `quick` follows F5LITE_QUICK.

        Raises F5liteError when the file can't be written; the entry is then kept in memory for the next save.
        """
        if not figures:
            raise ValueError(f"nothing to record for {claim!r}")
        names = [figure.name for figure in figures]
        if len(set(names)) < len(names):
            raise ValueError(f"two measurements for {claim!r} have one name: {names}")
        by_name = {figure.name: figure for figure in figures}
        return self._add(
            "measurement", claim, figures=by_name, model=model, shape=shape, note=note, quick=quick
        )

    def predict(
        self,
        claim: str,
        value: Any,
        *,
        question: str = "",
        unit: str = "",
        typed: bool = True,
        result: float | None = None,
    ) -> Entry:
        """Save a guess. `typed` is False for a default that the reader left alone: shown, but never scored.

        result: what was measured since, in the guess's terms.
        """
        details = {"value": value, "question": question, "unit": unit, "typed": typed}
        if result is not None:
            details["result"] = result
        return self._add("prediction", claim, details=details)

    def prediction(self, claim: str) -> Entry | None:
        """The newest guess for `claim` on any machine; a typed one goes before a default."""
        guesses = self.entries(claim, kind="prediction")
        return max(guesses, key=lambda g: (bool(g.details.get("typed")), g.time, g.id), default=None)

    @contextmanager
    def attempt(self, claim: str, what: str) -> Iterator[Entry]:
        """Announce something that may kill the kernel, so that the ledger knows of it if it does.

        Everything pending is saved first. On the way out the attempt is marked finished or failed.
        """
        import socket

        details = {"what": what, "state": "started", "session": SESSION, "process": os.getpid()}
        entry = self._add("attempt", claim, details={**details, "host": socket.gethostname()})
        try:
            yield entry
        except BaseException as error:
            self._revise(entry, {"state": "failed", "error": type(error).__name__})
            raise
        self._revise(entry, {"state": "finished"})

    def forget(self, *entries: Entry) -> None:
        """Remove entries for good: another notebook that still holds them won't bring them back."""
        for entry in entries:
            gone = replace(entry, kind="forgotten", revision=entry.revision + 1, figures={}, details={})
            self._content.entries[entry.id] = gone.to_dict()
        self.save()

    def save(self) -> None:
        """Merge with what is on the disk and write it. Raises F5liteError; the old file is untouched then."""
        self._content.machines.setdefault(self.machine, self.card)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with locked(self._lock):
                on_disk = self._read()
                self._content.merge(on_disk)
                store.write(self.path, self._content)
        except OSError as error:
            raise F5liteError(
                f"can't save the ledger {self.path}: {error.strerror or error}. What it held before is untouched, and "
                "what you measured since is still in memory: make room and run `ledger.save()`, or download it."
            ) from error

    # -- taking it away and bringing it back

    def to_bytes(self) -> bytes:
        """The whole ledger as the bytes of its file, for a download."""
        return store.dump(self._content)

    def restore(self, data: bytes, name: str = "the file you chose") -> int:
        """Merge a ledger saved earlier, here or elsewhere, and save. Returns how many entries were new.

        Raises F5liteError when `data` isn't a whole ledger; nothing is changed then.
        """
        try:
            content = store.parse(bytes(data), name)
        except ValueError as error:
            raise F5liteError(
                f"{error}; nothing was brought back. Download it again from where it was."
            ) from error
        changed = self._content.merge(content)
        self.save()
        return changed

    # -- inside

    @property
    def _lock(self) -> Path:
        return self.path.with_name(f".{self.path.name}.lock")

    def _read(self) -> store.Content:
        content, notice = store.read(self.path)
        if notice:
            self.notices.append(notice)
        return content

    def _read_locked(self) -> store.Content:
        try:
            with locked(self._lock):
                return self._read()
        except OSError:  # a read-only folder can still be read
            return self._read()

    def _add(self, kind: Kind, claim: str, *, quick: bool | None = None, **rest: Any) -> Entry:
        from f5lite import machine

        entry = Entry(
            id=uuid.uuid4().hex,
            kind=kind,
            claim=claim,
            time=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            machine=self.machine,
            quick=machine.quick() if quick is None else quick,
            versions=versions(),
            **rest,
        )
        entry = replace(entry, figures={name: replace(m, run=entry.id) for name, m in entry.figures.items()})
        plain = entry.to_dict()
        store.dump(
            store.Content({entry.id: plain})
        )  # what JSON can't hold fails here, before anything is changed
        self._content.entries[entry.id] = plain
        self.save()
        return entry

    def _revise(self, entry: Entry, details: dict[str, Any]) -> None:
        later = replace(entry, revision=entry.revision + 1, details={**entry.details, **details})
        self._content.entries[entry.id] = later.to_dict()
        self.save()
