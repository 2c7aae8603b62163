"""`f5lite lab`: the reader's copy of the lessons is never overwritten, newer ones are offered, one can be reset."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest

from f5lite import lessons
from f5lite.errors import F5liteError

NAMES = ("00_start_here.ipynb", "03_stages.ipynb", "10_pruning.ipynb")


@pytest.fixture
def home(tmp_path) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text(f"{name} first")
    return folder


def ship(home: Path, version: str) -> dict[str, Path]:
    for name in NAMES:
        (home / name).write_text(f"{name} {version}")
    return lessons.shipped((home,))


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.glob("*.ipynb"))}


def test_first_copy_is_everything(home, tmp_path):
    mine = tmp_path / "deep" / "mine"
    done = lessons.copy_lessons(mine, lessons.shipped((home,)))
    assert done.new == list(NAMES) and texts(mine) == texts(home)


def test_second_copy_changes_nothing(home, tmp_path):
    mine = tmp_path / "mine"
    lessons.copy_lessons(mine, lessons.shipped((home,)))
    (mine / NAMES[0]).write_text("mine")
    done = lessons.copy_lessons(mine, lessons.shipped((home,)))
    assert done == lessons.Copied(kept=list(NAMES))
    assert texts(mine)[NAMES[0]] == "mine" and len(texts(mine)) == len(NAMES)


def test_newer_lessons_renew_untouched_ones_and_lie_beside_edited_ones(home, tmp_path):
    mine = tmp_path / "mine"
    lessons.copy_lessons(mine, lessons.shipped((home,)))
    (mine / NAMES[0]).write_text("mine")
    done = lessons.copy_lessons(mine, ship(home, "second"))
    assert done.offered == ["00_start_here.new.ipynb"] and done.renewed == list(NAMES[1:])
    assert texts(mine) == {
        "00_start_here.ipynb": "mine",
        "00_start_here.new.ipynb": f"{NAMES[0]} second",
        NAMES[1]: f"{NAMES[1]} second",
        NAMES[2]: f"{NAMES[2]} second",
    }


def test_an_offer_that_was_deleted_does_not_come_back(home, tmp_path):
    mine = tmp_path / "mine"
    lessons.copy_lessons(mine, lessons.shipped((home,)))
    (mine / NAMES[0]).write_text("mine")
    lessons.copy_lessons(mine, ship(home, "second"))
    (mine / "00_start_here.new.ipynb").unlink()
    assert lessons.copy_lessons(mine, ship(home, "second")).offered == []
    assert lessons.copy_lessons(mine, ship(home, "third")).offered == ["00_start_here.new.ipynb"]


def test_work_in_an_offer_is_kept_too(home, tmp_path):
    mine = tmp_path / "mine"
    lessons.copy_lessons(mine, lessons.shipped((home,)))
    (mine / NAMES[0]).write_text("mine")
    lessons.copy_lessons(mine, ship(home, "second"))
    (mine / "00_start_here.new.ipynb").write_text("mine too")
    done = lessons.copy_lessons(mine, ship(home, "third"))
    assert done.offered == ["00_start_here.new-2.ipynb"]
    assert texts(mine)["00_start_here.new.ipynb"] == "mine too"


def test_an_offer_left_alone_is_replaced(home, tmp_path):
    mine = tmp_path / "mine"
    lessons.copy_lessons(mine, lessons.shipped((home,)))
    (mine / NAMES[0]).write_text("mine")
    for version in ("second", "third"):
        lessons.copy_lessons(mine, ship(home, version))
    assert texts(mine)["00_start_here.new.ipynb"] == f"{NAMES[0]} third"
    assert len(texts(mine)) == len(NAMES) + 1


@pytest.mark.parametrize("content", [None, "{", "[]", '{"00_start_here.ipynb": 3}'])
def test_without_a_record_everything_is_the_readers(home, tmp_path, content):
    mine = tmp_path / "mine"
    lessons.copy_lessons(mine, lessons.shipped((home,)))
    record = mine / lessons.RECORD
    record.unlink() if content is None else record.write_text(content)
    done = lessons.copy_lessons(mine, ship(home, "second"))
    assert done.renewed == [] and len(done.offered) == len(NAMES)
    assert texts(mine)[NAMES[0]] == f"{NAMES[0]} first"


def test_reset_keeps_the_readers_as_a_backup(home, tmp_path):
    mine, shipped = tmp_path / "mine", lessons.shipped((home,))
    lessons.copy_lessons(mine, shipped)
    backups = []
    for text in ("mine", "mine again"):
        (mine / NAMES[0]).write_text(text)
        backups.append(lessons.reset(mine, NAMES[0], shipped))
    assert [path.read_text() for path in backups] == ["mine", "mine again"]
    assert (mine / NAMES[0]).read_text() == f"{NAMES[0]} first"
    assert lessons.reset(mine, NAMES[0], shipped) is None
    assert lessons.copy_lessons(mine, ship(home, "second")).renewed == list(NAMES)


@pytest.mark.parametrize("name", ["03", "3", "stages", "03_stages", "03_stages.ipynb", "STAGES"])
def test_lessons_are_found_by_number_or_name(home, name):
    assert lessons.find(name, lessons.shipped((home,))) == NAMES[1]


@pytest.mark.parametrize("name", ["7", "nowhere", "", "s", "../up"])
def test_unclear_names_list_what_there_is(home, name):
    with pytest.raises(F5liteError, match="00_start_here"):
        lessons.find(name, lessons.shipped((home,)))


def test_no_lessons_at_all(tmp_path):
    with pytest.raises(F5liteError, match="no lessons"):
        lessons.shipped((tmp_path,))


def test_the_glossary_goes_where_the_lessons_go(home, tmp_path):
    (home / "glossary.md").write_text("first")
    mine = tmp_path / "mine"
    lessons.copy_lessons(mine, lessons.pages((home,)))
    (mine / "glossary.md").write_text("with my notes")
    (home / "glossary.md").write_text("second")
    done = lessons.copy_lessons(mine, lessons.pages((home,)))
    assert done.offered == ["glossary.new.md"] and (mine / "glossary.md").read_text() == "with my notes"
    assert set(lessons.pages()) == set(lessons.PAGES), "a page that the lessons link to isn't shipped"


def test_folder_that_cannot_be_made(home, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(F5liteError, match="can't make"):
        lessons.copy_lessons(tmp_path / "file" / "mine", lessons.shipped((home,)))


def test_read_only_lessons_become_writable_copies(home, tmp_path):
    for path in home.iterdir():
        path.chmod(0o444)
    lessons.copy_lessons(tmp_path / "mine", lessons.shipped((home,)))
    assert os.stat(tmp_path / "mine" / NAMES[0]).st_mode & 0o200


START = """
import sys
from pathlib import Path
from f5lite import cli, lessons
lessons.HOMES = (Path(sys.argv[1]),)
lessons.shipped.__defaults__ = (lessons.HOMES,)
sys.exit(cli.main(sys.argv[2:]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="ends the server with SIGINT")
def test_jupyterlab_opens_in_the_readers_folder(home, tmp_path):
    """A real server, asked over its own interface; then ended as a reader would."""
    pytest.importorskip("jupyterlab")
    for name in NAMES:
        nbformat.write(nbformat.v4.new_notebook(), home / name)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", START, str(home), "lab", "03", "--no-browser", f"--port={port}"]
    env = {**os.environ, "JUPYTER_TOKEN": "trial", "JUPYTER_ALLOW_INSECURE_WRITES": "1"}
    # Root may not start a server unless told to; only a test in a container is root.
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        settings = tmp_path / "config"
        settings.mkdir()
        (settings / "jupyter_server_config.json").write_text(json.dumps({"ServerApp": {"allow_root": True}}))
        env["JUPYTER_CONFIG_DIR"] = str(settings)
    with open(tmp_path / "log", "w") as log:
        server = subprocess.Popen(
            command, cwd=tmp_path, env=env, stderr=log, stdout=log, start_new_session=True
        )
    try:
        listing = _ask(f"http://127.0.0.1:{port}/api/contents?token=trial", server)
        assert sorted(entry["name"] for entry in listing["content"]) == sorted([*NAMES, "glossary.md"])
        assert f"/lab/tree/{NAMES[1]}" in (tmp_path / "log").read_text()
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)


def _ask(address: str, server: subprocess.Popen) -> dict:
    for _ in range(240):
        assert server.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.25)
    raise AssertionError("the server didn't answer")
