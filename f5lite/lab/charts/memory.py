"""Memory over time: what can't be given back below, what can above it, and the limit as a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from f5lite.lab.charts.axes import Scale, frame, scale
from f5lite.lab.charts.xy import BOTTOM, LEFT, TOP, span, thinned
from f5lite.lab.drawing import WIDTH, Board, spaced, text_width
from f5lite.lab.figure import Figure, Table
from f5lite.lab.numbers import number, quantity

FILLS = ("blue", "teal", "gold", "plum", "slate")


def memory_timeline(
    seconds: Sequence[float],
    parts: Mapping[str, Sequence[float]],
    *,
    title: str = "Memory over time",
    unit: str = "MB",
    limit: float | None = None,
    marks: Sequence[tuple[float, str]] = (),
    note: str = "",
    alt: str = "",
) -> Figure:
    """Stacked areas, the first of `parts` at the bottom (put anonymous memory there).

    Args:
        seconds: when each sample was taken.
        parts: name → MB at each sample.
        limit: a cap or budget, drawn as a line and compared with the peak in the alt text.
        marks: (second, what happened then): small labels along the top.

    Raises:
        ValueError: fewer than two samples, or lengths that differ.
    """
    if len(seconds) < 2:
        raise ValueError(f"a timeline needs at least two samples, found {len(seconds)}")
    for name, values in parts.items():
        if len(values) != len(seconds):
            raise ValueError(f"{name!r} has {len(values)} samples, the time line {len(seconds)}")
    total = [sum(column) for column in zip(*parts.values(), strict=True)]
    peak = max(total)
    top = TOP + (22 if marks else 0)
    low = BOTTOM + (22 if marks else 0)
    board = Board(low + 50)
    tail = max(text_width(name, 15) for name in parts) + 20
    # The time axis ends with the last sample, not at the next round number.
    rounded = scale(seconds, LEFT, WIDTH - tail, zero=False, about=6)
    inside = [mark for mark in rounded.marks if seconds[0] <= mark <= seconds[-1]]
    across = Scale([seconds[0], seconds[-1]], LEFT, WIDTH - tail)
    across.marks = inside or across.marks
    up = scale([0, *total, *([limit] if limit else [])], low, top)
    frame(board, across, up, "seconds", unit)
    floor = [0.0] * len(seconds)
    middles, fills, edges = [], [], []
    for index, (name, values) in enumerate(parts.items()):
        roof = [a + b for a, b in zip(floor, values, strict=True)]
        upper = [(across(a), up(b)) for a, b in zip(seconds, roof, strict=True)]
        lower = [(across(a), up(b)) for a, b in zip(seconds, floor, strict=True)]
        fill = FILLS[index % len(FILLS)]
        board.area([*upper, *reversed(lower)], fill, 0.88 if index == 0 else 0.55)
        edges.append((upper, fill))
        middles.append((up(floor[-1]) + up(roof[-1])) / 2)
        fills.append((name, fill))
        floor = roof
    # From the top down: where a part is zero its edge lies on the one below, which must win.
    for upper, fill in reversed(edges):
        board.path(upper, fill, 1.8)
    for (name, fill), y in zip(fills, spaced(middles, 19, top, low), strict=True):
        board.text(WIDTH - tail + 12, y + 5, name, size=15, fill=fill, weight=650)
    if limit:
        board.line((LEFT, up(limit)), (WIDTH - tail, up(limit)), "orange", 2, "6 4")
        words = f"limit {quantity(limit, unit)}"
        board.text(LEFT + 8, up(limit) - 7, words, fill="orange", weight=650)
    for second, what in marks:
        board.line((across(second), top - 18), (across(second), low), "soft", 1, "2 4")
        late = across(second) + text_width(what, 13) > WIDTH - tail
        board.text(
            across(second) + (-5 if late else 5),
            top - 10,
            what,
            size=13,
            fill="soft",
            anchor="end" if late else "start",
        )
    ranges = "; ".join(f"{name} {span(values, unit)}" for name, values in parts.items())
    against = ""
    if limit:
        word = "over" if peak > limit else "under"
        against = f", {quantity(abs(limit - peak), unit)} {word} the limit of {quantity(limit, unit)}"
    return Figure(
        "memory",
        title,
        board.svg(),
        alt
        or f"Memory over {number(seconds[-1] - seconds[0])} seconds: {ranges}. "
        f"Together they peak at {quantity(peak, unit)}{against}.",
        Table.of(
            ("seconds", *(f"{name} ({unit})" for name in parts), f"together ({unit})"),
            [
                (number(second), *(number(values[row]) for values in parts.values()), number(total[row]))
                for row, second in thinned(seconds, (*parts.values(), total), 16)
            ],
        ),
        {
            "seconds": list(seconds),
            "parts": {name: list(v) for name, v in parts.items()},
            "peak": peak,
            "limit": limit,
        },
        note,
    )
