"""What a lesson shows: a figure with a picture, a sentence for those who can't see it, and the same figures as a table.

A `Figure` is plain data. Jupyter asks it for HTML and plain text; tests read `.data`, `.alt` and `.table`.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from f5lite.lab.style import still_sheet


@dataclass(frozen=True)
class Table:
    """The twin of a picture: column heads with units, rows of ready text, and what has to be said about them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""

    @classmethod
    def of(cls, columns: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> Table:
        """From anything that prints; every row has as many cells as there are columns."""
        made = tuple(tuple(str(cell) for cell in row) for row in rows)
        for row in made:
            if len(row) != len(columns):
                raise ValueError(f"a row has {len(row)} cells, the table {len(columns)} columns: {row}")
        return cls(tuple(columns), made, caption)

    def html(self) -> str:
        """A table with a header row and a header column."""
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in self.columns)
        body = "".join(
            f'<tr><th scope="row">{escape(row[0])}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
            + "</tr>"
            for row in self.rows
        )
        said = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        return f"<table>{said}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def plain(self) -> str:
        """Columns lined up with spaces."""
        lines = [self.columns, *self.rows]
        widths = [max(len(line[index]) for line in lines) for index in range(len(self.columns))]
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join([*text, *([self.caption] if self.caption else [])])


class Shown:
    """Something that displays itself; a subclass writes `html()` and `plain()`."""

    def html(self) -> str:
        raise NotImplementedError

    def plain(self) -> str:
        raise NotImplementedError

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": self.plain()}

    def __repr__(self) -> str:
        return self.plain()


@dataclass(repr=False)
class Figure(Shown):
    """A chart. `alt` says what it shows in a sentence, `table` holds the figures, `data` what was plotted."""

    kind: str
    title: str
    svg: str
    alt: str
    table: Table
    data: dict[str, Any] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise ValueError(f"the figure {self.title!r} has no alt text; say in a sentence what it shows")
        if not self.table.rows:
            raise ValueError(f"the figure {self.title!r} has an empty table; there is nothing to show")

    def html(self) -> str:
        """The picture twice: drawn in the page, where it follows the theme, and as an image for pages that drop SVG
        (GitHub, a notebook that isn't trusted yet). The style sheet hides the second."""
        alt = escape(self.alt, quote=True)
        note = f'<p class="f5-note">{escape(self.note)}</p>' if self.note else ""
        drawing = self.svg.replace("<svg ", f'<svg role="img" aria-label="{alt}" ', 1)
        return (
            f'<figure class="f5 f5-figure f5-{self.kind}">'
            f"<figcaption>{escape(self.title)}</figcaption>{drawing}"
            f'<img class="f5-still" alt="{alt}" width="760" src="{still(self.svg)}">'
            f"{note}{twin(self.table)}</figure>"
        )

    def plain(self) -> str:
        """Title, alt text and table."""
        return f"{self.title}\n{self.alt}\n{self.table.plain()}"


def still(svg: str) -> str:
    """An SVG drawing as a data URI that needs no style sheet."""
    inner = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    cut = inner.index(">") + 1
    paper = '<rect width="100%" height="100%" rx="8" style="fill:var(--f5-paper,#fff)"/>'
    whole = f"{inner[:cut]}<style>{still_sheet()}</style>{paper}{inner[cut:]}"
    return "data:image/svg+xml;base64," + base64.b64encode(whole.encode()).decode()


def twin(table: Table, label: str = "The same as a table") -> str:
    """The folded table below a picture."""
    return f'<details class="f5-twin"><summary>{escape(label)}</summary>{table.html()}</details>'
