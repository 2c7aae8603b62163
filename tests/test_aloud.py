"""Speaking under a budget and from a file: what fits is spoken, what doesn't is refused in advance with its bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from f5lite.aloud import megabytes, speak_within, subject_of, ways_for
from f5lite.errors import F5liteError
from f5lite.evidence import residency
from f5lite.memory.menu import Planned
from f5lite.model import library
from f5lite.model.config import TINY
from f5lite.model.synthetic import synthetic
from f5lite.plan import Speeds, Wishes
from f5lite.shrink.int8.convert import convert

QUICK = {"steps": 1, "guidance": 0.0}


@pytest.mark.parametrize(
    ("text", "expected"), [("360MB", 360), ("360", 360), ("1.5 GB", 1500), ("500kb", 0.5), (" 20 mb ", 20)]
)
def test_sizes(text, expected):
    assert megabytes(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "much", "-3MB", "0", "3TB", "MB"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(F5liteError, match="such as 360MB"):
        megabytes(text)


@pytest.fixture(scope="module")
def int8(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The bundled voice, converted for 7 steps."""
    folder = tmp_path_factory.mktemp("aloud") / "int8"
    convert(library.find("tiny"), folder, steps=7)
    return str(folder)


MACHINE = Speeds(
    {("fp32", "float"): 1.0, ("int8", "reference"): 1.2, ("int8", "onednn"): 0.6, ("bf16", "float"): 1.1}
)


def test_one_file_allows_only_what_it_holds() -> None:
    plans = Planned(subject_of(["tiny"]), MACHINE).plans
    assert {plan.precision for plan in plans} == {"fp32"}, "there is no int8 file, so no int8 plan"
    assert {plan.steps for plan in plans} == {32, 16, 7} and not any(plan.folded for plan in plans)


def test_two_files_allow_the_plans_of_both_and_a_table_only_its_own_steps(int8: str) -> None:
    menu = Planned(subject_of(["tiny", int8]), MACHINE)
    kinds = {(plan.precision, plan.folded, plan.steps, plan.engine) for plan in menu.plans}
    assert kinds == {
        *(("fp32", False, steps, "float") for steps in (32, 16, 7)),
        *(("int8", True, 7, engine) for engine in ("reference", "onednn")),
    }
    ways = ways_for(menu, {"device": "cpu"}, {"guidance": 2.0})
    for plan in menu.plans:
        way = ways[plan.name]
        assert way["load"]["model"] == ("tiny" if plan.precision == "fp32" else int8)
        assert way["load"].get("engine") == (None if plan.precision == "fp32" else plan.engine)
        assert way["speak"]["steps"] == plan.steps and way["load"]["residency"] == plan.residency
    assert len(ways) == len(menu.plans), "every plan has a name of its own"


def test_steps_that_no_table_was_made_for_are_refused_by_name(int8: str, tmp_path: Path) -> None:
    with pytest.raises(F5liteError, match="converted for 7 steps, not for 12"):
        speak_within(
            "kumo says hello", tmp_path / "a.wav", load={"model": int8}, speak={"steps": 12}, speeds=MACHINE
        )
    assert [plan.precision for plan in Planned(subject_of(["tiny", int8]), MACHINE, Wishes(steps=12)).plans][
        0
    ] == "fp32"


def test_files_of_two_models_are_not_mixed(tmp_path: Path) -> None:
    other = synthetic(TINY.with_blocks(1), tmp_path / "other", seed=0)
    with pytest.raises(F5liteError, match="not the same model"):
        subject_of(["tiny", str(other)])


@pytest.mark.slow
def test_a_budget_takes_the_int8_file_when_the_other_does_not_fit_and_says_why(
    int8: str, tmp_path: Path
) -> None:
    menu = Planned(subject_of(["tiny", int8]), MACHINE, Wishes(steps=7))
    smallest = {
        kind: min(cost.peak_rss_mb for plan, cost in menu.priced if plan.precision == kind)
        for kind in ("fp32", "int8")
    }
    assert smallest["int8"] < smallest["fp32"]
    said: list[tuple[str, str]] = []
    found = speak_within(
        "kumo says hello",
        tmp_path / "a.wav",
        budget_mb=sum(smallest.values()) / 2,
        also=[int8],
        speak={"steps": 7},
        speeds=Speeds({("fp32", "float"): 1.0, ("int8", "reference"): 1.2}),
        decided=lambda name, why: said.append((name, why)),
    )
    assert all(name.startswith("int8 reference table, 7 steps") for name in found["plans"])
    assert said and said[0][0] in found["plans"] and "MB" in said[0][1]


