"""A very small drawing board: shapes and words in SVG whose colours are the style's variables."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from f5lite.lab.style import SANS, SERIF, colour

WIDTH = 760
Point = tuple[float, float]


def n(value: float) -> str:
    """A coordinate, short."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def text_width(words: str, size: float = 14) -> float:
    """About how wide `words` will be, in pixels. Readers have different fonts, so this errs on the wide side."""
    narrow = sum(character in "iljtfr.,:;|!' ()" for character in words)
    return size * (0.55 * (len(words) - narrow) + 0.3 * narrow)


def fitted(words: str, width: float, size: float = 14) -> str:
    """`words`, cut with an ellipsis when they would be wider than `width`; empty when nothing would be left."""
    if text_width(words, size) <= width:
        return words
    while words and text_width(words + "…", size) > width:
        words = words[:-1]
    return words.rstrip() + "…" if len(words) > 2 else ""


class Board:
    """Collects shapes; `svg()` gives the drawing. Coordinates are pixels from the top left, 760 wide."""

    def __init__(self, height: float, width: float = WIDTH) -> None:
        self.height, self.width = height, width
        self.parts: list[str] = []

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 14,
        fill: str = "ink",
        anchor: str = "start",
        weight: int = 400,
        serif: bool = False,
        halo: bool = False,
        down: bool = False,
    ) -> None:
        """Words with their baseline at `y`; `fill` names a colour, `halo` keeps them readable on a line, `down` turns
        them by a right angle: they start at (x, y) and run downwards, their baseline on the left."""
        edge = f"paint-order:stroke;stroke:{colour('paper')};stroke-width:5px;" if halo else ""
        family = "font-family:var(--f5-serif," + SERIF + ");" if serif else ""
        turn = f'transform="rotate(90 {n(x)} {n(y)})" ' if down else ""
        self.parts.append(
            f'<text {turn}x="{n(x)}" y="{n(y)}" style="{family}{edge}font-size:{n(size)}px;font-weight:{weight};'
            f'fill:{colour(fill)}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def line(
        self, a: Point, b: Point, stroke: str = "line", width: float = 1, dash: str = "", cap: str = "butt"
    ) -> None:
        """A straight line."""
        dashes = f"stroke-dasharray:{dash};" if dash else ""
        self.parts.append(
            f'<line x1="{n(a[0])}" y1="{n(a[1])}" x2="{n(b[0])}" y2="{n(b[1])}" '
            f'style="{dashes}stroke:{colour(stroke)};stroke-width:{n(width)};stroke-linecap:{cap}"/>'
        )

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: str = "blue",
        *,
        radius: float = 0,
        opacity: float = 1,
        stroke: str = "",
        tip: str = "",
    ) -> None:
        """A rectangle; `tip` shows when a pointer rests on it."""
        edge = f"stroke:{colour(stroke)};" if stroke else ""
        title = f"<title>{escape(tip)}</title>" if tip else ""
        self.parts.append(
            f'<rect x="{n(x)}" y="{n(y)}" width="{n(max(0, width))}" height="{n(max(0, height))}" rx="{n(radius)}" '
            f'style="{edge}fill:{colour(fill)};fill-opacity:{opacity:g}">{title}</rect>'
        )

    def path(
        self,
        points: Sequence[Point],
        stroke: str = "blue",
        width: float = 2.4,
        *,
        dash: str = "",
        opacity: float = 1,
    ) -> None:
        """A line through `points`."""
        dashes = f"stroke-dasharray:{dash};" if dash else ""
        way = "M" + "L".join(f"{n(x)} {n(y)}" for x, y in points)
        self.parts.append(
            f'<path d="{way}" style="{dashes}fill:none;stroke:{colour(stroke)};stroke-width:{n(width)};'
            f'stroke-linejoin:round;stroke-linecap:round;stroke-opacity:{opacity:g}"/>'
        )

    def area(self, points: Sequence[Point], fill: str = "blue", opacity: float = 0.9) -> None:
        """A filled shape."""
        way = "M" + "L".join(f"{n(x)} {n(y)}" for x, y in points) + "Z"
        self.parts.append(f'<path d="{way}" style="fill:{colour(fill)};fill-opacity:{opacity:g}"/>')

    def dot(
        self,
        x: float,
        y: float,
        fill: str = "blue",
        radius: float = 5,
        *,
        hollow: bool = False,
        tip: str = "",
    ) -> None:
        """A circle, filled or as a ring."""
        body = colour("paper") if hollow else colour(fill)
        title = f"<title>{escape(tip)}</title>" if tip else ""
        self.parts.append(
            f'<circle cx="{n(x)}" cy="{n(y)}" r="{n(radius)}" '
            f'style="fill:{body};stroke:{colour(fill) if hollow else colour("paper")};stroke-width:{2.2 if hollow else 1.5}">'
            f"{title}</circle>"
        )

    def svg(self) -> str:
        """The drawing, scaled to the width it is given."""
        return (
            f'<svg class="f5-svg" viewBox="0 0 {n(self.width)} {n(self.height)}" width="{n(self.width)}" '
            f'style="font-family:var(--f5-sans,{SANS})">{"".join(self.parts)}</svg>'
        )


def spaced(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places near `wanted` that are at least `gap` apart and within `low` … `high`: for labels beside lines."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    placed = [0.0] * len(wanted)
    last = low - gap
    for index in order:
        last = placed[index] = max(wanted[index], last + gap)
    limit = high
    for index in reversed(order):
        placed[index] = min(placed[index], limit)
        limit = placed[index] - gap
    return placed
