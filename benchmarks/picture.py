"""The benchmark as one picture: time and memory of every variant, cost against length, parts of a pass, the limits.

A drawing that stands alone, light or dark as the system is, with its content in words inside it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from benchmarks import roofline, table
from benchmarks.rows import Row
from benchmarks.variants import FP32
from f5lite.lab.charts.axes import frame, scale
from f5lite.lab.drawing import WIDTH, Board, fitted, spaced, text_width
from f5lite.lab.figure import still
from f5lite.lab.style import series

COLOURS = {"f5lite": "blue", "upstream": "orange", "peer": "slate"}
BAR, NAMES, GAP = 22, 262, 62
CLIPPED = 2.0  # times fp32: slower bars end there and say their figure


def shown(rows: Sequence[Row]) -> list[Row]:
    """The rows of the first panel: measured passes, fastest first; of the attention backends only the fastest."""
    measured = sorted((row for row in rows if row.median_s is not None), key=lambda row: row.median_s or 0.0)
    backends = [row.variant for row in measured if "attention" in row.variant]
    return [row for row in measured if "attention" not in row.variant or row.variant == backends[0]]


def svg(whole: Mapping[str, Any]) -> str:
    """The whole picture as an SVG document."""
    rows = [Row.from_dict(each) for each in whole["rows"]]
    frames, threads = table.middle(rows)
    passes = shown(
        [row for row in rows if row.work == "pass" and (row.frames, row.threads) == (frames, threads)]
    )
    limits, places = table.at_limits(whole, rows, frames)
    drawn = Stack()
    drawn.add(*bars(passes, f"One pass, {frames} frames, {threads} thread{'s' * (threads > 1)}"))
    drawn.add(*against_length(rows, threads))
    drawn.add(*pieces([each for each in whole["parts"] if each["threads"] == threads]))
    drawn.add(*under_limits(limits, places))
    return document(drawn, alt(whole, passes))


class Stack:
    """Boards one below the other."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.height = 14.0

    def add(self, board: Board | None, title: str) -> None:
        if board is None:
            return
        head = Board(0)
        head.text(14, self.height + 17, title, size=17, weight=650, serif=True)
        inner = "".join(board.parts)
        self.parts.append(
            "".join(head.parts) + f'<g transform="translate(14 {self.height + 30:.0f})">{inner}</g>'
        )
        self.height += board.height + 52


def document(drawn: Stack, words: str) -> str:
    """A picture of its own: style sheet, ground and words inside."""
    width = WIDTH + 28
    whole = (
        f'<svg viewBox="0 0 {width} {drawn.height:.0f}" width="{width}" role="img" aria-label="{escape(words, quote=True)}" '
        f"style=\"font-family:var(--f5-sans,-apple-system,'Segoe UI',Roboto,'Noto Sans','Liberation Sans',sans-serif)\">"
        f"{''.join(drawn.parts)}</svg>"
    )
    alone = base64.b64decode(still(whole).split(",", 1)[1]).decode()
    cut = alone.index("<style>")
    return f"{alone[:cut]}<title>f5lite beside its peers</title><desc>{escape(words)}</desc>{alone[cut:]}\n"


