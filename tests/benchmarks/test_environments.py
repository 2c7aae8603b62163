"""Peers' environments: built once, and a reason in one line where they can't be. No network: pip is played."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import environments, variants
from benchmarks.session import Failed

MISSING = """Looking in indexes: somewhere
ERROR: Could not find a version that satisfies the requirement nobody==1 (from versions: none)
ERROR: No matching distribution found for nobody==1
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("F5LITE_CACHE", str(tmp_path))


class Pip:
    """Makes environments for real and plays pip."""

    def __init__(self, fails: str = "") -> None:
        self.fails, self.installed = fails, []

    def __call__(self, command, **more):
        if "venv" in command:
            return subprocess.run(command, **more)
        self.installed.append(command)
        return subprocess.CompletedProcess(command, 1 if self.fails else 0, "", self.fails)


def test_an_environment_is_built_once_and_sees_our_packages():
    pip = Pip()
    python = environments.build("peer", ("somebody==1",), pip)
    assert environments.build("peer", ("somebody==1",), pip) == python
    assert len(pip.installed) == 1 and pip.installed[0][-1] == "somebody==1"
    said = subprocess.run(
        [python, "-c", "import sys, numpy; print(sys.prefix)"], capture_output=True, text=True, check=True
    )
    assert Path(said.stdout.strip()) != Path(sys.prefix)


def test_other_requirements_are_another_environment():
    assert environments.folder("peer", ("a==1",)) != environments.folder("peer", ("a==2",))


def test_a_failure_is_a_reason_and_leaves_nothing_behind():
    with pytest.raises(environments.NotInstalled, match="No matching distribution found for nobody==1"):
        environments.build("peer", ("nobody==1",), Pip(MISSING))
    assert not environments.ready("peer", ("nobody==1",))
    assert not environments.folder("peer", ("nobody==1",)).exists()


def test_an_installation_that_takes_too_long_is_a_reason():
    def slow(command, **more):
        raise subprocess.TimeoutExpired(command, more["timeout"])

    with pytest.raises(environments.NotInstalled, match="longer"):
        environments.build("peer", (), slow)


def test_a_peer_that_cannot_be_installed_says_so(monkeypatch):
    def refuse(name, requirements):
        raise environments.NotInstalled("No matching distribution found for vox-tts")

    monkeypatch.setattr(environments, "build", refuse)
    vox = next(each for each in variants.peers(22) if each.name.startswith("vox"))
    with pytest.raises(Failed, match="can't be installed: No matching distribution"):
        variants.python_and_paths(vox)
