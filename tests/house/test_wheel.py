"""The wheel, installed elsewhere: it speaks, has the lessons in it, and nothing of the clone around it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built by hatchling, as pip does it; from the clone, without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory) -> dict[str, str]:
    """Variables for a Python that has the wheel and the dependencies, and doesn't know the clone.

    Dependencies come from this environment's folder by PYTHONPATH, which reads no .pth files: the editable install
    of the clone isn't seen.
    """
    folder = tmp_path_factory.mktemp("elsewhere")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(folder),
    ]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    path = os.pathsep.join([str(folder), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    return {**os.environ, "PYTHONPATH": path}


def run(env: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    # -S: no site, so no .pth file that would lead back to the clone.
    command = [sys.executable, "-S", "-m", "f5lite", *arguments]
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True)


def test_weights_clips_and_lessons_are_in_it_and_no_tools(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    clone = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "f5lite" / "voices").rglob("*")
        if path.is_file()
    }
    assert clone and clone <= names
    lessons = {f"f5lite/notebooks/{path.name}" for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")}
    assert {
        name for name in names if name.startswith("f5lite/notebooks/") and name.endswith("ipynb")
    } == lessons
    assert "f5lite/py.typed" in names
    assert not [
        name for name in names if name.startswith(("tests/", "notebooks/", "tools/")) or ".venv" in name
    ]
    assert not [name for name in names if "/making/" in name or "/source/" in name or name.endswith(".pyc")]
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_it_runs_from_elsewhere(elsewhere, tmp_path):
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import f5lite; print(f5lite.__file__)"],
        env=elsewhere, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert str(ROOT) not in done.stdout and "elsewhere" in done.stdout


def test_it_is_ready(elsewhere, tmp_path):
    done = run(elsewhere, tmp_path, "check", "--json")
    assert done.returncode == 0, done.stdout


def test_it_speaks(elsewhere, tmp_path):
    done = run(elsewhere, tmp_path, "speak", "the model speaks", "-o", "out.wav", "--steps", "2", "--json")
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    assert content["duration_s"] > 0.3
    assert (tmp_path / "out.wav").stat().st_size > 0.3 * 24000 * 2


def test_it_hands_out_the_lessons(elsewhere, tmp_path):
    done = run(elsewhere, tmp_path, "lab", "--copy-only")
    assert done.returncode == 0, done.stderr
    copied = {path.name for path in (tmp_path / "f5lite-lessons").glob("*.ipynb")}
    assert copied == {path.name for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")}
    assert (tmp_path / "f5lite-lessons" / "glossary.md").is_file()
