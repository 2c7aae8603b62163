"""Where upstream's package comes from, without a network."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from f5lite.evidence.ladder import upstream


def test_the_package_asks_for_what_the_live_comparison_installs():
    lines = (Path(__file__).parents[2] / "parity" / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == list(upstream.REQUIREMENTS)


def test_a_named_folder_goes_first_and_an_empty_one_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("F5LITE_UPSTREAM_ENV", str(tmp_path))
    assert upstream.find() is None
    (tmp_path / "f5_tts" / "model").mkdir(parents=True)
    assert upstream.find() == tmp_path


def refused(*command, **_):
    said = "WARNING: x\nERROR: No matching distribution"
    return subprocess.CompletedProcess(command, 1, "", said)


def slow(*command, **_):
    raise subprocess.TimeoutExpired(command, 1)


def no_pip(*_, **__):
    raise FileNotFoundError(2, "No such file")


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (refused, "f5-tts==1.1.22: No matching distribution"),
        (slow, "within 1 s"),
        (no_pip, "No such file"),
    ],
)
def test_pip_that_fails_is_a_reason_and_leaves_nothing(tmp_path, monkeypatch, made, says):
    monkeypatch.setenv("F5LITE_CACHE", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", made)
    reason = upstream.build(patience=1)
    assert isinstance(reason, str) and says in reason
    assert [path for path in tmp_path.iterdir() if path.name.startswith("upstream")] == []


def test_pip_that_works_leaves_a_whole_folder(tmp_path, monkeypatch):
    def install(command, **_):
        target = Path(command[command.index("--target") + 1])
        (target / "f5_tts" / "model").mkdir(parents=True)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setenv("F5LITE_CACHE", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", install)
    assert upstream.build() == upstream.usual_folder() and (upstream.usual_folder() / "f5_tts").is_dir()
