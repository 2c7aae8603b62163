"""Where this process stands in the kernel's control groups, and the numbers that its groups hold.

Both versions are read: v2 (one tree, file system "cgroup2") and v1 (a tree for each controller, "cgroup").
Where there are none (macOS, Windows) there is nothing to find.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def smallest(root: Path, kind: str, controller: str, file: str) -> int | None:
    """The smallest number that `file` holds in this process's groups of `kind`, or None."""
    limits = [number(folder / file) for folder in folders(root, kind, controller)]
    return min((limit for limit in limits if limit is not None), default=None)


def folders(root: Path, kind: str, controller: str) -> Iterator[Path]:
    """Folders of this process's control groups, its own first, then each one above it up to the mount.

    `kind` is the file system ("cgroup2", or "cgroup" with its controller). A container may see only its own
    part of the tree: then the path that /proc gives doesn't exist, and the mount itself is the group.
    """
    groups = {}
    for line in read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        for name in names.split(","):
            groups[name] = path
    for line in read(root / "proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        fields, system = left.split(), right.split()
        if len(fields) < 5 or not system or system[0] != kind:
            continue
        if kind == "cgroup" and controller not in system[-1].split(","):
            continue
        mount = root / fields[4].lstrip("/")
        inside = groups.get(controller, "/")
        if fields[3] != "/" and (inside + "/").startswith(fields[3] + "/"):
            inside = inside[len(fields[3]) :]
        folder = mount / inside.lstrip("/")
        if ".." in Path(inside).parts or not folder.is_dir():
            folder = mount
        yield folder
        while folder != mount:
            folder = folder.parent
            yield folder
        return


def number(path: Path) -> int | None:
    """The whole number that a file holds; None for "max", anything else, or no file."""
    text = read(path).strip()
    return int(text) if text.isdigit() else None


def read(path: Path) -> str:
    """A file's text, or "" if it can't be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
