"""Charts: the picture, the sentence and the table say the same, and wrong input is refused with a reason."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5lite.evidence.measurement import Measurement
from f5lite.lab.charts import anatomy, bars, lines, memory_timeline, scatter
from f5lite.lab.charts.anatomy import squarify
from f5lite.lab.charts.xy import thinned
from f5lite.lab.figure import Figure, Table, still
from f5lite.lab.numbers import reading, ticks

FIGURES = {
    "bars": lambda: bars({"before": [10, 12, 11], "after": 6}, title="Time", unit="ms", mark=("guess", 5)),
    "lines": lambda: lines(
        [64, 128], {"fused": [1, 2], "eager": [2, 5]}, title="Pass", x_label="frames", y_label="ms"
    ),
    "scatter": lambda: scatter([("a", 1, 2), ("b", 1, 2.1)], title="Both", x_label="MB", y_label="s"),
    "memory": lambda: memory_timeline(
        [0, 1, 2], {"anonymous": [10, 20, 5], "file-backed": [1, 2, 3]}, limit=20
    ),
    "anatomy": lambda: anatomy(
        {"acoustic": {"attention": 92, "modulation": 142}, "text": 5.5}, title="Weights"
    ),
}


@pytest.fixture(params=FIGURES)
def figure(request: pytest.FixtureRequest) -> Figure:
    return FIGURES[request.param]()


def test_every_figure_has_words_a_table_and_a_valid_drawing(figure: Figure) -> None:
    drawing = ElementTree.fromstring(figure.svg)
    assert drawing.get("viewBox")
    html = figure.html()
    assert (
        'role="img"' in html
        and "aria-label=" in html
        and 'class="f5-still" alt="' in html
        and "<table>" in html
    )
    assert len(figure.alt) > 30
    bundle = figure._repr_mimebundle_()
    assert figure.alt in bundle["text/plain"] and figure.table.plain() in bundle["text/plain"]


def test_the_still_picture_is_whole_and_asks_the_system_for_dark(figure: Figure) -> None:
    import base64

    head, code = still(figure.svg).split(",")
    svg = base64.b64decode(code).decode()
    ElementTree.fromstring(svg)
    assert head == "data:image/svg+xml;base64" and "prefers-color-scheme:dark" in svg


def test_names_are_escaped() -> None:
    made = bars({'<b onclick="x">': 1}, title="<script>", unit="MB")
    assert "<script>" not in made.html() and "<b onclick" not in made.html()


def test_bars_are_as_long_as_their_figures() -> None:
    made = bars({"a": 100, "b": 50}, title="T", unit="MB")
    widths = [float(one) for one in re.findall(r'<rect [^>]*?width="([\d.]+)"', made.svg)]
    assert widths[1] == pytest.approx(widths[0] / 2, rel=0.01)
    assert "a 100 MB; b 50 MB" in made.alt and made.data["values"] == {"a": 100, "b": 50}


def test_a_measurement_shows_its_interval() -> None:
    one = Measurement.of("t", [1, 2, 3, 4, 5, 6, 7, 8, 50], "ms")
    made = bars({"t": one}, title="T", unit="ms")
    low, high = one.interval
    assert made.data["readings"]["t"].high == high < 50
    assert made.table.rows[0] == ("t", "5", f"{low:g}", f"{high:g}", "9")


def test_the_timeline_compares_its_peak_with_the_limit() -> None:
    over = memory_timeline([0, 1], {"anonymous": [10, 30]}, limit=20)
    under = memory_timeline([0, 1], {"anonymous": [10, 15]}, limit=20)
    assert "10 MB over the limit" in over.alt and "5 MB under the limit" in under.alt
    assert over.data["peak"] == 30


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bars({}, title="T", unit="MB"), "at least one"),
        (lambda: bars({"a": -1}, title="T", unit="MB"), "negative"),
        (lambda: lines([1, 2], {"a": [1]}, title="T", x_label="x", y_label="y"), "1 points, x has 2"),
        (
            lambda: lines([0, 1], {"a": [1, 2]}, title="T", x_label="x", y_label="y", log_x=True),
            "logarithmic",
        ),
        (lambda: memory_timeline([0], {"a": [1]}), "two samples"),
        (lambda: anatomy({"a": 0}, title="T"), "larger than zero"),
        (lambda: Figure("k", "T", "<svg>", " ", Table.of(("a",), [("b",)])), "no alt text"),
        (lambda: Figure("k", "T", "<svg>", "words", Table.of(("a",), [])), "empty table"),
        (lambda: Table.of(("a", "b"), [("one",)]), "1 cells"),
    ],
)
def test_what_cannot_be_shown_is_refused(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


@given(st.lists(st.floats(0.5, 1000), min_size=1, max_size=12))
def test_a_treemap_keeps_areas_and_stays_inside(sizes: list[float]) -> None:
    sizes.sort(reverse=True)
    boxes = squarify(sizes, (0, 0, 760, 340))
    total = sum(sizes)
    for size, (x, y, w, h) in zip(sizes, boxes, strict=True):
        assert w * h == pytest.approx(size / total * 760 * 340, rel=1e-6)
        assert x >= -1e-6 and y >= -1e-6 and x + w <= 760 + 1e-6 and y + h <= 340 + 1e-6


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_cover_their_range_in_few_even_steps(low: float, size: float) -> None:
    made = ticks(low, low + size)
    slack = 1e-9 * size + 1e-12 * (abs(low) + 1)  # a billionth of a step, as `ticks` allows, and rounding
    assert made[0] <= low + slack and made[-1] >= low + size - slack
    assert 2 <= len(made) <= 9


def test_readings() -> None:
    assert reading([3, 1, 2]).median == 2 and reading([3, 1, 2]).low == 1
    assert reading({"peak_rss_mb": [5, 7]}, "peak_rss_mb").high == 7
    with pytest.raises(TypeError, match="peak_rss_mb"):
        reading(object(), "peak_rss_mb")


def test_a_table_has_no_column_that_says_nothing_and_explains_the_others() -> None:
    once = bars({"a": 1.0, "b": 2.0}, title="Once", unit="MB").table
    assert once.columns == ("", "MB") and not once.caption
    again = bars({"a": [1.0, 2.0], "b": 2.0}, title="Again", unit="MB").table
    assert again.columns[1:] == ("median (MB)", "from", "to", "runs") and again.rows[1][2:] == (
        "",
        "",
        "once",
    )
    assert "±" in again.caption and "<caption>" in again.html() and again.caption in again.plain()


def test_narrow_boxes_have_their_name_downwards_and_the_smallest_are_listed() -> None:
    sizes = {"acoustic": {"attention": 600, "feed-forward": 600, "output": 1}, "vocoder": 54, "text": 22}
    picture = anatomy(sizes, title="Weights")
    assert re.search(r'<text transform="rotate\(90 [^"]+"[^>]*>vocoder</text>', picture.svg)
    assert "output 1 MB" in picture.note and "vocoder" not in picture.note


def test_a_long_lines_table_keeps_its_peak_and_its_dip() -> None:
    x = list(range(500))
    high, low = [float(at == 333) for at in x], [float(at != 77) for at in x]
    rows = [row for row, _ in thinned(x, (high, low), 16)]
    assert rows == sorted(set(rows)) and {0, 77, 333, 499} <= set(rows) and len(rows) <= 20
    assert thinned(x[:16], (high, low), 16) == list(enumerate(x[:16]))
