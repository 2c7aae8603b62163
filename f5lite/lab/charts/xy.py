"""Lines and points over two axes, labelled where they end instead of in a legend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from f5lite.lab.charts.axes import frame, scale
from f5lite.lab.drawing import WIDTH, Board, spaced, text_width
from f5lite.lab.figure import Figure, Table
from f5lite.lab.numbers import number, quantity
from f5lite.lab.style import series

HEIGHT, TOP, BOTTOM, LEFT = 326, 34, 276, 58


def lines(
    x: Sequence[float],
    ys: Mapping[str, Sequence[float]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    zero: bool = True,
    log_x: bool = False,
    log_y: bool = False,
    note: str = "",
    alt: str = "",
) -> Figure:
    """A line for each name in `ys`, all over the same `x`. Axis labels carry the units: "frames", "ms a pass".

    Raises:
        ValueError: no lines, or a line whose length isn't that of `x`.
    """
    if not ys:
        raise ValueError("lines() needs at least one line")
    for name, y in ys.items():
        if len(y) != len(x):
            raise ValueError(f"the line {name!r} has {len(y)} points, x has {len(x)}")
    board = Board(HEIGHT)
    tail = max(text_width(name, 15) for name in ys) + 22
    across = scale(x, LEFT, WIDTH - tail, zero=False, log=log_x)
    # The scale ends where the figures do: ticks outside would leave the page half empty.
    up = scale([value for y in ys.values() for value in y], BOTTOM, TOP, zero=zero and not log_y, log=log_y)
    frame(board, across, up, x_label, y_label)
    ends = spaced([up(y[-1]) for y in ys.values()], 19, TOP - 4, BOTTOM)
    for index, (name, y) in enumerate(ys.items()):
        points = [(across(a), up(b)) for a, b in zip(x, y, strict=True)]
        board.path(points, series(index), 2.6)
        if len(x) <= 16:
            for (px, py), a, b in zip(points, x, y, strict=True):
                board.dot(px, py, series(index), 4.5, tip=f"{name}: {number(b)} at {number(a)} {x_label}")
        board.text(points[-1][0] + 12, ends[index] + 5, name, size=15, fill=series(index), weight=650)
    said = "; ".join(
        f"{name} goes from {number(y[0])} to {number(y[-1])} (lowest {number(min(y))}, highest {number(max(y))})"
        for name, y in ys.items()
    )
    return Figure(
        "lines",
        title,
        board.svg(),
        alt
        or f"Line chart, {title}. {y_label} against {x_label}, from {number(x[0])} to {number(x[-1])}: {said}.",
        Table.of(
            (x_label, *(f"{name} ({y_label})" for name in ys)),
            [(number(a), *(number(y[row]) for y in ys.values())) for row, a in thinned(x, ys.values())],
        ),
        {
            "x": list(x),
            "ys": {name: list(y) for name, y in ys.items()},
            "x_label": x_label,
            "y_label": y_label,
        },
        note,
    )


def scatter(
    points: Sequence[tuple[str, float, float]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    highlight: Sequence[str] = (),
    zero: bool = True,
    log_y: bool = False,
    note: str = "",
    alt: str = "",
) -> Figure:
    """Named points: `(name, x, y)`. Those in `highlight` are filled, the others rings. log_y: upwards by powers of two.

    Raises:
        ValueError: without points.
    """
    if not points:
        raise ValueError("scatter() needs at least one point")
    board = Board(HEIGHT)
    across = scale([x for _, x, _ in points], LEFT, WIDTH - 40, zero=zero)
    up = scale([y for _, _, y in points], BOTTOM, TOP, zero=zero and not log_y, log=log_y)
    frame(board, across, up, x_label, y_label, vertical=True)
    taken: list[tuple[float, float, float, float]] = [
        (across(x) - 7, up(y) - 7, across(x) + 7, up(y) + 7) for _, x, y in points
    ]
    for name, x, y in points:
        chosen = name in highlight
        board.dot(
            across(x), up(y), "orange" if chosen else "blue", 7 if chosen else 6, hollow=not chosen, tip=name
        )
        where, anchor, box = beside(across(x), up(y), text_width(name), taken)
        taken.append(box)
        board.text(
            *where, name, fill="orange" if chosen else "ink", weight=650 if chosen else 400, anchor=anchor
        )
    listed = "; ".join(f"{name} at {number(x)} and {number(y)}" for name, x, y in points)
    return Figure(
        "scatter",
        title,
        board.svg(),
        alt or f"Scatter chart, {title}. {x_label} and {y_label}: {listed}.",
        Table.of(("", x_label, y_label), [(name, number(x), number(y)) for name, x, y in points]),
        {"points": list(points), "x_label": x_label, "y_label": y_label},
        note,
    )


def beside(
    x: float, y: float, width: float, taken: Sequence[tuple[float, float, float, float]]
) -> tuple[tuple[float, float], str, tuple[float, float, float, float]]:
    """Where a point's name goes: (baseline, anchor, box), the first of four places that covers nothing in `taken`."""
    places = []
    for down in (-9, 20):
        for right in (True, False):
            left = x + 12 if right else x - 12 - width
            box = (left, y + down - 11, left + width, y + down + 3)
            covers = sum(
                box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
                for other in taken
            )
            outside = left < 0 or left + width > WIDTH
            at = (x + 12 if right else x - 12, y + down)
            places.append((covers + 10 * outside, at, "start" if right else "end", box))
    _, at, anchor, box = min(places, key=lambda place: place[0])
    return at, anchor, box


def thinned(
    x: Sequence[float], lines: Iterable[Sequence[float]] = (), most: int = 24
) -> list[tuple[int, float]]:
    """Row numbers and values, for a table people can read: `most` of them at even distances, the first and the last
    included, and where each line is highest and lowest."""
    if len(x) <= most:
        return list(enumerate(x))
    rows = {round(index * (len(x) - 1) / (most - 1)) for index in range(most)}
    rows |= {choose(range(len(x)), key=line.__getitem__) for line in lines for choose in (max, min)}
    return [(row, x[row]) for row in sorted(rows)]


def span(values: Sequence[float], unit: str) -> str:
    """`from 210 MB to 480 MB`."""
    return f"from {quantity(min(values), unit)} to {quantity(max(values), unit)}"