def bars(rows: Sequence[Row], title: str) -> tuple[Board | None, str]:
    """Two bars a variant: seconds, and megabytes with the anonymous part dark."""
    if not rows:
        return None, title
    board = Board(BAR * len(rows) + 26)
    base = table.named(rows)
    most = min(max(row.median_s or 0 for row in rows), CLIPPED * ((base.median_s if base else None) or 1e9))
    heaviest = max((row.peak_rss_mb or 0 for row in rows), default=0) or 1
    room = (WIDTH - NAMES - 2 * GAP - 16) / 2
    second = NAMES + room + GAP + 16
    board.text(NAMES, 10, "seconds", size=12, fill="soft", weight=600)
    board.text(second, 10, "peak MB; dark: anonymous", size=12, fill="soft", weight=600)
    for index, row in enumerate(rows):
        y, colour = 20 + index * BAR, COLOURS.get(row.family, "slate")
        weight = 650 if row.family == "f5lite" else 400
        board.text(
            NAMES - 10, y + 12, fitted(row.variant, NAMES - 12, 12.5), size=12.5, anchor="end", weight=weight
        )
        seconds = row.median_s or 0.0
        length = room * min(seconds, most) / most
        board.rect(
            NAMES, y, max(1.5, length), BAR - 7, colour, radius=2, tip=f"{row.variant}: {seconds:.2f} s"
        )
        end = NAMES + length
        if row.seconds and len(row.seconds) > 1 and max(row.seconds) <= most:
            low, high = (NAMES + room * each / most for each in (min(row.seconds), max(row.seconds)))
            board.line((low, y + 7.5), (high, y + 7.5), "ink", 1.4)
            end = max(end, high)
        if seconds > most:
            board.text(NAMES + length - 4, y + 12, "››", size=13, fill="paper", anchor="end", weight=700)
        board.text(end + 6, y + 12, table.number(seconds), size=12.5, weight=weight)
        if row.peak_rss_mb is None:
            board.text(second, y + 12, "–", size=12.5, fill="soft")
            continue
        across = room / heaviest
        board.rect(second, y, row.peak_rss_mb * across, BAR - 7, colour, radius=2, opacity=0.35,
                   tip=f"{row.variant}: peak {row.peak_rss_mb:.0f} MB")  # fmt: skip
        board.rect(second, y, (row.peak_anonymous_mb or 0) * across, BAR - 7, colour, radius=2,
                   tip=f"{row.variant}: {row.peak_anonymous_mb or 0:.0f} MB anonymous")  # fmt: skip
        board.text(
            second + row.peak_rss_mb * across + 6, y + 12, f"{row.peak_rss_mb:,.0f}", size=12.5, weight=weight
        )
    return board, title


def against_length(rows: Sequence[Row], threads: int) -> tuple[Board | None, str]:
    """Milliseconds a frame over the length, a line a variant; thin lines on one thread."""
    title = "Cost against length: milliseconds of a pass for each frame"
    found: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        if row.work == "pass" and row.median_s:
            found.setdefault((row.variant, row.threads), []).append(row)
    lines = {key: sorted(each, key=lambda row: row.frames) for key, each in found.items() if len(each) > 1}
    if not lines:
        return None, title
    lines = dict(list(lines.items())[:6])

    def label(name: str, count: int) -> str:
        return f"{name}, {count} thread{'s' * (count > 1)}"

    board = Board(250)
    tail = max(text_width(label(*key), 13) for key in lines) + 20
    x = scale([row.frames for each in lines.values() for row in each], 50, WIDTH - tail, log=True)
    cost = {key: [1000 * (row.median_s or 0) / row.frames for row in each] for key, each in lines.items()}
    y = scale([value for each in cost.values() for value in each], 204, 30)
    frame(board, x, y, "frames", "ms a frame")
    names = list(dict.fromkeys(name for name, _ in lines))
    ends = spaced([y(each[-1]) for each in cost.values()], 17, 26, 210)
    for (key, each), end in zip(lines.items(), ends, strict=True):
        colour = series(names.index(key[0]))
        points = [(x(row.frames), y(value)) for row, value in zip(each, cost[key], strict=True)]
        board.path(points, colour, 2.6 if key[1] == threads else 1.6, dash="" if key[1] == threads else "5 4")
        for px, py in points:
            board.dot(px, py, colour, 4)
        board.text(points[-1][0] + 12, end + 4, label(*key), size=13, fill=colour, weight=650)
    return board, title


