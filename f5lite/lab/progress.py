"""Progress for anything that takes more than two seconds: a bar that is gone when the work is done.

    with lab.progress("speaking", 5) as done:
        for text in texts:
            speak(text)
            done()

It is also a callback: `voice.speak(text, progress=bar.at)`. Stored notebooks keep nothing of it.
"""

from __future__ import annotations

import time
from html import escape

SHORTEST_WAIT = 0.2  # seconds between two drawings: a bar must not cost what it measures


class Progress:
    """Counts steps and shows them. `total` steps make the whole."""

    def __init__(self, what: str, total: int) -> None:
        if total < 1:
            raise ValueError(f"{what}: a progress needs at least one step, found {total}")
        self.what, self.total, self.count = what, total, 0
        self.handle, self.drawn, self.began = None, 0.0, 0.0

    def __enter__(self) -> Progress:
        self.began = time.monotonic()
        self._draw()
        return self

    def __call__(self, steps: int = 1) -> None:
        """`steps` more are done."""
        self.at(self.count + steps, self.total)

    def at(self, count: int, total: int) -> None:
        """`count` of `total` are done: the signature of the package's own progress callbacks."""
        self.count, self.total = min(count, total), total
        if time.monotonic() - self.drawn >= SHORTEST_WAIT:
            self._draw()

    def __exit__(self, *_: object) -> None:
        if self.handle is not None:
            self.handle.update({"text/html": "", "text/plain": ""}, raw=True)

    def words(self) -> str:
        """ "speaking: 3 of 5, about 4 s left"."""
        spent = time.monotonic() - self.began
        left = (
            f", about {spent / self.count * (self.total - self.count):.0f} s left"
            if self.count and spent > 1
            else ""
        )
        return f"{self.what}: {self.count} of {self.total}{left}"

    def html(self) -> str:
        return (
            f'<div class="f5 f5-note" role="status"><progress max="{self.total}" value="{self.count}" '
            f'aria-label="{escape(self.what, quote=True)}"></progress>&ensp;{escape(self.words())}</div>'
        )

    def _draw(self) -> None:
        from f5lite.lab.view import live

        if not live():
            return
        self.drawn = time.monotonic()
        bundle = {"text/html": self.html(), "text/plain": self.words()}
        if self.handle is None:
            from IPython.display import display

            self.handle = display(bundle, raw=True, display_id=True)
        else:
            self.handle.update(bundle, raw=True)


def progress(what: str, total: int) -> Progress:
    """A bar for `total` steps of `what`."""
    return Progress(what, total)
