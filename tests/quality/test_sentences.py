"""The bundled sentences, and those from a file."""

from __future__ import annotations

import pytest

from f5lite.errors import F5liteError
from f5lite.evidence.quality.sentences import bundled_sentences, read
from recipes.voice.grammar import SLOTS


def test_five_hundred_different_sentences_of_the_voices_own_words():
    found = bundled_sentences()
    assert len(set(found)) == len(found) == 500
    words = {word for text in found for word in text.split()}
    assert words & set(SLOTS["CITY"].split()) == set(SLOTS["CITY"].split())
    assert bundled_sentences(7) == found[:7]


def test_a_file_is_read_line_by_line(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("# no\none\n\n  two \none\n", encoding="utf-8")
    assert read(path) == ["one", "two"]
    path.write_text("#\n\n", encoding="utf-8")
    with pytest.raises(F5liteError, match="holds no sentence"):
        read(path)
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(F5liteError, match="can't read"):
        read(path)
