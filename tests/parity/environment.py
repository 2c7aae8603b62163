"""Builds the folder of packages in which upstream runs beside f5lite, for the live comparison.

    python -m tests.parity.environment            (from the repository's root; does nothing when it is there already)

It is no environment of its own but a folder of small packages (8 MB), put on PYTHONPATH of a subprocess: torch and numpy
are those of the Python that calls. F5LITE_UPSTREAM_ENV names another place than `.upstream-env`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
COMMAND = "python -m tests.parity.environment"


def folder() -> Path:
    """Where the packages are, or will be."""
    return Path(os.environ.get("F5LITE_UPSTREAM_ENV") or ROOT / ".upstream-env").resolve()


def stamp() -> str:
    """Changes when the requirements do, or the Python version that their wheels are for."""
    content = REQUIREMENTS.read_bytes() + sys.version.split()[0].encode() + sys.platform.encode()
    return hashlib.sha256(content).hexdigest()


def ready() -> bool:
    """Is the folder there, whole and of these requirements?"""
    mark = folder() / "STAMP"
    return mark.is_file() and mark.read_text() == stamp()


def build() -> Path:
    """Install the packages, into a folder beside that is then renamed: half an environment never looks like one."""
    target = folder()
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    try:
        subprocess.run([*pip, "--target", str(partial), "--requirement", str(REQUIREMENTS)], check=True)
        (partial / "STAMP").write_text(stamp())
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def variables() -> dict[str, str]:
    """The environment variables of a subprocess in which `import f5_tts` works."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder()), str(ROOT)]), "OMP_NUM_THREADS": "1"}


def main() -> None:
    if ready():
        print(f"{folder()} is ready")
        return
    begin = time.perf_counter()
    target = build()
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    print(f"built {target}: {size / 1e6:.0f} MB in {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
