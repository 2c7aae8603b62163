"""Horizontal bars with their figures at the end: the chart for "which is larger, and by how much"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from f5lite.lab.drawing import WIDTH, Board, text_width
from f5lite.lab.figure import Figure, Table
from f5lite.lab.numbers import Reading, quantity, reading

ROW, BAR = 46, 24


def bars(
    values: Mapping[str, Any],
    *,
    title: str,
    unit: str,
    colours: Mapping[str, str] | None = None,
    mark: tuple[str, float] | None = None,
    note: str = "",
    alt: str = "",
) -> Figure:
    """One bar a name. A value is a number, a list of repeats (the whisker shows lowest and highest), or a measurement.

    Args:
        colours: a palette colour for some names; the first bar is grey (what you compare with), the rest blue.
        mark: a labelled upright line, such as a guess or a budget.

    Raises:
        ValueError: without values, or with a negative one.
    """
    readings = {name: reading(value) for name, value in values.items()}
    if not readings:
        raise ValueError("bars() needs at least one value")
    if any(one.low < 0 for one in readings.values()):
        raise ValueError("bars() starts at zero and can't show negative figures; use lines()")
    top = 34 if mark else 10
    board = Board(top + ROW * len(readings) + 4)
    widest = min(240.0, 1.08 * max(text_width(name, 15) for name in readings) + 14)
    figures = {name: quantity(one.median, unit) for name, one in readings.items()}
    tail = max(text_width(text, 15) for text in figures.values()) + 18
    most = max([one.high for one in readings.values()] + ([mark[1]] if mark else [])) or 1.0
    room = WIDTH - widest - tail

    def x(value: float) -> float:
        return widest + room * value / most

    for index, (name, one) in enumerate(readings.items()):
        y = top + index * ROW + (ROW - BAR) / 2
        fill = (colours or {}).get(name, "slate" if index == 0 and len(readings) > 1 else "blue")
        board.text(widest - 14, y + BAR / 2 + 5, name, size=15, anchor="end")
        board.rect(
            widest, y, max(1.5, x(one.median) - widest), BAR, fill, radius=3, tip=f"{name}: {one.plain(unit)}"
        )
        if one.high > one.low:
            middle = y + BAR / 2
            board.line((x(one.low), middle), (x(one.high), middle), "ink", 1.6)
            for end in (one.low, one.high):
                board.line((x(end), middle - 5), (x(end), middle + 5), "ink", 1.6)
    board.line((widest, top), (widest, top + ROW * len(readings)), "line", 1.2)
    if mark:
        label, value = mark
        side = "end" if x(value) > WIDTH * 0.6 else "start"
        board.line((x(value), top - 10), (x(value), top + ROW * len(readings)), "orange", 2, "5 4")
        shift = -6 if side == "end" else 6
        text = f"{label}: {quantity(value, unit)}"
        board.text(x(value) + shift, top - 8, text, size=14, fill="orange", anchor=side, weight=650)
    for index, (name, one) in enumerate(readings.items()):
        y = top + index * ROW + ROW / 2 + 5
        board.text(x(max(one.high, one.median)) + 10, y, figures[name], size=15, weight=650, halo=bool(mark))
    return Figure(
        "bars",
        title,
        board.svg(),
        alt or sentence(title, readings, unit, mark),
        table(readings, unit, mark),
        {"unit": unit, "values": {name: one.median for name, one in readings.items()}, "readings": readings}
        | ({"mark": mark} if mark else {}),
        note,
    )


def table(readings: Mapping[str, Reading], unit: str, mark: tuple[str, float] | None) -> Table:
    """The figures, and the range of each as far as any was repeated: a column that says nothing is left out."""
    marked = [(mark[0], mark[1])] if mark else []
    if all(one.repeats == 1 for one in readings.values()):
        rows = [(name, one.median) for name, one in readings.items()] + marked
        return Table.of(("", unit or "figure"), [(name, quantity(value)) for name, value in rows])
    spans = [
        (name, quantity(one.median), quantity(one.low), quantity(one.high), one.repeats)
        if one.repeats > 1
        else (name, quantity(one.median), "", "", "once")
        for name, one in readings.items()
    ]
    return Table.of(
        ("", f"median ({unit})" if unit else "median", "from", "to", "runs"),
        [*spans, *((name, quantity(value), "", "", "") for name, value in marked)],
        "From … to: where the median lies, as far as these runs can say. Half of that range is the ± in the texts.",
    )


def sentence(title: str, readings: Mapping[str, Reading], unit: str, mark: tuple[str, float] | None) -> str:
    """What the bars say, in words."""
    listed = "; ".join(f"{name} {one.plain(unit)}" for name, one in readings.items())
    line = f" A line marks {mark[0]} at {quantity(mark[1], unit)}." if mark else ""
    return f"Bar chart, {title}: {listed}.{line}"
