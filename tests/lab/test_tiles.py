"""The picture of the score matrix: what it says is what the backends do."""

from __future__ import annotations

import pytest

from f5lite.lab.charts.tiles import WAYS, held_at_once, tiles
from f5lite.lab.figure import Table
from f5lite.lab.listing import Listing
from f5lite.shrink.attention import predict


@pytest.mark.parametrize("frames", [128, 1000, 4096])
@pytest.mark.parametrize("way", range(len(WAYS)))
def test_the_matrix_is_covered_and_one_part_is_lit(frames: int, way: int) -> None:
    figure = tiles(frames, way)
    rows, columns = held_at_once(WAYS[way], frames)
    assert figure.svg.count("--f5-orange") == 2  # one tile, and its figure beside it
    expected = -(-frames // rows) * -(-frames // columns)
    assert figure.svg.count("<rect") == expected + 1
    assert f"{rows} by {columns}" in figure.alt and len(figure.table.rows) == len(WAYS)


def test_only_math_has_the_whole_matrix() -> None:
    assert held_at_once("math", 4096) == (4096, 4096)
    for way in ("chunked", "sdpa"):
        rows, columns = held_at_once(way, 4096)
        assert rows * columns * 4 * 2 * 16 <= predict.attention(way, 4096).scores * 16 + 4 * 2**24
        assert rows * columns < 4096 * 4096 / 50


def test_a_listing_reads_as_a_table() -> None:
    listing = Listing("Steps & stairs", Table.of(("step", "here"), [("one", "yes")]))
    assert "Steps &amp; stairs" in listing.html() and '<th scope="row">one</th>' in listing.html()
    assert listing.plain().splitlines()[0] == "Steps & stairs"
