"""Writing whole or not at all."""

from __future__ import annotations

import os
import sys

import pytest

from f5lite.errors import F5liteError
from f5lite.files import atomic, write_atomically


def test_new_content_replaces_old(tmp_path):
    path = tmp_path / "a.json"
    write_atomically(path, "old")
    write_atomically(path, "nëw")
    assert path.read_text(encoding="utf-8") == "nëw"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_failure_keeps_the_old_file_and_leaves_nothing(tmp_path):
    path = tmp_path / "a.wav"
    write_atomically(path, b"old")
    with pytest.raises(ValueError), atomic(path) as temporary:
        temporary.write_bytes(b"half")
        raise ValueError
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


def test_temporary_file_keeps_the_suffix_and_the_folder(tmp_path):
    with atomic(tmp_path / "a.wav") as temporary:
        assert temporary.suffix == ".wav" and temporary.parent == tmp_path
        temporary.write_bytes(b"x")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_result_is_as_readable_as_any_new_file(tmp_path):
    write_atomically(tmp_path / "a", "x")
    (tmp_path / "b").write_text("x")
    assert os.stat(tmp_path / "a").st_mode == os.stat(tmp_path / "b").st_mode


def test_missing_folder_and_folder_as_file_are_named(tmp_path):
    with pytest.raises(F5liteError, match="doesn't exist"):
        write_atomically(tmp_path / "nowhere" / "a.wav", b"")
    with pytest.raises(F5liteError, match="is a folder"):
        write_atomically(tmp_path, b"")
