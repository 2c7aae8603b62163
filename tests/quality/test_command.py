"""`f5lite quality` from the command line: what it refuses, what it prints, what it keeps."""

from __future__ import annotations

import json

import pytest

from f5lite import cli
from f5lite.commands import quality
from f5lite.evidence.quality import instruments, systems

from .made import TEXTS, Listener, Speaker, made_system


@pytest.fixture
def made(monkeypatch, tmp_path):
    """The command with made-up speakers: "bad" is a noisy one."""

    def system(line: str, name: str | None = None):
        if line == "bad":
            return made_system(line, Speaker(noise=0.2), bits=2)
        return made_system(line, Speaker(stop_at=7) if line == "stops" else None)

    monkeypatch.setattr(systems, "system", system)
    monkeypatch.setattr(instruments, "Instruments", lambda threads: Listener(worse="bad"))
    texts = tmp_path / "texts.txt"
    texts.write_text("# a comment\n\n" + "\n".join(TEXTS), encoding="utf-8")
    return ["--text", str(texts), "--folder", str(tmp_path / "kept")]


def test_worse_is_exit_code_one_and_a_page_and_data_are_written(made, capsys, tmp_path):
    page, data = tmp_path / "page.html", tmp_path / "data.json"
    assert cli.main(["quality", "good", "bad", *made, "--report", str(page), "--save", str(data)]) == 1
    out = capsys.readouterr()
    assert "→ B is worse by" in out.out and "30 of 30" in out.err
    assert "<audio" in page.read_text(encoding="utf-8")
    assert json.loads(data.read_text())["figures"][0]["status"] == "worse"


def test_json_is_one_object_and_the_same_is_exit_code_zero(made, capsys):
    assert cli.main(["quality", "good", "good", *made, "--json", "--sentences", "5"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["sentences"] == 5 and printed["coverage"] == 0.9
    assert printed["figures"][0]["change"] == {"value": 0, "low": 0, "high": 0, "count": 5}


def test_every_rendering_may_have_a_seed_of_its_own(made, capsys):
    assert cli.main(["quality", "good", "good", *made, "--json", "--seeds", "own"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["seeds"] == [] and printed["about"]["own_seeds"] is True
    with pytest.raises(SystemExit):
        cli.main(["quality", "good", "good", *made, "--seeds", "mine"])
    assert "whole numbers, or own; found 'mine'" in capsys.readouterr().err


def test_stopped_it_says_how_to_go_on(made, capsys):
    assert cli.main(["quality", "stops", "bad", *made]) == 130
    assert "the same command goes on from here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tiny", "nowhere"], "no model 'nowhere'"),
        (["tiny", "tiny:pitch=2"], "no option"),
        (["tiny", "tiny", "--sentences", "0"], "1 or more"),
        (["tiny", "tiny", "--sentences", "501"], "500 bundled sentences"),
        (["tiny", "tiny", "--margin", "-1"], "above zero"),
        (["tiny", "tiny", "--text", "/nowhere.txt"], "can't read"),
        (["tiny", "tiny", "--report", "/nowhere/x.html"], "doesn't exist"),
        (["tiny", "tiny", "--voices", "elvis"], "no voice 'elvis'"),
        (["tiny", "tiny", "--seeds", "own", "1"], "numbers or own, not both"),
        (["tiny", "tiny:seeds=5", "--seeds", "own"], "give seeds=60 or more"),
    ],
)
def test_what_is_refused(arguments, message, capsys, tmp_path):
    assert cli.main(["quality", *arguments, "--folder", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.flac"))


@pytest.mark.parametrize(
    ("seconds", "words"), [(3, "3 s"), (89, "89 s"), (600, "10 min"), (7500, "2 h 5 min")]
)
def test_durations(seconds, words):
    assert quality.duration(seconds) == words
