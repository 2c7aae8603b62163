"""The course's table of contents: number, title, question and minutes of each lesson. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Lesson:
    """One lesson. `number` has two digits; `minutes` is what a reader needs, exercises included."""

    number: str
    title: str
    question: str
    minutes: int

    def file(self, folder: Path | None = None) -> str | None:
        """The name of its notebook in `folder` (the working folder), or None if it isn't there."""
        found = sorted((folder or Path.cwd()).glob(f"{self.number}_*.ipynb"))
        return found[0].name if found else None


LESSONS = tuple(
    Lesson(*row)
    for row in (
        ("00", "Start here", "Is my machine ready, and what does the model sound like?", 5),
        ("01", "Anatomy", "Where do 1,348 MB go?", 10),
        ("02", "Measure memory honestly", "Why do four tools give four answers?", 12),
        ("03", "Load three stages on demand", "What does splitting save, and what can't it save?", 12),
        ("04", "Watch memory, queue requests", "What should run when memory is short?", 15),
        ("05", "Count the bytes of int8", "Is it really 75 % smaller, also at its peak while loading?", 12),
        ("06", "Int8: speed and sound", "Why is int8 often slower, and when isn't it? Can you hear it?", 15),
        ("07", "Change the attention", "What does the backend change, and at which length?", 10),
        ("08", "Climb the ladder", "What does the article's table look like on your machine?", 15),
        ("09", "Go past the article", "How low can it go?", 15),
        ("10", "Prune and distil", "What does a smaller student cost?", 15),
        ("11", "Ship it", "What would a phone's processor run?", 12),
        ("12", "Bring your own F5-TTS", "What do the real checkpoint and your own budget say?", 12),
    )
)
TEMPLATE = Lesson("__", "Every element, once", "What can a lesson show, and how do you write one?", 6)


def lesson(number: str) -> Lesson:
    """The lesson with this number; the authors' template for anything that isn't one."""
    return next((one for one in LESSONS if one.number == number), TEMPLATE)


def around(number: str) -> tuple[Lesson | None, Lesson | None]:
    """The lessons before and after."""
    numbers = [one.number for one in LESSONS]
    if number not in numbers:
        return None, LESSONS[0]
    at = numbers.index(number)
    return (LESSONS[at - 1] if at else None), (LESSONS[at + 1] if at + 1 < len(LESSONS) else None)
