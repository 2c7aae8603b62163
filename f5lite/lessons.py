"""The reader's own copy of the lessons: made once, kept as edited, offered newer ones beside.

A record in the folder says what was handed out, so that a lesson which the reader never touched can be renewed in
place, and one that they did touch never is.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from f5lite.errors import F5liteError
from f5lite.files import write_atomically

RECORD = ".f5lite-lessons.json"
PAGES = ("glossary.md",)  # what the lessons link to
# In a wheel the lessons lie in the package, in a clone beside it.
HOMES = (Path(__file__).parent / "notebooks", Path(__file__).parent.parent / "notebooks")


@dataclass
class Copied:
    """What `copy_lessons` did, by file name."""

    new: list[str] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)


def shipped(homes: tuple[Path, ...] = HOMES) -> dict[str, Path]:
    """File name → lesson, in the order of the course. F5liteError if this installation has none."""
    for home in homes:
        found = {path.name: path for path in sorted(home.glob("[0-9][0-9]_*.ipynb"))}
        if found:
            return found
    raise F5liteError(
        "this installation has no lessons; install the wheel, or run from a clone of the project."
    )


def pages(homes: tuple[Path, ...] = HOMES) -> dict[str, Path]:
    """File name → page, of those that the lessons link to: they go into the reader's folder too."""
    return {name: home / name for home in reversed(homes) for name in PAGES if (home / name).exists()}


def find(name: str, lessons: dict[str, Path]) -> str:
    """The file name of the lesson meant by "03", "3", "stages" or a file name. F5liteError if none or several are."""
    wanted = name.removesuffix(".ipynb").lower()
    if wanted.isdigit():
        wanted = f"{int(wanted):02d}_"
        hits = [file for file in lessons if file.startswith(wanted)]
    else:
        hits = [file for file in lessons if file.lower() == f"{wanted}.ipynb"]
        hits = hits or [file for file in lessons if wanted and wanted in file.lower()]
    if len(hits) != 1:
        what = "several lessons are" if hits else "no lesson is"
        raise F5liteError(
            f"{what} called {name!r}; there are {', '.join(Path(file).stem for file in lessons)}."
        )
    return hits[0]


def copy_lessons(folder: Path, lessons: dict[str, Path]) -> Copied:
    """Bring `folder` up to date. A lesson that the reader changed stays; its newer one goes beside as NAME.new.ipynb.

    A newer one is offered once: if the reader deletes it, it doesn't come back until there is a newer one still.
    """
    _make(folder)
    record, done = _read_record(folder), Copied()
    for name, source in lessons.items():
        target, fresh = folder / name, _digest(source)
        known = record.setdefault(name, {})
        if not target.exists():
            _put(source, target)
            known["copied"] = fresh
            done.new.append(name)
        elif fresh in (_digest(target), known.get("copied")):
            # As shipped, or the reader's work on what is still shipped.
            done.kept.append(name)
        elif _digest(target) == known.get("copied"):
            _put(source, target)
            known["copied"] = fresh
            done.renewed.append(name)
        else:
            done.kept.append(name)
            if known.get("offered") != fresh:
                beside = _free(target, known.get("offered"))
                _put(source, beside)
                known["offered"] = fresh
                done.offered.append(beside.name)
    write_atomically(folder / RECORD, json.dumps(record, indent=1))
    return done


def reset(folder: Path, name: str, lessons: dict[str, Path]) -> Path | None:
    """Put the lesson `name` back as shipped. The reader's file becomes a backup; its path is returned (None: no file)."""
    _make(folder)
    target, backup = folder / name, None
    if target.exists() and _digest(target) != _digest(lessons[name]):
        stem = f"{target.stem}.backup-{time.strftime('%Y%m%d-%H%M%S')}"
        backup = _unused(folder, stem, target.suffix)
        target.rename(backup)
    _put(lessons[name], target)
    record = _read_record(folder)
    record[name] = {"copied": _digest(target)}
    write_atomically(folder / RECORD, json.dumps(record, indent=1))
    return backup


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise F5liteError(f"can't make the folder {folder}: {problem.strerror}; name another one.") from None


def _put(source: Path, target: Path) -> None:
    # Without the source's permissions: an installed package may be read-only, the reader's copy must not be.
    write_atomically(target, source.read_bytes())


def _free(target: Path, offered: str | None) -> Path:
    """NAME.new.ipynb (or .md), unless the reader has worked in an earlier offer of that name."""
    beside = target.with_name(f"{target.stem}.new{target.suffix}")
    if not beside.exists() or _digest(beside) == offered:
        return beside
    return _unused(target.parent, f"{target.stem}.new", target.suffix)


def _unused(folder: Path, stem: str, suffix: str) -> Path:
    path, number = folder / f"{stem}{suffix}", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}{suffix}", number + 1
    return path


def _read_record(folder: Path) -> dict[str, dict[str, str]]:
    """Without a readable record every file counts as the reader's own: nothing is overwritten."""
    try:
        content = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {name: dict(entry) for name, entry in content.items() if isinstance(entry, dict)}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
