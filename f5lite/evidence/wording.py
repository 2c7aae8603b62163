"""Figures as words, in one format for every sentence, table and test: `1,421 MB`, `0.52 s`, `± 6 MB`, `3.1 %`."""

from __future__ import annotations

from math import floor, isfinite, log10


def number(value: float, digits: int = 3) -> str:
    """`value` with at least `digits` significant digits, thousands grouped: 1421.3 → "1,421", 0.5234 → "0.523"."""
    if not isfinite(value):
        return "unknown"
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - floor(log10(abs(value))))
    text = f"{value:,.{min(decimals, 12)}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "0") else text.replace("-", "\N{MINUS SIGN}")


def figure(value: float, unit: str, digits: int = 3) -> str:
    """A number with its unit. Seconds below 0.1 become milliseconds; a yes/no becomes a word."""
    if unit == "yes/no":
        return "yes" if value else "no"
    if unit == "s" and 0 < abs(value) < 0.1:
        value, unit = value * 1000, "ms"
    return f"{number(value, digits)} {unit}".rstrip()


def spread(value: float | None, unit: str) -> str:
    """The ± of a figure, in the figure's own unit; says so when one run can't give one."""
    return "spread unknown" if value is None else f"± {number(value, 2)} {unit}".rstrip()


def percent(fraction: float, near: float | None = None) -> str:
    """A fraction as percent in two digits; two decimals when it is within a point of `near`."""
    value = fraction * 100
    fine = near is not None and abs(value - near * 100) < 1
    # Rounding must not turn "just under the claim" into "the claim".
    whole = 1 if value == 0 else len(str(int(abs(value))))
    return f"{number(value, whole + 2 if fine else 2)} %"


def times(ratio: float) -> str:
    """A ratio as "2.4 ×"."""
    return f"{number(ratio, 2 if ratio < 100 else 3)} ×"


def runs(count: int, noun: str = "run") -> str:
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"
