"""Axes shared by the charts with two scales: ticks, grid, units, and the way from figures to pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

from f5lite.lab.drawing import Board
from f5lite.lab.numbers import number, ticks


class Scale:
    """Maps figures in `low` … `high` to pixels in `start` … `end`, linearly or by logarithm."""

    def __init__(self, marks: Sequence[float], start: float, end: float, log: bool = False) -> None:
        self.marks, self.start, self.end, self.log = list(marks), start, end, log
        self.low, self.high = self.marks[0], self.marks[-1]

    def __call__(self, value: float) -> float:
        """The pixel of `value`."""
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def scale(
    values: Sequence[float], start: float, end: float, *, zero: bool = True, log: bool = False, about: int = 5
) -> Scale:
    """A scale that covers `values`: from zero unless told otherwise; by powers of two where `log` is set.

    Raises:
        ValueError: no values, or values at or below zero on a logarithmic scale.
    """
    if not values:
        raise ValueError("a chart needs at least one figure")
    low, high = min(values), max(values)
    if log:
        if low <= 0:
            raise ValueError(f"a logarithmic scale can't show {low:g}; leave log=False")
        first, last = math.floor(math.log2(low) + 1e-9), math.ceil(math.log2(high) - 1e-9)
        return Scale([2.0**power for power in range(first, max(last, first + 1) + 1)], start, end, True)
    if zero:
        low, high = min(0.0, low), max(0.0, high)
    return Scale(ticks(low, high, about), start, end)


def frame(board: Board, x: Scale, y: Scale, x_label: str, y_label: str, *, vertical: bool = False) -> None:
    """Grid lines, tick labels and the two axis labels; the y label stands on top, where it reads without a turn."""
    for mark in y.marks:
        board.line((x.start, y(mark)), (x.end, y(mark)), "line" if mark == y.low else "grid")
        board.text(x.start - 10, y(mark) + 4.5, number(mark), size=13, fill="soft", anchor="end")
    for mark in x.marks:
        if vertical:
            board.line((x(mark), y.start), (x(mark), y.end), "grid")
        board.text(x(mark), y.start + 21, number(mark), size=13, fill="soft", anchor="middle")
    board.text(0, 14, y_label, size=13, fill="soft", weight=600)
    board.text(x.end, y.start + 41, x_label, size=13, fill="soft", anchor="end", weight=600)
