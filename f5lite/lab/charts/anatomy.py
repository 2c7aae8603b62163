"""Where the bytes are: rectangles whose areas are sizes, grouped by part (a squarified treemap)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from f5lite.lab.drawing import WIDTH, Board, fitted, text_width
from f5lite.lab.figure import Figure, Table
from f5lite.lab.numbers import number, quantity
from f5lite.lab.style import series

Box = tuple[float, float, float, float]


def anatomy(
    parts: Mapping[str, float | Mapping[str, float]],
    *,
    title: str,
    unit: str = "MB",
    height: float = 340,
    note: str = "",
    alt: str = "",
) -> Figure:
    """A treemap of `parts`: name → size, or name → {smaller part: size}. Areas are in proportion, groups share a colour.

    Raises:
        ValueError: when nothing in it is larger than zero.
    """
    groups = {
        name: dict(value) if isinstance(value, Mapping) else {name: value} for name, value in parts.items()
    }
    sizes = {name: sum(inner.values()) for name, inner in groups.items() if sum(inner.values()) > 0}
    if not sizes:
        raise ValueError("anatomy() needs at least one part larger than zero")
    whole = sum(sizes.values())
    order = sorted(sizes, key=sizes.__getitem__, reverse=True)
    board = Board(height)
    labelled: set[str] = set()
    unlabelled: list[tuple[str, float]] = []
    for index, (name, (x, y, w, h)) in enumerate(
        zip(order, squarify([sizes[one] for one in order], (0, 0, WIDTH, height)), strict=True)
    ):
        inner = {key: size for key, size in sorted(groups[name].items(), key=lambda kv: -kv[1]) if size > 0}
        x, y, w, h = x + 1.5, y + 1.5, w - 3, h - 3
        head = 50 if len(inner) > 1 and h > 90 and w > 90 else 0
        board.rect(x, y, w, h, series(index), radius=5, opacity=0.16)
        boxes = (
            squarify(list(inner.values()), (x + 3, y + head, w - 6, h - head - 3)) if head else [(x, y, w, h)]
        )
        shown = inner if head else {name: sizes[name]}
        for (key, size), (bx, by, bw, bh) in zip(shown.items(), boxes, strict=True):
            tip = f"{name}, {key}: {quantity(size, unit)}, {100 * size / whole:.1f} %"
            board.rect(bx + 1, by + 1, bw - 2, bh - 2, series(index), radius=3, opacity=0.26, tip=tip)
            fits = text_width(key, 13) <= bw - 14 or (bw > 80 and len(fitted(key, bw - 14, 13)) > 4)
            if head and not (bh > 24 and fits):
                unlabelled.append((key, size))
            elif head:
                board.text(bx + 9, by + 19, fitted(key, bw - 14, 13), size=13)
                if bh > 42:
                    board.text(
                        bx + 9, by + 36, fitted(quantity(size, unit), bw - 14, 13), size=13, fill="soft"
                    )
        share = f"{quantity(sizes[name], unit)} · {100 * sizes[name] / whole:.0f} %"
        if h > 26 and text_width(name, 16) <= w - 14:
            labelled.add(name)
            board.text(x + 10, y + 21, name, size=16, weight=700)
            if h > 46:
                board.text(x + 10, y + 41, fitted(share, w - 10, 14), size=14, fill="soft", weight=600)
        elif w > 22 and text_width(name, 15) <= h - 14:
            # Too narrow to write across: write downwards.
            labelled.add(name)
            at, end = x + w / 2 - 5, y + 18 + 1.1 * text_width(name, 15)
            board.text(at, y + 10, name, size=15, weight=700, down=True)
            for words in (share, f"{100 * sizes[name] / whole:.0f} %"):
                if end + text_width(words, 13.5) <= y + h - 4:
                    board.text(at, end, words, size=13.5, fill="soft", down=True)
                    break
    small = [(one, sizes[one]) for one in order if one not in labelled] + unlabelled
    if small and not note:
        listed = ", ".join(f"{one} {quantity(size, unit)}" for one, size in small)
        note = f"Boxes too small for a name: {listed}. The table lists every one."
    said = ", ".join(
        f"{one} {quantity(sizes[one], unit)} ({100 * sizes[one] / whole:.1f} %)" for one in order
    )
    rows = [
        (one, key, number(size), f"{100 * size / whole:.1f} %")
        for one in order
        for key, size in sorted(groups[one].items(), key=lambda kv: -kv[1])
    ]
    return Figure(
        "anatomy",
        title,
        board.svg(),
        alt or f"Area chart, {title}: {quantity(whole, unit)} in all. Largest first: {said}.",
        Table.of(("part", "piece", f"size ({unit})", "share"), rows),
        {"parts": {one: groups[one] for one in order}, "total": whole, "unit": unit},
        note,
    )


def squarify(sizes: Sequence[float], box: Box) -> list[Box]:
    """Boxes in `box` with areas in proportion to `sizes` (largest first), each as near to a square as this order allows.

    Source: Bruls, Huizing and van Wijk, "Squarified treemaps", 2000.
    """
    x, y, w, h = box
    total = sum(sizes)
    if len(sizes) == 0 or total <= 0:
        return []
    if len(sizes) == 1 or w <= 0 or h <= 0:
        return [box] * len(sizes)
    side = min(w, h)
    area = w * h / total

    def worst(row: Sequence[float]) -> float:
        strip = sum(row) * area / side
        return max(max(strip * strip / (one * area), one * area / (strip * strip)) for one in row)

    count = 1
    while count < len(sizes) and worst(sizes[: count + 1]) <= worst(sizes[:count]):
        count += 1
    row = sizes[:count]
    strip = sum(row) * area / side
    boxes: list[Box] = []
    along = 0.0
    for one in row:
        length = one / sum(row) * side
        boxes.append((x, y + along, strip, length) if w >= h else (x + along, y, length, strip))
        along += length
    rest = (x + strip, y, w - strip, h) if w >= h else (x, y + strip, w, h - strip)
    return boxes + squarify(sizes[count:], rest)
