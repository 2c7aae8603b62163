"""A figure with sliders: the object moves without a browser; the view only passes on."""

from __future__ import annotations

import pytest

from f5lite import lab
from f5lite.errors import F5liteError
from f5lite.lab import callbacks


def size(bits, budget=20.0):
    if bits == 13:
        raise ZeroDivisionError("unlucky")
    return lab.bars({"block": 2 * bits}, title="Size", unit="MB", mark=("budget", budget))


def made():
    return lab.explore(size, lab.control("bits", 2, 32, 8), lab.control("budget", 1.0, 50.0, 20.0, unit="MB"))


def test_moving_draws_anew_and_keeps_kinds() -> None:
    one = made()
    assert one.figure.data["values"]["block"] == 16
    one.move("bits", 4.0)
    assert one.figure.data["values"]["block"] == 8 and isinstance(one.values["bits"], int)
    one.move("budget", 30)
    assert one.figure.data["mark"] == ("budget", 30.0) and "bits 4" in one.plain()


def test_what_is_outside_is_refused_and_changes_nothing() -> None:
    one = made()
    with pytest.raises(F5liteError, match="no control 'bit'"):
        one.move("bit", 3)
    with pytest.raises(F5liteError, match="outside 2 … 32"):
        one.move("bits", 99)
    assert one.values["bits"] == 8


def test_the_view_passes_on() -> None:
    one = made()
    panel = one.view()
    before = panel.state["html"]
    panel.event = {"name": "move", "value": {"name": "bits", "value": 16}, "count": 1}
    assert one.values["bits"] == 16 and panel.state["html"] != before
    panel.event = {"name": "move", "value": {"name": "bits", "value": 13}, "count": 2}
    assert "unlucky" in panel.state["error"] and one.values["bits"] == 16
    assert isinstance(callbacks.FAILURES.pop(), ZeroDivisionError)


def test_authors_mistakes() -> None:
    with pytest.raises(ValueError, match="at least one control"):
        lab.explore(size)
    with pytest.raises(ValueError, match="isn't within"):
        lab.control("bits", 2, 8, 16)


def test_named_alternatives_are_told_by_name() -> None:
    picked = lab.choice("shape", "base", "small")
    one = lab.explore(
        lambda shape: lab.bars({"base small".split()[shape]: 1}, title="Shape", unit="MB"), picked
    )
    one.move("shape", 1)
    assert one.values["shape"] == 1 and "small" in one.plain()
    assert one.state()["controls"][0]["choices"] == ("base", "small")
