"""Symbols, ids and chunks against upstream's, exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from f5lite.model.tokens import Vocabulary, chunks, to_pinyin
from tests.golden import compare

WORDS = compare.notes("words")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    """A vocabulary with upstream's numbers for every symbol that the texts use, and filling between them."""
    noted = WORDS["vocabulary"]
    lines = [f"<{number}>" for number in range(noted["size"])]
    for symbol, number in noted["used"].items():
        lines[number] = symbol
    path: Path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Vocabulary.read(path)


@pytest.mark.parametrize("answer", WORDS["tokens"], ids=lambda a: repr(a["text"][:24]))
def test_symbols_and_ids_are_upstreams(answer: dict, published: Vocabulary) -> None:
    assert to_pinyin(answer["text"]) == answer["symbols"]
    assert published.encode([answer["text"]])[0].tolist() == answer["ids"]


def test_ids_of_a_batch_are_padded_with_minus_one(published: Vocabulary) -> None:
    texts = [answer["text"] for answer in WORDS["tokens"][:5]]
    together = published.encode(texts)
    for row, answer in zip(together.tolist(), WORDS["tokens"], strict=False):
        assert row[: len(answer["ids"])] == answer["ids"]
        assert set(row[len(answer["ids"]) :]) <= {-1}


def test_a_vocabulary_with_repeated_lines_is_read_as_upstream_reads_it(tmp_path: Path) -> None:
    noted = WORDS["repeated"]
    path = tmp_path / "vocab.txt"
    path.write_text(noted["content"], encoding="utf-8")
    assert Vocabulary.read(path).ids == noted["map"]


@pytest.mark.parametrize("answer", WORDS["chunks"], ids=lambda a: f"{a['text'][:16]!r}-{a['max_bytes']}")
def test_chunks_are_upstreams(answer: dict) -> None:
    assert chunks(answer["text"], answer["max_bytes"]) == answer["chunks"]
