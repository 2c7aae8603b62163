"""One version, one address, one licence; nothing of anyone's machine in the files."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml

import f5lite

tomllib = pytest.importorskip("tomllib", reason="reading pyproject.toml needs Python 3.11")

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETTING = PROJECT["tool"]["f5lite"]


def tracked() -> list[Path]:
    """What git keeps and is still there; in an export without git, nothing that tools left."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    assert listed.returncode == 0, "this test needs the git clone"
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


TEXT = {
    ".py",
    ".md",
    ".txt",
    ".toml",
    ".yml",
    ".yaml",
    ".cfg",
    ".json",
    ".ipynb",
    ".css",
    ".js",
    ".cff",
    ".sh",
    "",
}


def texts() -> list[tuple[Path, str]]:
    return [
        (path, path.read_text(encoding="utf-8", errors="replace"))
        for path in tracked()
        if path.suffix in TEXT
    ]


def test_one_version_everywhere():
    assert re.fullmatch(r"\d+\.\d+\.\d+", f5lite.__version__)
    assert metadata.version("f5lite") == f5lite.__version__, "run `make test`: the installed metadata is old"
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == f5lite.__version__
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)[1]
    assert newest in (f5lite.__version__, "Unreleased")


def test_one_address_everywhere():
    """Badge, links and citation follow [tool.f5lite] in pyproject.toml."""
    repository = SETTING["repository"]
    owner, name = repository.removeprefix("https://github.com/").split("/")
    assert (
        yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["repository-code"] == repository
    )
    badge = rf"https://mybinder\.org/v2/gh/{owner}/{name}/{SETTING['branch']}"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(badge, readme)
    for path, text in texts():
        for binder in re.findall(r"https://mybinder\.org/v2/gh/[^\s)\"'?\\{]+", text):
            assert re.match(badge, binder) or path == Path(__file__), f"{path}: {binder}"
        for link in re.findall(rf"https://github\.com/[\w.-]+/{re.escape(name)}\b", text):
            assert link == repository, f"{path}: {link}"


def test_no_path_of_a_machine_in_the_files():
    own = re.compile(
        r"/(?:home|Users)/(?!jovyan\b|you\b|\$)[a-z][\w.-]+/|/(?:root|var/tmp|work)/[a-z.]|C:\\\\Users\\\\[a-z]"
    )
    wrong = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path, text in texts()
        if path != Path(__file__) and (match := own.search(text))
    ]
    assert not wrong


def test_licences():
    mit, prose = (ROOT / "LICENSE").read_text(), (ROOT / "LICENSE-docs").read_text()
    assert mit.startswith("MIT License") and "WITHOUT WARRANTY OF ANY KIND" in mit
    assert "Attribution 4.0 International" in prose and "creativecommons.org/licenses/by/4.0" in prose
    assert PROJECT["project"]["license"] == "MIT"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "CC BY 4.0" in readme and "MIT" in readme and "CC-BY-NC" in readme


def test_scripts_can_be_run():
    for name in (".ci/run", "binder/postBuild", "binder/start"):
        path = ROOT / name
        assert path.read_text().startswith("#!"), name
        if os.name == "posix":
            assert path.stat().st_mode & stat.S_IXUSR, name
            assert subprocess.run(["bash", "-n", str(path)]).returncode == 0, name


def test_links_inside_the_project_lead_somewhere():
    wrong = []
    for path, text in texts():
        if path.suffix != ".md":
            continue
        for link in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", text):
            if not re.match(r"[a-z]+:", link) and not (path.parent / link).exists():
                wrong.append(f"{path.relative_to(ROOT)}: {link}")
    assert not wrong


def test_files_stay_small():
    """A reader finishes a file in ten minutes. Data, styles and lessons are not read line by line."""
    long = [
        f"{path.relative_to(ROOT)}: {count} lines"
        for path, text in texts()
        if path.suffix == ".py"
        and "notebooks/source" not in path.as_posix()
        and (count := text.count("\n")) > 320
    ]
    assert not long


def test_extras_are_what_the_readme_says():
    extras = set(PROJECT["project"]["optional-dependencies"])
    assert {"notebooks", "test", "quality", "gpu", "upstream", "recipe"} <= extras
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for mentioned in re.findall(r"f5lite\[([\w,]+)\]", readme):
        assert set(mentioned.split(",")) <= extras


def test_make_help_lists_targets_that_exist():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    names = re.findall(r"^  make ([\w-]+)", listed, re.M)
    assert {"lab", "test", "lint", "notebooks"} <= set(names)
    for document in ("README.md", "CONTRIBUTING.md"):
        for name in re.findall(r"`make ([\w-]+)", (ROOT / document).read_text(encoding="utf-8")):
            assert name in names, f"{document} names `make {name}`"
    for name in names:
        dry = subprocess.run(["make", "--dry-run", name], cwd=ROOT, capture_output=True, text=True)
        assert dry.returncode == 0, dry.stderr


def test_notebooks_are_notebooks():
    for path in tracked():
        if path.suffix == ".ipynb":
            assert json.loads(path.read_text(encoding="utf-8"))["nbformat"] == 4, path


def test_the_readmes_table_lists_the_lessons_with_their_minutes():
    command = [sys.executable, "tools/lesson_table.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"run `make table` {done.stderr}"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[\d\d .+?\]\((notebooks/\S+\.ipynb)\) \| .+ \| \d+ \|$", readme, re.M)
    there = sorted(
        path.relative_to(ROOT).as_posix() for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")
    )
    assert listed == there


def test_the_readmes_code_runs():
    """Its Python, as it stands there, with fewer passes than a listener would want."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    code = code.replace("seed=7)", "seed=7, steps=1)").replace('door. ")', 'door. ", steps=1)')
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    spoken, *parts, weights = done.stdout.splitlines()
    assert re.match(r"\(\d+,\) 24000 ", spoken) and weights.isdecimal()
    assert len(parts) > 1, "the streamed text comes in more than one piece"
    assert code.count("steps=1") == 2


def test_the_readmes_commands_exist():
    from f5lite import cli

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^    f5lite (\w+)", readme, re.M)) == set(cli.commands())
