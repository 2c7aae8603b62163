"""Exercises: a check that runs in the reader's cell, says what is missing, and never stops Run All.

    @exercise("largest", lesson="03")
    def largest(attempt):
        got = attempt([3, 1, 2])
        expect(got == 3, f"largest([3, 1, 2]) should be 3, yours returned {got!r}")

`largest(their_function)` then returns a `Result`. `results()` lists what was checked in this kernel, for tests.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class NotYet(Exception):
    """What an attempt lacks, in a sentence that helps."""


def expect(condition: object, message: str) -> None:
    """Go on if `condition` is true; else tell the reader `message`."""
    if not condition:
        raise NotYet(message)


@dataclass(frozen=True)
class Result:
    """How an attempt did. Shown as a line of text; `f5lite.lab` may draw it."""

    name: str
    passed: bool
    message: str
    lesson: str = ""

    def __str__(self) -> str:
        return f"{'Done' if self.passed else 'Not yet'}: {self.message}"

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "passed": self.passed, "message": self.message, "lesson": self.lesson}


REGISTRY: dict[str, Callable[..., Result]] = {}
_results: list[Result] = []


def exercise(
    name: str, *, lesson: str = "", praise: str = "that works."
) -> Callable[[Callable[..., Any]], Callable[..., Result]]:
    """Make a check of a function that raises NotYet (or calls `expect`) when the attempt falls short.

    What the check returns, if it is a string, is the message of a pass; else `praise` is.

    Raises ValueError when another lesson has a check of that name: `lab.check.NAME` could then find the wrong one.
    """
    taken = REGISTRY.get(name)
    if taken is not None and taken.lesson != lesson:
        raise ValueError(f"lesson {taken.lesson} has a check {name!r} already; choose another name")

    def wrap(check: Callable[..., Any]) -> Callable[..., Result]:
        @functools.wraps(check)
        def checked(*attempt: Any, **more: Any) -> Result:
            try:
                said = check(*attempt, **more)
                result = Result(name, True, said if isinstance(said, str) else praise, lesson)
            except NotYet as error:
                result = Result(name, False, str(error), lesson)
            except NotImplementedError:
                result = Result(
                    name,
                    False,
                    f"`{name}` is still the stub. Write its lines, then run the cell again.",
                    lesson,
                )
            except Exception as error:  # the reader's own code failed: say where, without a wall of frames
                result = Result(name, False, _where(error), lesson)
            _results.append(result)
            return result

        checked.lesson = lesson
        REGISTRY[name] = checked
        return checked

    return wrap


def results() -> list[Result]:
    """Every check made in this kernel, in order."""
    return list(_results)


def _where(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    line = f" in `{frame.line.strip()}`" if frame.line else ""
    return f"your code stopped with {type(error).__name__}: {error}{line}."
