"""A table that is shown by itself, where no picture belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from f5lite.lab.figure import Shown, Table


@dataclass(repr=False)
class Listing(Shown):
    """A table that is shown by itself."""

    title: str
    table: Table

    def html(self) -> str:
        left = ' style="text-align:left"'  # words, not figures
        table = self.table.html().replace("<td>", f"<td{left}>").replace('scope="col"', f'scope="col"{left}')
        return (
            f'<section class="f5 f5-card" aria-label="{escape(self.title, quote=True)}">'
            f'<div class="f5-label">{escape(self.title)}</div>{table}</section>'
        )

    def plain(self) -> str:
        return f"{self.title}\n{self.table.plain()}"
