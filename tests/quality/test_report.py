"""The page: everything in it, nothing from elsewhere, no text taken as markup."""

from __future__ import annotations

import re

from f5lite.evidence.quality.rendering import Shelf
from f5lite.evidence.quality.report import differing, page
from f5lite.evidence.quality.run import compare

from .made import TEXTS, Listener, Speaker, made_system


def made_page(tmp_path, texts):
    a, b = made_system("<b>A</b>"), made_system("B", Speaker(noise=0.2), bits=4)
    result, rows = compare(a, b, texts, folder=tmp_path, instruments=Listener(worse="b"))
    return page(result, rows, Shelf(tmp_path), count=3), rows


def test_players_for_the_most_different_only(tmp_path):
    text, rows = made_page(tmp_path, TEXTS)
    assert text.count("<audio") == 6 and text.count("data:audio/wav;base64,UklGR") == 6
    sizes = [abs(row["b"]["wrong"] - row["a"]["wrong"]) for row in differing(rows, 3)]
    assert min(sizes) >= max(abs(row["b"]["wrong"] - row["a"]["wrong"]) for row in rows) - 0


def test_nothing_from_elsewhere_and_nothing_as_markup(tmp_path):
    text, _ = made_page(tmp_path, [*TEXTS[:3], "a <script>alert</script> in a sentence"])
    assert "<script" not in text and "&lt;script&gt;" in text and "<b>A" not in text
    assert not re.search(r"https?://", text)


def test_every_player_has_a_name(tmp_path):
    text, _ = made_page(tmp_path, TEXTS[:4])
    assert len(re.findall(r'<audio [^>]*aria-label="[AB]: ', text)) == 6