def test_a_budget_that_is_too_small_is_refused_before_anything_is_loaded(tmp_path):
    with pytest.raises(F5liteError, match=r"a\.wav: its smallest plan needs \d+ MB, and 9 MB are all"):
        speak_within("kumo says hello", tmp_path / "a.wav", budget_mb=9)
    assert list(tmp_path.iterdir()) == []


def test_text_without_a_known_symbol_is_refused_here_too(tmp_path):
    with pytest.raises(F5liteError):
        speak_within("\u4f60\u597d", tmp_path / "a.wav")


@pytest.mark.slow
def test_a_file_is_spoken_within_a_budget_and_says_how(tmp_path):
    book, output = tmp_path / "book.txt", tmp_path / "out.wav"
    book.write_text(
        "The train leaves on monday.\nThe lamp is in the kitchen, and it is red. She walks home in the rain.\n"
    )
    command = [
        sys.executable,
        "-m",
        "f5lite",
        "speak",
        "--file",
        str(book),
        "-o",
        str(output),
        "--budget",
        "150MB",
    ]
    command += ["--steps", "1", "--guidance", "0", "--json"]
    runs = [subprocess.run(command, capture_output=True, text=True, timeout=300) for _ in range(2)]
    assert runs[0].returncode == 0, runs[0].stderr
    found = json.loads(runs[0].stdout)
    assert [one["plan"] for one in found["decisions"]] == list(found["plans"]) and "MB" in runs[0].stderr
    assert found["duration_s"] > 2 and sum(found["plans"].values()) >= 1 and found["budget_mb"] == 150
    assert json.loads(runs[1].stdout)["duration_s"] == found["duration_s"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book.txt", "out.wav"]


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kills a process group")
def test_three_thousand_words_end_and_killed_at_sixty_percent_they_go_on_to_the_same_wave(
    tmp_path: Path,
) -> None:
    """The bundled voice, one step, a short clip to speak like (so that a chunk holds many words): two runs beside one."""
    words = "the lamp in the old kitchen is red and she walks home in the rain to turn it off. ".split()
    book = tmp_path / "book.txt"
    book.write_text(" ".join(words[number % len(words)] for number in range(3000)))
    command = [sys.executable, "-m", "f5lite", "speak", "--file", str(book), "--json", "--steps", "1"]
    command += [
        "--guidance",
        "0",
        "--ref",
        str(residency.clip(tmp_path)),
        "--ref-text",
        residency.REFERENCE_TEXT,
    ]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}

    def speak(name: str) -> subprocess.Popen:
        return subprocess.Popen(
            [*command, "-o", str(tmp_path / name)],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(run: subprocess.Popen) -> dict:
        out, error = run.communicate(timeout=300)
        assert run.returncode == 0, error
        return json.loads(out)

    whole = finish(speak("whole.wav"))
    chunks = sum(whole["plans"].values())
    assert chunks > 50 and whole["duration_s"] > 120
    run, parts = speak("again.wav"), tmp_path / "again.wav.parts"

    def made() -> int:
        """Whole chunks. One that is being written has a name that begins with a dot, and a kill may leave it there."""
        return sum(not path.name.startswith(".") for path in parts.glob("*.npy")) if parts.is_dir() else 0

    while run.poll() is None and made() < 0.6 * chunks:
        time.sleep(0.05)
    assert run.poll() is None, "it ended before it could be interrupted"
    run.kill()
    run.communicate()
    kept = made()
    assert not (tmp_path / "again.wav").exists() and 0.6 * chunks <= kept < chunks
    rest = finish(speak("again.wav"))
    assert sum(rest["plans"].values()) == chunks - kept, "only what was missing was made"
    assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "whole.wav").read_bytes()


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["hello", "--file", "x.txt"], "two answers"),
        (["--file", "nowhere.txt"], "no file nowhere.txt"),
        (["--budget", "x", "hi"], "360MB"),
    ],
)
def test_bad_input_is_named(more, word, tmp_path):
    command = [sys.executable, "-m", "f5lite", "speak", "-o", str(tmp_path / "a.wav"), *more]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert run.returncode == 2 and word in run.stderr and run.stdout == ""
