"""Buttons that take the ledger away and bring it back: a hosted session forgets its files."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any

from f5lite.errors import F5liteError
from f5lite.evidence.ledger import Ledger
from f5lite.lab.figure import Shown
from f5lite.lab.session import CURRENT

LARGEST = 20_000_000  # bytes; a ledger of the whole course is far below one megabyte


class LedgerButtons(Shown):
    """`save()` gives what to download, `restore(name, data)` merges a file; `said` is the last thing to tell."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.said = f"Kept in {ledger.path}"

    def save(self) -> tuple[str, bytes]:
        """File name and content."""
        data = self.ledger.to_bytes()
        self.said = f"Downloaded: {len(self.ledger.entries())} entries."
        return "f5lite-ledger.json", data

    def restore(self, name: str, data: bytes) -> int:
        """Merge a ledger that was downloaded before. Returns how many entries were new.

        Raises:
            F5liteError: `data` isn't a whole ledger, or the merged one can't be saved.
        """
        if len(data) > LARGEST:
            raise F5liteError(
                f"{name} has {len(data) / 1e6:.0f} MB; a ledger has less than one. Nothing was brought back."
            )
        new = self.ledger.restore(data, name)
        self.said = f"Brought back {new} new {'entry' if new == 1 else 'entries'} from {name}."
        return new

    @property
    def place(self) -> str:
        """The file without what is only this machine's: from the home folder on, else its name."""
        try:
            return f"~/{self.ledger.path.relative_to(Path.home()).as_posix()}"
        except ValueError:
            return self.ledger.path.name

    def html(self) -> str:
        from html import escape

        return (
            '<section class="f5 f5-card" aria-label="Your ledger"><div class="f5-label">Your ledger</div>'
            f"<p>Your measurements: <code>{escape(self.place)}</code></p></section>"
        )

    def plain(self) -> str:
        return f"Your measurements: {self.place}"

    def view(self) -> Any:
        """The two buttons."""
        from f5lite.lab.view import View

        def save(_: Any) -> None:
            name, data = self.save()
            count = panel.state.get("download", {}).get("count", 0) + 1
            download = {"name": name, "data": base64.b64encode(data).decode(), "count": count}
            panel.show(said=self.said, download=download)

        def restore(event: dict[str, str]) -> None:
            try:
                data = base64.b64decode(event["data"], validate=True)
            except binascii.Error as error:
                raise F5liteError(f"{event['name']} arrived damaged; try again.") from error
            self.restore(event["name"], data)
            panel.show(said=self.said)

        panel = View("ledger", {"key": "ledger", "said": self.said}, {"save": save, "restore": restore})
        return panel

    def _ipython_display_(self) -> None:
        from f5lite.lab.view import display_html, live, twin

        display_html(twin("ledger", self.html()), self.plain())
        if live():
            from IPython.display import display

            display(self.view())


def ledger_buttons() -> LedgerButtons:
    """Download your ledger, or bring one back."""
    return LedgerButtons(CURRENT.ledger)
