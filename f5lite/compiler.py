"""The C++ compiler, if there is one: the system's, or the one inside the Python package ziglang, which is clang for every system.

The code that it is given uses the vector types of GCC and clang, which Microsoft's `cl` doesn't have.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from f5lite.processor import output

PACKAGE, CACHES = "ziglang", ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")


@dataclass(frozen=True)
class Compiler:
    """compile, link: the words that a command starts with; about: where it is and what it says of itself; caches: variables
    that say where it may keep what it makes on the way."""

    compile: tuple[str, ...]
    link: tuple[str, ...]
    about: str
    caches: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def find() -> Compiler | None:
    """By torch's own rule: the variable CXX first, then the usual names; then the package's."""
    for name in (os.environ.get("CXX"), *_usual()):
        path = shutil.which(name) if name else None
        said = output([path, "--version"]) if path else None
        if path and said is not None:
            return Compiler((path,), (path,), f"{path} ({said.splitlines()[0].strip()})" if said else path)
    return _package()


def _usual() -> Sequence[str]:
    if sys.platform == "win32":
        return ("clang++", "g++")
    if sys.platform == "darwin":
        # Without Apple's command line tools, clang++ is a stand-in that opens a dialog.
        return ("clang++", "g++", "c++") if output(["xcode-select", "-p"]) else ()
    return ("g++", "clang++", "c++")


def _package() -> Compiler | None:
    """That of the package. As a linker it is called for C: for C++ it would first build a library that nothing here needs."""
    found = importlib.util.find_spec(PACKAGE)
    for folder in (found.submodule_search_locations or ()) if found else ():
        program = Path(folder) / ("zig.exe" if sys.platform == "win32" else "zig")
        said = output([str(program), "version"])
        if said:
            about = f"{program} ({PACKAGE} {said.strip()})"
            return Compiler((str(program), "c++"), (str(program), "cc"), about, CACHES)
    return None
