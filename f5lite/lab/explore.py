"""Move a slider, see the figure follow: a function from a few numbers to a Figure, with controls.

    lab.explore(draw, lab.control("steps", 4, 64, 32, unit="steps"))

`draw` computes; it plays no sound and measures nothing, because events wait while a cell runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from f5lite.errors import F5liteError
from f5lite.lab.figure import Figure, Shown


@dataclass(frozen=True)
class Control:
    """A number that the reader may move from `low` to `high`."""

    name: str
    low: float
    high: float
    value: float
    step: float = 1.0
    unit: str = ""
    label: str = ""
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"{self.name}: {self.value:g} isn't within {self.low:g} … {self.high:g}")


def control(
    name: str, low: float, high: float, value: float, *, step: float = 1.0, unit: str = "", label: str = ""
) -> Control:
    """A slider for the argument `name`."""
    return Control(name, low, high, value, step, unit, label or name.replace("_", " "))


def choice(name: str, *choices: str, label: str = "") -> Control:
    """Named alternatives for the argument `name`; `draw` gets the position of the chosen one, from 0."""
    return Control(name, 0, len(choices) - 1, 0, 1, "", label or name.replace("_", " "), choices)


class Explore(Shown):
    """Holds the controls' values and the figure that belongs to them."""

    def __init__(self, draw: Callable[..., Figure], *controls: Control) -> None:
        if not controls:
            raise ValueError("explore() needs at least one control")
        self.draw = draw
        self.controls = {one.name: one for one in controls}
        self.values = {one.name: one.value for one in controls}
        self.figure = draw(**self.values)

    def move(self, name: str, value: float) -> Figure:
        """Set one control and draw anew.

        Raises:
            F5liteError: there is no such control, or the value is outside it; the figure stays.
        """
        if name not in self.controls:
            raise F5liteError(f"no control {name!r}; there are: {', '.join(self.controls)}")
        one = self.controls[name]
        if not one.low <= value <= one.high:
            raise F5liteError(f"{one.label}: {value:g} is outside {one.low:g} … {one.high:g}")
        whole = isinstance(one.value, int) and float(value).is_integer()
        values = {**self.values, name: int(value) if whole else float(value)}
        self.figure = self.draw(**values)
        self.values = values
        return self.figure

    def html(self) -> str:
        return self.figure.html()

    def plain(self) -> str:
        at = ", ".join(
            f"{one.label} {one.choices[int(self.values[name])]}"
            if one.choices
            else f"{one.label} {self.values[name]:g} {one.unit}".rstrip()
            for name, one in self.controls.items()
        )
        return f"At {at}: {self.figure.plain()}"

    def state(self) -> dict[str, Any]:
        """What the view shows."""
        names = ("name", "low", "high", "step", "unit", "label", "choices")
        return {
            "controls": [
                {key: getattr(one, key) for key in names} | {"value": self.values[one.name]}
                for one in self.controls.values()
            ],
            "html": self.figure.html(),
        }

    def view(self, key: str = "") -> Any:
        """The sliders and the figure below them."""
        from f5lite.lab.view import View

        def moved(event: dict[str, Any]) -> None:
            self.move(event["name"], event["value"])
            panel.show(**self.state())

        panel = View("explore", {"key": key, **self.state()}, {"move": moved})
        return panel

    def _ipython_display_(self) -> None:
        from f5lite.lab.view import display_html, live, twin

        key = f"explore-{self.figure.title}"
        display_html(twin(key, self.html()), self.plain())
        if live():
            from IPython.display import display

            display(self.view(key))


def explore(draw: Callable[..., Figure], *controls: Control) -> Explore:
    """A figure with sliders. The static figure, at the controls' first values, is drawn first."""
    return Explore(draw, *controls)
