"""What is shown: the JSON object, the terminal table, and the page that stands alone."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from f5lite.evidence.claims import CLAIMS
from f5lite.evidence.ladder import judging, page, table
from f5lite.evidence.ladder.result import Row
from f5lite.evidence.ladder.rungs import BY_KEY, RUNGS
from f5lite.evidence.ladder.sound import Heard
from f5lite.evidence.verdict import OUTCOMES
from tests.evidence.ladder.made import ladder, row

FAILED = Row(BY_KEY["int8"], "failed", "was killed by SIGKILL <b>")
SOME = ladder(
    row("upstream", seconds=100.0, rss=1400.0, loading_rss=(2700.0,) * 3, whole=99.0, whole_cpu=190.0),
    FAILED,
    row("streamed", seconds=9.0, rss=120.0, heard=Heard(26.1, 25.0, 27.0, 500, 0.97)),
)
NUMBER = (int, float)
RUNG = {
    "id": str,
    "name": str,
    "status": str,
    "why": str,
    "seconds": NUMBER,
    "seconds_how": str,
    "seconds_computed": list,
    "real_time_factor": NUMBER,
    "cpu_seconds": NUMBER,
    "peak_rss_mb": NUMBER,
    "peak_anonymous_mb": NUMBER,
    "peak_loading_rss_mb": NUMBER,
    "peak_speaking_rss_mb": NUMBER,
    "file_mb": NUMBER,
    "wer": NUMBER,
    "survives": dict,
    "cap": str,
}


def test_the_json_object_has_what_was_promised():
    said = json.loads(json.dumps(judging.report(SOME)))
    assert set(said) >= {"machine", "model", "rungs", "claims", "aims", "complete"}
    assert [rung["id"] for rung in said["rungs"]] == [rung.key for rung in RUNGS]
    for rung in said["rungs"]:
        for name, kind in RUNG.items():
            assert rung[name] is None or isinstance(rung[name], kind), name
        assert rung["status"] == ("failed" if rung["id"] == "int8" else "measured")
        assert set(rung["survives"]) <= {"512", "360", "256", "128"}
    assert [claim["id"] for claim in said["claims"]] == list(CLAIMS)
    assert all(claim["verdict"] in OUTCOMES and claim["sentence"] for claim in said["claims"])
    last = said["rungs"][-1]
    assert (last["wer"], last["wer_of"], last["similarity"]) == (26.1, "the bundled voice", 0.97)
    assert said["rungs"][0]["seconds_how"] == "measured" and last["seconds_how"] == "computed"


def test_the_terminal_table_has_a_line_for_every_rung_and_says_what_failed():
    text = table.plain(SOME, judging.verdicts(SOME), judging.aims(SOME))
    for rung in RUNGS:
        assert any(line.startswith(rung.title) for line in text.splitlines())
    assert "+ int8 was killed by SIGKILL" in text
    assert "26 (25–27)" in text and "not measured" in text
    assert "−91 % / −91 %" in text
    assert max(map(len, text.split("\n\n")[0].splitlines())) <= 130


def test_another_models_sound_is_not_the_bundled_voices():
    from dataclasses import replace

    assert "from the bundled voice" in table.plain(SOME)
    mine = replace(SOME, model={**SOME.model, "heard": ""})
    assert "not measured for this model" in table.plain(mine)


class Reader(HTMLParser):
    """Checks nesting, and collects tags with their attributes."""

    VOID = {"meta", "br", "rect", "img", "input"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag in self.VOID:
            return
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.seen if name == tag]


@pytest.fixture(scope="module")
def text() -> str:
    return page.page(SOME, judging.verdicts(SOME), judging.aims(SOME))


def test_the_page_parses_and_asks_nobody_for_anything(text):
    read = Reader(text)
    asking = {"src", "href", "srcset", "action", "data", "poster", "xlink:href"}
    assert not [(tag, found) for tag, found in read.seen if asking & set(found)]
    assert not re.search(r"https?:|url\(|@import|<script|<link|<iframe", text)


def test_the_page_is_for_everybody(text):
    read = Reader(text)
    assert read.all("html")[0]["lang"] == "en"
    assert "width=device-width" in next(m["content"] for m in read.all("meta") if m.get("name") == "viewport")
    assert "prefers-color-scheme:dark" in text and "@media (max-width" in text
    pictures = read.all("svg")
    assert len(pictures) == 2
    for picture in pictures:
        assert (
            picture["role"] == "img"
            and "upstream" in picture["aria-label"]
            and "streamed" in picture["aria-label"]
        )
    assert len(read.all("caption")) == len(read.all("table")) == 2
    assert all(head["scope"] in ("col", "row") for head in read.all("th"))
    levels = [int(tag[1]) for tag, _ in read.seen if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1 and set(levels) == {1, 2}


def test_what_comes_from_outside_is_escaped(text):
    assert "made up &lt;&amp;&gt;" in text and "SIGKILL &lt;b&gt;" in text and "<b>" not in text


def test_every_claim_and_its_verdict_stand_on_the_page(text):
    for claim in CLAIMS.values():
        assert claim.id in text
    for outcome in ("can&#x27;t tell", "does not hold", "exceeded"):
        assert outcome in text


def test_the_headline_is_computed():
    assert page.headline(SOME) == "From 1,400 to 120 MB, from 99 to 9 seconds"
    assert page.headline(ladder(Row(BY_KEY["upstream"], "unavailable", "x"))) == "F5-TTS, rung by rung"


def test_the_table_and_the_verdicts_count_a_change_alike():
    """Turn by turn: a busy minute falls on both."""
    found = ladder(
        row("upstream", seconds=[100.0, 200.0, 101.0]), row("attention", seconds=[50.0, 100.0, 90.0])
    )
    aim = next(aim for aim in judging.aims(found) if aim.id == "article-time")
    assert "fell by 50 %" in aim.verdict.sentence
    assert table.against(found.row("attention"), found).startswith("−50 %")
    assert table.against(found.row("fp32"), ladder(row("upstream"), row("fp32"))) == "0 % / 0 %"
