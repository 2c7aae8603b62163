"""The one widget of the course: it shows a plain object's state and hands back what the reader does.

The objects (a prediction, a live recording, …) know nothing of it and are tested without a browser. `lab.js` draws.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from f5lite.lab.callbacks import guarded


class View(anywidget.AnyWidget):
    """`kind` picks the drawing code in `lab.js`. `state` goes to the page; `event` comes back as {name, value, count}."""

    _esm = Path(__file__).with_name("lab.js").read_text("utf-8")
    kind = traitlets.Unicode().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    event = traitlets.Dict().tag(sync=True)

    def __init__(
        self, kind: str, state: dict[str, Any], on: dict[str, Callable[[Any], None]] | None = None
    ) -> None:
        """`on` maps an event's name to what it does with the event's value."""
        super().__init__(kind=kind, state=state)
        self._on = on or {}
        self.observe(self._arrived, names="event")

    def show(self, **changes: Any) -> None:
        """Change some of the state; the page follows."""
        self.state = {**self.state, **changes}

    def _arrived(self, change: Any) -> None:
        name = change["new"].get("name")
        if name in self._on:
            guarded(self._on[name], self._tell)(change["new"].get("value"))

    def _tell(self, message: str) -> None:
        if self.state.get("error", "") != message:
            self.show(error=message)


def live() -> bool:
    """True inside a Jupyter kernel, where a widget can be shown."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def twin(key: str, html: str) -> str:
    """Static HTML that a live view with the same `key` replaces; it stays on pages without widgets."""
    return f'<div class="f5-static" data-f5-twin="{escape(key, quote=True)}">{html}</div>'


def display_html(html: str, plain: str) -> None:
    """Show HTML with a plain text beside it for readers without."""
    from IPython.display import display

    display({"text/html": html, "text/plain": plain}, raw=True)
