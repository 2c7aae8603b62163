"""From a source to a stored notebook: folding, ids, drift, failed runs, and the small machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from notebooks import build
from notebooks.making import clock, small
from notebooks.making import run as running
from notebooks.making import source as sources

SOURCE = """# %% [markdown]
# # 98 · Made up

# %%
x = 1
print(x)

# %% tags=["exercise"]
def twice(value):
    raise NotImplementedError

print("checked", twice.__name__)

# %% [markdown] tags=["hint"]
# Two of it.

# %% tags=["solution"]
def twice(value):
    return 2 * value
"""


@pytest.fixture
def made_up(tmp_path: Path) -> Path:
    path = tmp_path / "source" / "98_made_up.py"
    path.parent.mkdir()
    path.write_text(SOURCE, encoding="utf-8")
    return path


def test_hint_and_solution_are_folded(made_up: Path) -> None:
    notebook = sources.notebook(made_up)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code", "markdown", "markdown"]
    assert notebook.cells[2].metadata.tags == ["exercise"]
    assert notebook.cells[3].source == "<details><summary>Hint</summary>\n\nTwo of it.\n\n</details>"
    assert "```python\ndef twice(value):\n    return 2 * value\n```" in notebook.cells[4].source
    assert notebook.metadata.kernelspec == sources.KERNEL
    nbformat.validate(notebook)


@pytest.mark.parametrize("gap", ["\n", " ", "\n- "])
def test_the_head_is_a_list_in_the_notebook(made_up: Path, gap: str) -> None:
    parts = ["**You'll do**: a\nb.", "**You'll learn**: c.", "**You need**: nothing. 1 minutes."]
    text = gap.join(["# 98 · Made up\n", *parts])
    made_up.write_text("# %% [markdown]\n" + "".join(f"# {line}\n" for line in text.split("\n")))
    head = sources.notebook(made_up).cells[0].source
    assert head == "\n".join(["# 98 · Made up", "", *(f"- {part}" for part in parts)])


def test_for_tests_the_solution_runs_with_the_same_check(made_up: Path) -> None:
    cells = sources.with_solutions(made_up, "the end").cells
    assert cells[4].cell_type == "code" and cells[4].source.endswith(
        'return 2 * value\n\n\nprint("checked", twice.__name__)'
    )
    assert cells[-1].source == "the end"


def test_ids_stay_with_their_text(made_up: Path) -> None:
    before = {cell.source: cell.id for cell in sources.notebook(made_up).cells}
    changed = "# %%\nnew = 0\n\n# %%\nx = 1\nprint(x)\n\n# %%\nnew = 0\n"
    made_up.write_text(SOURCE.replace("# %%\nx = 1\nprint(x)\n", changed), encoding="utf-8")
    after = sources.notebook(made_up).cells
    assert len(after) == 7 and before.items() <= {cell.source: cell.id for cell in after}.items()
    assert len({cell.id for cell in after}) == len(after), "twins get ids of their own"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text[: text.index('# %% tags=["solution"]')], "has no solution: def twice"),
        (lambda text: text.replace('# %% tags=["exercise"]', "# %%"), "follows no exercise"),
        (lambda text: text.replace('# %% tags=["solution"]', '# %% tags=["exercise"]'), "has no solution"),
    ],
)
def test_half_an_exercise_is_refused(made_up: Path, change, says: str) -> None:
    made_up.write_text(change(SOURCE), encoding="utf-8")
    with pytest.raises(ValueError, match=says):
        sources.notebook(made_up)


def test_drift_is_found_and_outputs_are_not_drift(made_up: Path) -> None:
    assert "is missing" in sources.drift(made_up)[0]
    stored = sources.notebook(made_up)
    stored.cells[1].outputs = [nbformat.v4.new_output("stream", text="1\n")]
    build.store(stored, sources.target(made_up))
    assert sources.drift(made_up) == []
    made_up.write_text(SOURCE.replace("x = 1", "x = 2"), encoding="utf-8")
    assert "cell 1 differs from the source: 'x = 2', stored 'x = 1'" in sources.drift(made_up)[0]
    made_up.write_text(SOURCE + "\n\n# %%\nmore = 1\n", encoding="utf-8")
    assert "has 5 cells, its source makes 6" in sources.drift(made_up)[0]


def test_a_build_runs_stores_and_leaves_the_old_file_when_a_cell_fails(
    made_up: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "STATE", tmp_path / "state")
    assert build.build(made_up, quick=True) == ""
    path = sources.target(made_up)
    stored = nbformat.read(path, as_version=4)
    assert stored.cells[1].outputs[0].text == "1\n" and stored.metadata.f5lite.quick is True
    assert sources.drift(made_up) == []
    before = path.read_bytes()
    made_up.write_text(SOURCE.replace("x = 1", "x = 1 / 0"), encoding="utf-8")
    assert "ZeroDivisionError" in build.build(made_up, quick=True)
    made_up.write_text(SOURCE.replace("x = 1", "import os\nos._exit(9)"), encoding="utf-8")
    assert "kernel died" in build.build(made_up, quick=True)
    made_up.write_text(
        SOURCE.replace("x = 1", "import logging\nlogging.warning('odd')\nx = 1"), encoding="utf-8"
    )
    assert "on standard error: 'WARNING:root:odd" in build.build(made_up, quick=True)
    assert path.read_bytes() == before


def test_a_build_never_touches_the_readers_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("F5LITE_LEDGER", "/the/readers/own")
    monkeypatch.setenv("F5LITE_QUICK", "1")
    env = running.environment(tmp_path / "l.json", quick=False)
    assert env["F5LITE_LEDGER"] == str(tmp_path / "l.json") and "F5LITE_QUICK" not in env


def test_an_unknown_lesson_is_named_with_those_there_are() -> None:
    with pytest.raises(SystemExit, match="no lesson '77'; there are: .*_template"):
        build.chosen(["77"])
    assert build.chosen(["template"]) == build.chosen(["_template.ipynb"])


def test_the_sampler_counts_children_once_and_shared_pages_in_parts() -> None:
    code = (
        "import subprocess, sys\nbig = b'x' * 60_000_000\n"
        "child = subprocess.Popen([sys.executable, '-c', \"b = b'y' * 40_000_000; print('up', flush=True); input()\"],"
        " stdin=subprocess.PIPE)\ninput()\nchild.kill()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"up\n"
        sampler = small.Sampler({"kernel": process.pid, "server": process.pid})
        sampler.sample()
        process.communicate(b"\n")
    assert 95e6 < sampler.peak < 160e6, sampler.parts
    assert list(sampler.parts) == ["kernel"], "the same tree under two names counts once"


@pytest.mark.slow
def test_a_plain_folder_is_no_cgroup(tmp_path: Path) -> None:
    assert small.hierarchy(tmp_path) is None
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("1")
    assert small.hierarchy(tmp_path) == (tmp_path / "memory", "memory.limit_in_bytes")
    (tmp_path / "cgroup.controllers").write_text("memory")
    assert small.hierarchy(tmp_path) == (tmp_path, "memory.max")


def test_a_small_machine_reports_what_a_lesson_needs(made_up: Path) -> None:
    """In a process of its own: it keeps itself on one core."""
    made_up.write_text(
        SOURCE.replace("x = 1", "x = 1\nbig = b'z' * 120_000_000\nimport time; time.sleep(1)"), "utf-8"
    )
    code = (
        "import sys\nfrom pathlib import Path\nfrom notebooks.making import small\nprint(small.one_core())\n"
        f"print(*small.small(Path({str(made_up)!r}), quick=True, limit=int(sys.argv[1])), sep='|')"
    )
    said = {}
    for limit in ("2000000000", "100000000"):
        done = subprocess.run(
            [sys.executable, "-c", code, limit],
            cwd=sources.FOLDER.parent,
            env=os.environ,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        said[limit] = done.stdout
    assert "one core" in said["2000000000"] and said["2000000000"].rstrip().endswith("|")
    assert "kernel" in said["2000000000"] and "server" in said["2000000000"]
    assert "may need 100" in said["100000000"] or "kernel died" in said["100000000"]


def test_the_clock_leaves_out_what_others_use_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    work = [sys.executable, "-c", "import time; time.sleep(0.5)"]
    for crowded, least, most in ((False, 0.5, 60.0), (True, 0.0, 0.4)):
        monkeypatch.setattr(clock, "busy", lambda crowded=crowded: crowded)
        watch = clock.Clock()
        subprocess.run(work, check=True)
        assert least <= watch.fair <= min(most, watch.wall + 0.01)


def test_a_child_that_used_less_than_a_tick_used_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "busy", lambda: True)
    monkeypatch.setattr(clock.Clock, "_children", staticmethod(lambda: 3.0))
    assert clock.Clock().fair == 0
