"""`f5lite speak` as a user types it: the file it writes, its JSON, and what it says to bad input."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from f5lite import cli
from f5lite.commands import speak

SHORT = ("--steps", "2", "--seed", "7")  # a hum, not speech: enough for what is asked here


def run(*arguments: str, cwd: Path, stdin: str | None = None) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "f5lite", "speak", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, input=stdin, timeout=300)


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_speaks_to_a_file_with_one_json_object(tmp_path):
    done = run("the model speaks", "-o", "out.wav", "--json", *SHORT, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    wave, rate = soundfile.read(tmp_path / "out.wav")
    assert listing(tmp_path) == ["out.wav"]
    assert rate == content["sample_rate"] == 24000
    assert len(wave) / rate == pytest.approx(content["duration_s"], abs=1e-3)
    assert np.abs(wave).max() > 0.01
    assert set(content["stages_s"]) == {"text", "acoustic", "vocoder"}
    assert (content["steps"], content["seed"], content["voice"]) == (2, 7, "kumo")
    assert "2 passes done" in done.stderr


@pytest.fixture
def speak_here(tmp_path, small_model, capsys):
    """In this process, with a model that says nothing but is quick: the bytes of the file."""

    def run_it(*arguments: str) -> bytes:
        path = tmp_path / f"{len(listing(tmp_path))}.wav"
        model = ("--model", str(small_model), "--vocoder", "griffin-lim")
        assert cli.main(["speak", *arguments, *model, "-o", str(path), *SHORT]) == 0
        assert capsys.readouterr().out == ""
        return path.read_bytes()

    return run_it


def test_same_seed_same_file_other_voice_other_file(speak_here):
    text = "the model speaks"
    first = speak_here(text)
    assert speak_here(text) == first
    assert speak_here(text, "--voice", "alpha") != first


def test_a_recording_of_ones_own(tmp_path, speak_here):
    """Any rate, two channels."""
    rng = np.random.default_rng(0)
    time = np.arange(2 * 44100) / 44100
    sound = np.sin(2 * np.pi * 150 * time) * (0.3 + 0.1 * rng.standard_normal(len(time)))
    soundfile.write(tmp_path / "me.wav", np.stack((sound, sound * 0.5), 1) * 0.3, 44100)
    text = ("yes this is me", "--ref", str(tmp_path / "me.wav"), "--ref-text", "hello this is my voice")
    assert len(speak_here(*text)) > 10_000


def test_text_from_standard_input(speak_here, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("the model speaks\n"))
    assert speak_here("-") == speak_here("the model speaks")


def test_voices_are_listed(capsys):
    assert cli.main(["speak", "--voices", "--json"]) == 0
    voices = json.loads(capsys.readouterr().out)
    assert len(voices) >= 3 and all(voices.values()) and "kumo" in voices
    assert cli.main(["speak", "--voices"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(voices)


BAD = {
    "no text": ([], "nothing to say"),
    "empty text": ([""], "empty"),
    "blank text": (["  \n "], "empty"),
    "no known symbol": (["漢字"], "vocabulary"),
    "only punctuation": (["?!"], ""),
    "no steps": (["hello", "--steps", "0"], "at least 1"),
    "negative steps": (["hello", "--steps", "-3"], "at least 1"),
    "steps in words": (["hello", "--steps", "many"], "invalid int"),
    "speed zero": (["hello", "--speed", "0"], "speed"),
    "speed not a number": (["hello", "--speed", "nan"], "speed"),
    "guidance below zero": (["hello", "--guidance", "-1"], "guidance"),
    "guided past the end": (["hello", "--guided-until", "1.5"], "guided_until"),
    "temperature too high": (["hello", "--temperature", "3"], "temperature"),
    "sway too far": (["hello", "--sway", "5"], "sway"),
    "no such folder": (["hello", "-o", "nowhere/out.wav"], "doesn't exist"),
    "a folder as file": (["hello", "-o", "folder.wav"], "is a folder"),
    "unknown format": (["hello", "-o", "out.xyz"], "format"),
    "no such voice": (["hello", "--voice", "nobody"], "bundled are"),
    "no such model": (["hello", "--model", "huge"], "no model"),
    "no such reference": (["hello", "--ref", "gone.wav", "--ref-text", "a b c"], "no sound file"),
    "reference without text": (["hello", "--ref", "quiet.wav"], "text"),
    "text without reference": (["hello", "--ref-text", "a b c"], "--ref"),
    "voice and reference": (["hello", "--voice", "kumo", "--ref", "quiet.wav", "--ref-text", "a"], "--voice"),
    "silent reference": (["hello", "--ref", "quiet.wav", "--ref-text", "a b c"], "silent"),
    "reference of 0.1 s": (["hello", "--ref", "short.wav", "--ref-text", "a b c"], "0.10 s"),
    "reference is no sound": (["hello", "--ref", "text.wav", "--ref-text", "a b c"], "can't read"),
    "no such device": (["hello", "--device", "toaster"], "device"),
    "corrupt weights": (["hello", "--model", "text.safetensors"], ""),
    "a pickle": (["hello", "--model", "evil.pt"], "refused"),
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    import pickle

    folder = tmp_path_factory.mktemp("inputs")
    (folder / "folder.wav").mkdir()
    soundfile.write(folder / "quiet.wav", np.zeros(48000), 24000)
    soundfile.write(folder / "short.wav", np.sin(np.arange(2400) / 10), 24000)
    (folder / "text.wav").write_text("not a sound")
    (folder / "text.safetensors").write_text(
        "not weights, but long enough to look like a header of something"
    )
    (folder / "evil.pt").write_bytes(pickle.dumps(Path("a call, if it were loaded")))
    return folder


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_and_leaves_nothing(inputs, monkeypatch, capsys, name):
    arguments, word = BAD[name]
    monkeypatch.chdir(inputs)
    before = listing(inputs)
    try:
        code = cli.main(["speak", *arguments])
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    assert code == 2, err
    assert out == "" and "Traceback" not in err
    assert word in err and len(err) > 20
    assert listing(inputs) == before


def test_failure_in_the_middle_keeps_the_old_file(tmp_path, monkeypatch, capsys):
    path = tmp_path / "out.wav"
    path.write_bytes(b"the old one")

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("f5lite.pipeline.Pipeline.speak", stop)
    assert cli.main(["speak", "hello", "-o", str(path)]) == 130
    assert path.read_bytes() == b"the old one" and listing(tmp_path) == ["out.wav"]
    capsys.readouterr()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_is_redrawn_in_place():
    terminal = Terminal()
    with speak.Bar(stream=terminal) as bar:
        for done in range(1, 5):
            bar.update(done, 4)
    text = terminal.getvalue()
    assert text.count("\r") == 4 and text.endswith("pass 4 of 4 \n")


def test_progress_elsewhere_is_one_line_and_quiet_is_nothing():
    log, silent = io.StringIO(), io.StringIO()
    for stream, shown in ((log, True), (silent, False)):
        with speak.Bar(shown=shown, stream=stream) as bar:
            bar.update(1, 2)
            bar.update(2, 2)
    assert log.getvalue() == "2 passes done\n" and silent.getvalue() == ""