def pieces(parts: Sequence[Mapping[str, Any]]) -> tuple[Board | None, str]:
    """Stacked bars: products, attention, convolutions, the rest."""
    title = "What a pass is made of, percent of its time"
    if not parts:
        return None, title
    kinds = {"products": "blue", "attention": "orange", "convolutions": "gold", "rest": "slate"}
    board = Board(BAR * len(parts) + 28)
    at = NAMES
    for kind, colour in kinds.items():
        board.rect(at, 1, 11, 11, colour, radius=2)
        board.text(at + 16, 11, kind, size=12.5)
        at += text_width(kind, 12.5) + 34
    for index, one in enumerate(sorted(parts, key=lambda each: (each["variant"], each["frames"]))):
        y, x = 22 + index * BAR, float(NAMES)
        label = f"{one['variant']}, {one['frames']} frames"
        board.text(NAMES - 10, y + 12, fitted(label, NAMES - 12, 12.5), size=12.5, anchor="end")
        for kind, colour in kinds.items():
            width = (WIDTH - NAMES - 10) * one["parts"][kind] / 100
            board.rect(
                x, y, max(0, width - 1.5), BAR - 7, colour, tip=f"{label}: {kind} {one['parts'][kind]:.0f} %"
            )
            if width > 34:
                board.text(x + 5, y + 12, f"{one['parts'][kind]:.0f}", size=12, fill="paper", weight=650)
            x += width
    return board, title


def under_limits(limits: Mapping[str, Any], places: Sequence[roofline.Place]) -> tuple[Board | None, str]:
    """A lane a number format: the measured limit of its products as a bar, and how far each pass gets."""
    title = "Under the machine's limits: operations a second, 10⁹"
    if not limits or not places:
        return None, title
    kinds = [
        kind
        for kind in ("int8", "fp32", "bf16")
        if limits.get(kind) and any(p.format == kind for p in places)
    ]
    lane = 54
    board = Board(lane * len(kinds) + 12)
    most = max([limits[kind]["rate"] for kind in kinds] + [place.rate for place in places]) / 1e9
    left, room = 150, WIDTH - 150 - 70
    for index, kind in enumerate(kinds):
        y, limit = index * lane + 6, limits[kind]["rate"] / 1e9
        board.text(left - 10, y + 25, f"{kind} products", size=13, anchor="end", weight=600)
        board.rect(
            left, y + 10, room * limit / most, 22, "slate", radius=2, opacity=0.3, tip=f"limit {limit:.0f}"
        )
        here = [place for place in places if place.format == kind]
        # Right of the last dot: a variant can come out above a limit that was measured in a busier minute.
        farthest = max([limit, *(place.rate / 1e9 + 0.012 * most for place in here)])
        board.text(left + room * farthest / most + 6, y + 26, f"{limit:,.0f}", size=13)
        for place in here:
            colour = COLOURS["f5lite"] if place.variant.startswith("f5lite") else "orange"
            board.dot(
                left + room * place.rate / 1e9 / most,
                y + 21,
                colour,
                5,
                tip=f"{place.variant}: {place.rate / 1e9:.0f}",
            )
        best = here[0]
        words = f"{best.variant}: {best.rate / 1e9:,.0f}, {best.percent:.0f} % of it"
        board.text(left, y + 48, fitted(words, room, 12.5), size=12.5, fill="soft")
    return board, title


def alt(whole: Mapping[str, Any], passes: Sequence[Row]) -> str:
    """The picture in words: every bar of the first panel, and what the rest shows."""
    card = whole["machine"]
    listed = "; ".join(
        f"{row.variant} {table.number(row.median_s)} s"
        + (f" and {row.peak_rss_mb:,.0f} MB" if row.peak_rss_mb is not None else "")
        for row in passes
    )
    base = f"Bars of time and memory of one pass on {card['processor']}, {card['cores']} cores: {listed}. "
    return base + (
        "Below: milliseconds a frame against length, the share of products, attention and the rest, and how near each comes "
        f"to the machine's limits. All of it is in the table beside the picture. Ratios there are against {FP32}."
    )
