"""`f5lite ladder` from the command line, with made-up records and with real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from f5lite import cli
from f5lite.evidence.ladder import run as climbing
from f5lite.evidence.ladder.upstream import find
from f5lite.memory.cap import Cap
from tests.evidence.ladder import made


@pytest.fixture
def command(monkeypatch, tmp_path, small_model):
    """The command on a small model with made-up records; `climber` may be replaced."""
    monkeypatch.setenv("F5LITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("F5LITE_LEDGER", str(tmp_path / "ledger.json"))
    monkeypatch.setattr(climbing, "carry_out", made.Climber())
    return ["ladder", "--model", str(small_model), "--frames", "64"]


def test_json_is_one_object_and_the_page_is_written(command, capsys, tmp_path):
    page = tmp_path / "ladder.html"
    assert cli.main([*command, "--json", "--html", str(page)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["complete"] and printed["model"]["frames"] == 64
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_stopped_it_shows_what_there_is_and_goes_on(command, capsys, monkeypatch):
    monkeypatch.setattr(climbing, "carry_out", made.Climber(stop_at=9))
    assert cli.main([*command, "--json"]) == 130
    stopped = capsys.readouterr()
    assert "the same command goes on from here" in stopped.err
    first = json.loads(stopped.out)
    assert not first["complete"] and {rung["status"] for rung in first["rungs"]} == {"measured", "waiting"}
    rest = made.Climber()
    monkeypatch.setattr(climbing, "carry_out", rest)
    assert cli.main(command) == 0
    assert "left" in capsys.readouterr().err and not set(rest.seen) & {"prepare/source"}
    assert cli.main([*command, "--shown"]) == 0
    assert "0 of" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rungs", "nine"], "no rung 'nine'"),
        (["--repeats", "0"], "1 or more"),
        (["--frames", "9"], "frames must be"),
        (["--model", "nowhere"], "no model 'nowhere'"),
        (["--upstream", "/no/python"], "there is no file"),
        (["--html", "/no/folder/x.html"], "doesn't exist"),
    ],
)
def test_what_it_refuses(command, capsys, arguments, message):
    assert cli.main([*command, *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="caps are Linux only")
def test_one_core_and_two_gibibytes_take_a_smaller_shape_and_say_so(tmp_path):
    """The whole command under a real cap: upstream (where it is installed), the article's last rung and ours."""
    limit = 2 << 30
    env = {**os.environ, "F5LITE_LEDGER": str(tmp_path / "ledger.json"), "MEM_LIMIT": str(limit)}
    env |= {"OMP_NUM_THREADS": "1", "F5LITE_UPSTREAM_ENV": str(find() or tmp_path)}
    env.pop("F5LITE_QUICK", None)
    keys = ["attention", "streamed"] if find() is None else ["upstream", "attention", "streamed"]
    arguments = ["--rungs", *keys, "--repeats", "1", "--frames", "64", "--computed", "--fresh", "--json"]
    go = [sys.executable, "-m", "f5lite", "ladder", *arguments]
    with Cap(limit) as cap:

        def begin() -> None:
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            if cap.folder is not None:  # children inherit the group
                (cap.folder / "cgroup.procs").write_text(str(os.getpid()))

        done = subprocess.run(go, env=env, capture_output=True, text=True, preexec_fn=begin)
        if cap.folder is None:
            assert "RLIMIT" in cap.kind
        assert cap.kills == 0
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["model"]["blocks"] == 4 and "under 3 GiB" in said["model"]["note"] in done.stderr
    assert [rung["status"] for rung in said["rungs"]] == ["measured"] * len(keys)
    assert all(rung["seconds"] > 0 and rung["peak_rss_mb"] > 0 for rung in said["rungs"])
    ours = said["rungs"][-2:]
    assert ours[1]["peak_rss_mb"] < ours[0]["peak_rss_mb"]
    assert ours[1]["survives"]["512"] is True


def test_the_help_names_every_rung():
    from f5lite.commands import ladder
    from f5lite.evidence.ladder.rungs import RUNGS

    line = next(line for line in ladder.EXAMPLES.splitlines() if line.startswith("rungs:"))
    assert line.split()[1:] == [rung.key for rung in RUNGS]
