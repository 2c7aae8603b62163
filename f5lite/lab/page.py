"""How a lesson opens: its style, its question, and the machine that every figure below comes from."""

from __future__ import annotations

import importlib
import importlib.util
import math
from html import escape
from pathlib import Path

from f5lite import machine
from f5lite.lab.course import LESSONS, lesson
from f5lite.lab.drawing import n
from f5lite.lab.figure import Shown
from f5lite.lab.session import CURRENT
from f5lite.lab.style import colour, fonts, sheet

GLOSSARY = "glossary.md"


class Start(Shown):
    """The head of lesson `number`. Displaying it also styles the page."""

    def __init__(self, number: str, card: str, quick: bool, notices: list[str]) -> None:
        self.lesson = lesson(number)
        self.card, self.quick, self.notices = card, quick, notices

    def html(self) -> str:
        one = self.lesson
        known = one in LESSONS
        at = LESSONS.index(one) if known else -1
        steps = "".join(
            f'<span class="{"f5-here" if index == at else "f5-done" if index < at else ""}"></span>'
            for index in range(len(LESSONS))
        )
        over = f"Lesson {one.number} of {LESSONS[-1].number}" if known else "For authors"
        quick = (
            '<p class="f5-quick">Quick mode: fewer repeats and smaller shapes, the same cells.</p>'
            if self.quick
            else ""
        )
        notices = "".join(f'<p class="f5-note">{escape(text)}</p>' for text in self.notices)
        return (
            f"<style>{sheet()}</style>"
            f'<section class="f5 f5-card f5-start" aria-label="About this lesson">'
            f"{wave(one.number + one.title)}"
            f'<div class="f5-progress" aria-hidden="true">{steps}</div>'
            f'<p class="f5-over">{over} · {one.minutes} minutes</p>'
            f'<p class="f5-question">{escape(one.question)}</p>'
            f'<p class="f5-machine">Every figure below comes from this machine: {escape(self.card)}</p>'
            f"{words()}{quick}{notices}</section>"
        )

    def plain(self) -> str:
        lines = [
            f"{self.lesson.number} · {self.lesson.title}. {self.lesson.question}",
            f"This machine: {self.card}",
        ]
        if self.quick:
            lines.append("Quick mode: fewer repeats and smaller shapes, the same cells.")
        return "\n".join(lines + self.notices)

    def _ipython_display_(self) -> None:
        from f5lite.lab.view import View, display_html, live

        display_html(self.html(), self.plain())
        if live():
            from IPython.display import display

            display(View("page", {"sheet": sheet(), "fonts": fonts()}))


def start(number: str) -> Start:
    """Begin a lesson: open the ledger, register the lesson's texts and checks, and return its head to be shown."""
    CURRENT.begin(number)
    name = f"f5lite.lab.lessons.lesson_{number}"
    if importlib.util.find_spec(name):
        importlib.import_module(name)
    return Start(number, str(machine.card()), machine.quick(), list(CURRENT.ledger.notices))


def words() -> str:
    """Where the course's words are explained, if the page lies beside the lesson, as it does in a clone and a copy."""
    if not (Path.cwd() / GLOSSARY).exists():
        return ""
    return f'<p class="f5-machine">A word you don\'t know? Look in the <a href="{GLOSSARY}">glossary</a>.</p>'


def wave(seed: str) -> str:
    """A strip of bars like a waveform, a different one for each lesson: decoration, hidden from screen readers."""
    turn = sum(ord(letter) * (index + 1) for index, letter in enumerate(seed)) % 628 / 100
    count, bars = 92, []
    for index in range(count):
        t = index / count
        phrase = math.sin(math.pi * min(1, t * 1.02)) ** 0.6
        voice = abs(math.sin(9 * t * math.pi + turn)) ** 1.4 * (0.55 + 0.45 * math.sin(23 * t + 2 * turn))
        size = 5 + 62 * phrase * (0.12 + 0.88 * abs(voice)) * (0.8 + 0.2 * math.sin(61 * t + turn))
        hue = ("blue", "teal", "orange", "plum")[min(3, int(t * 4))]
        bars.append(
            f'<rect x="{n(index * 8)}" y="{n(40 - size / 2)}" width="4.6" height="{n(size)}" rx="2.3" '
            f'style="fill:{colour(hue)};fill-opacity:.88"/>'
        )
    return f'<svg class="f5-wave" viewBox="0 0 734 80" preserveAspectRatio="none" aria-hidden="true">{"".join(bars)}</svg>'
