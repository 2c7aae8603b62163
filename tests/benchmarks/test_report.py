"""Table, picture, summary and agreement, from made-up rows."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from benchmarks import parts, picture, plan, report, roofline, table
from benchmarks.rows import Row, Store
from benchmarks.variants import FP32, UPSTREAM
from tests.benchmarks import made


def test_the_table_has_a_line_a_variant_fastest_first_and_reasons_last():
    lines = table.markdown(made.whole()).splitlines()
    first = lines.index(next(line for line in lines if line.startswith("| variant")))
    names = [line.split("|")[1].strip(" *\\") for line in lines[first + 2 : first + 9]]
    assert names[0] == "f5lite int8, onednn"
    assert names[-1] == "optimum-quanto int8 weights"
    assert any("can't be installed: no / wheel" in line for line in lines)


def test_every_table_has_as_many_cells_as_its_head():
    width = 0
    for line in table.markdown(made.whole(), made.rows()).splitlines():
        if not line.startswith("|"):
            width = 0
        elif width:
            assert line.count("|") == width, line
        else:
            width = line.count("|")


def test_figures_that_were_not_measured_are_dashes():
    assert table.number(None) == "–"
    assert (
        table.number(1234.5) == "1,234" and table.number(0.01234) == "0.0123" and table.number(3.0) == "3.00"
    )


def test_the_picture_is_svg_with_every_variant_and_its_words():
    drawn = picture.svg(made.whole())
    root = ElementTree.fromstring(drawn)
    texts = [element.text or "" for element in root.iter() if element.tag.endswith("text")]
    assert "f5lite int8, onednn" in texts and "vox-tts q8" in texts
    assert root.get("role") == "img" and "f5lite int8, onednn 1.50 s and 250 MB" in root.get("aria-label", "")
    assert any(element.tag.endswith("desc") and element.text for element in root)
    assert "prefers-color-scheme:dark" in drawn
    assert not any("attention math" in text for text in texts)  # of the backends only the fastest


def test_nothing_is_drawn_outside_the_picture():
    root = ElementTree.fromstring(picture.svg(made.whole()))
    _, _, width, _ = map(float, root.get("viewBox", "").split())
    for element in root.iter():
        if element.tag.endswith("rect") and (element.get("width") or "").replace(".", "").isdigit():
            assert float(element.get("x", 0)) + float(element.get("width", 0)) <= width


def test_a_picture_of_few_rows_is_still_one():
    whole = made.whole() | {"parts": [], "roofline": {}, "rows": [made.rows()[0].to_dict()]}
    assert ElementTree.fromstring(picture.svg(whole)) is not None
    assert "f5lite fp32" in table.markdown(whole)


def test_the_summary_answers_whether_we_are_faster_and_smaller():
    said = report.summary(made.rows())
    assert (
        "f5lite int8, onednn 1.50 s, faster than the fastest peer, upstream" in said
        and "measured apart" in said
    )
    assert "250 MB, smaller than the smallest peer, vox-tts q8 550 MB" in said
    slower = [*made.rows(), made.row("another", 1.0)]
    assert "NOT faster than the fastest peer, another" in report.summary(slower)
    as_fast = [*made.rows(), made.row("another", 1.49)]
    assert "onednn 1.50 s, not told apart from the fastest peer, another 1.49 s" in report.summary(as_fast)


def test_the_fastest_are_measured_side_by_side_once():
    last = plan.final(made.rows())
    assert last.final and last.frames == (512,) and last.threads == 2
    assert last.variants == ("f5lite int8, onednn", "f5lite fp32, attention chunked", UPSTREAM, "vox-tts q8")
    done = [replace(row, final=row.variant in last.variants) for row in made.rows()]
    assert plan.final(done) is None
    said = report.summary(done)
    assert "2.13 to 2.13 times its speed in 5 rounds side by side" in said
    assert plan.final([*done, made.row("a newer one", 1.0)]) is not None
    assert plan.final([row for row in made.rows() if row.family == "f5lite"]) is None


def test_an_utterance_is_compared_with_upstream():
    rows = [
        Row("utterance", "upstream, 32 steps", 512, 2, 104.0, family="upstream"),
        Row("utterance", "f5lite int8, 7 steps", 512, 2, 8.0, family="f5lite"),
    ]
    assert report.summary(rows) == "Utterance: f5lite int8, 7 steps 13.0 × faster than upstream, 32 steps"


@pytest.mark.parametrize(("factor", "same"), [(1.0, True), (1.02, True), (1.5, False)])
def test_two_runs_agree_when_their_spans_overlap(factor, same):
    before = made.row("peer", 2.0)
    now = made.row("peer", 2.0 * factor)
    assert [each[2] for each in report.agreement([now], [before])] == [same]
    assert report.agreement([made.rows()[0]], [made.rows()[0]]) == []  # fp32 against itself says nothing


def test_where_a_variant_sits_under_the_limits():
    limits = made.whole()["roofline"]["2"]
    found = {place.variant: place for place in roofline.places(made.rows(), limits, 4e11, 190_000_000, 512)}
    assert found[FP32].format == "fp32" and found["f5lite int8, onednn"].format == "int8"
    assert found[FP32].percent == pytest.approx(100 * 4e11 / 3.0 / 1.8e11)
    assert found["f5lite int8, onednn"].least_by_products == pytest.approx(4e11 / 3.4e11)
    assert set(found) == {row.variant for row in made.rows() if row.frames == 512 and row.median_s}


def test_more_than_its_limit_is_explained():
    limits = made.whole()["roofline"]["2"]
    places = roofline.places(made.rows(), limits, 4e11, 190_000_000, 512)
    slow = [place for place in places if place.percent <= 100]
    over = [replace(slow[0], rate=2 * slow[0].limit)]
    assert not any("Over 100 %" in line for line in table.ceiling(limits, slow))
    assert "Over 100 %" in table.ceiling(limits, slow + over)[-1]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("f5lite int8, reference", "fp32"), ("optimum-quanto int8 weights", "fp32"), ("f5lite bf16", "bf16"),
     ("bitsandbytes Linear8bitLt, bf16 inputs", "bf16"), ("f5lite fp32, attention sdpa-bf16", "fp32"),
     ("torchao int8 dynamic", "int8"), ("vox-tts q8", "int8")],
)  # fmt: skip
def test_the_numbers_that_a_variant_multiplies(name, kind):
    assert roofline.format_of(name) == kind


def test_parts_add_up_and_what_no_operator_took_is_the_rest():
    found = parts.shares(
        {"aten::addmm": 0.5, "aten::_scaled_dot_product_flash_attention_for_cpu": 0.2, "aten::mkldnn_convolution": 0.1,
         "aten::add": 0.1}, 1.0
    )  # fmt: skip
    assert found == pytest.approx({"products": 50, "attention": 20, "convolutions": 10, "rest": 20})
    assert parts.part_of("onednn::qlinear_pointwise") == "products"
    assert parts.part_of("aten::_int_mm") == "products"
    assert parts.part_of("aten::bmm") == "attention"


def test_latest_json_is_stamped_and_has_the_article(tmp_path):
    from f5lite.model.config import V1_BASE

    store = Store(tmp_path / "rows")
    for row in made.rows():
        store.keep(row)
    files = report.write(tmp_path, store, V1_BASE, "")
    whole = json.loads(files[0].read_text(encoding="utf-8"))
    assert whole["machine"]["fingerprint"] and whole["rows"]
    assert {row["work"] for row in whole["rows"]} == {"pass", "stated"}
    assert {(row["median_s"], row["peak_rss_mb"]) for row in whole["rows"] if row["work"] == "stated"} >= {
        (2.5, 1200)
    }
    assert all(path.is_file() for path in files) and len(files) == 3
