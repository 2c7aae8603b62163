"""The evaluation, on eight sentences of the bundled voice, and the card that it writes."""

from __future__ import annotations

import pytest

from f5lite.errors import F5liteError
from f5lite.evidence.quality.instruments import Instruments
from f5lite.evidence.quality.rendering import Shelf
from f5lite.evidence.quality.sentences import bundled_sentences
from f5lite.evidence.quality.systems import system
from f5lite.model.library import bundled_voices
from recipes.voice import card, evaluate


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    def nobody():
        raise F5liteError("no teacher here")

    return evaluate.table(
        "tiny",
        sentences=bundled_sentences(8),
        steps=[7],
        shelf=Shelf(tmp_path_factory.mktemp("evaluation")),
        tools=Instruments(threads=1),
        open_texts=["the water in the river was high"],
        utterances=2,
        teacher=nobody,
    )


def test_every_figure_is_there_with_its_interval(found):
    held_out = found["errors"]["held-out sentences, 7 steps"]
    assert held_out["count"] == 8 and held_out["low"] <= held_out["value"] <= held_out["high"]
    assert held_out["value"] < 90  # it speaks
    assert found["errors"]["text outside the grammar, 7 steps"]["count"] == 1
    assert found["missing"] == {"the teacher's word error rate": "no teacher here"}
    for name in ("vocos", "griffin-lim"):
        assert {"distance", "wer", "opinion", "real_time", "peak_mb"} <= set(found["vocoder"][name])


def test_a_cloned_voice_is_most_like_its_own_reference_on_average(found):
    matrix = found["similarity"]
    assert len(matrix) >= 4
    own = sum(row[name] for name, row in matrix.items()) / len(matrix)
    others = [value for name, row in matrix.items() for key, value in row.items() if key != name]
    assert own > sum(others) / len(others) + 0.05


def test_the_card_gets_the_table_and_keeps_its_words(found, tmp_path):
    path = tmp_path / "CARD.md"
    path.write_text(f"# A voice\n{card.BEGIN}\nold\n{card.END}\nlast words\n")
    card.put(path, found)
    text = path.read_text()
    assert text.startswith("# A voice\n") and text.endswith("last words\n") and "old" not in text
    assert "| held-out sentences, 7 steps |" in text and "Griffin-Lim" in text and "no teacher here" in text
    card.put(path, found)
    assert path.read_text() == text
    (tmp_path / "empty.md").write_text("nothing")
    with pytest.raises(F5liteError, match="no place"):
        card.put(tmp_path / "empty.md", found)


def test_parts_speak_what_the_table_asks_for(tmp_path):
    shelf, tools, texts = Shelf(tmp_path), Instruments(threads=1), bundled_sentences(2)
    jobs = evaluate.spread(texts, list(bundled_voices()))
    one = system(f"tiny:steps=4,guidance={evaluate.own_guidance('tiny')}")
    for part in (0, 1):
        assert [shelf.has(shelf.key(one, job)) for job in jobs] == [part > 0, False]
        evaluate.speak_part("tiny", part, 2, sentences=texts, steps=[4], shelf=shelf, tools=tools)
    assert all(shelf.has(shelf.key(one, job)) for job in jobs)
