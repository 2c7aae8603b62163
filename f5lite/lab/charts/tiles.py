"""The score matrix of attention as tiles, and what of it exists at one moment with each backend. For lesson 07."""

from __future__ import annotations

from f5lite.lab.drawing import WIDTH, Board
from f5lite.lab.figure import Figure, Table
from f5lite.lab.numbers import number
from f5lite.shrink.attention import predict
from f5lite.shrink.attention.backends import PIECE_BYTES, piece, spans

WAYS = ("chunked", "sdpa", "math")
IN_WORDS = {
    "math": "the whole matrix, before and after softmax",
    "chunked": "one piece, in the cache",
    "sdpa": "one tile for each thread",
}


def held_at_once(way: str, frames: int) -> tuple[int, int]:
    """(rows, columns) of one head's score matrix that exist at a time, for one head; pieces may span several heads."""
    if way == "math":
        return frames, frames
    if way == "chunked":
        return piece(1, frames, frames, PIECE_BYTES // 4)[1], frames
    return min(frames, predict.TILE_ROWS), min(frames, predict.TILE_KEYS)


def tiles(frames: int = 512, way: int = 0) -> Figure:
    """One head's score matrix, frames × frames, with what exists of it at a time filled in."""
    name = WAYS[way]
    rows, columns = held_at_once(name, frames)
    side, top = 300.0, 14.0
    board = Board(side + 2 * top)
    board.rect(0, top, side, side, "card", stroke="line")
    for first, last in spans(frames, rows):
        for left, right in spans(frames, columns):
            now = first == 0 and left == 0
            x, y = side * left / frames, top + side * first / frames
            width, height = side * (right - left) / frames, side * (last - first) / frames
            gap = min(1.5, width / 4, height / 4)
            board.rect(
                x + gap,
                y + gap,
                width - 2 * gap,
                height - 2 * gap,
                "orange" if now else "blue",
                radius=2,
                opacity=0.95 if now else 0.16,
            )
    estimate = predict.attention(name, frames)
    whole = 2 * 16 * frames**2 * 4 / 1e6
    facts = (
        (f"{frames:,} × {frames:,}", "scores of one head"),
        (f"{number(whole)} MB", "all heads of the guided pair, one block"),
        (f"{number(estimate.scores / 1e6)} MB", f"held at a time with {name}: {IN_WORDS[name]}"),
    )
    for index, (figure, words) in enumerate(facts):
        y = top + 58 + 92 * index
        board.text(
            side + 44, y, figure, size=30, serif=True, fill="orange" if index == 2 else "ink", weight=600
        )
        board.text(side + 44, y + 25, words, size=15, fill="soft")
    return Figure(
        "tiles",
        f"The score matrix at {frames:,} frames, with {name}",
        board.svg(),
        f"A square stands for the {frames} by {frames} scores of one head. With {name} a part of {rows} by {columns} "
        f"exists at a time: {IN_WORDS[name]}.",
        Table.of(
            ("backend", "rows at a time", "columns at a time", "held (MB)", "all scores (MB)"),
            [
                (
                    w,
                    *held_at_once(w, frames),
                    number(predict.attention(w, frames).scores / 1e6),
                    number(whole),
                )
                for w in WAYS
            ],
        ),
        {"frames": frames, "way": name, "rows": rows, "columns": columns, "width": WIDTH},
    )
