"""The dashboard of lesson 04: the live reading against a limit, the lanes, the level, what is loaded, and a hog to move.

    board = helpers.dashboard()
    board.demonstrate()      # a short run by script, so that there is something to see without a click
    board                    # then the reader's turn: Start, move the hog, hand in requests, change the policy

The session itself is a `Sandbox`; here it is put into words and pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from f5lite.lab.charts.memory import memory_timeline
from f5lite.lab.figure import Figure, Shown
from f5lite.lab.sandbox import KNOBS, LANES, MB, Sandbox
from f5lite.memory.menu import by_level
from f5lite.memory.policy import room


class Dashboard(Sandbox, Shown):
    """A sandbox on the page. Without a session yet it has no picture."""

    def state(self) -> dict[str, Any]:
        """Plain values for the page."""
        queue = self.queue
        now = queue.snapshot() if queue is not None else self.final
        hog = self.hog.held / MB if queue is not None else 0.0
        held = self.worker.held / MB if queue is not None else 0.0
        free = max(0.0, self.limit / MB - hog - held)
        lanes = {lane: [] for lane in LANES}
        for place, name in enumerate(now.get("waiting", ()), 1):
            lanes[self.lane_of.get(name, "normal")].append([name.removeprefix("request "), place])
        usable = room(self.reading(), self.rules, self.worker.held) if queue is not None else self.limit
        running = now.get("running")
        return {
            "limit": self.limit / MB,
            "running": queue is not None,
            "longest": self.longest,
            "points": [[at, hog_mb, worker_mb] for at, hog_mb, worker_mb, _ in self.points],
            "marks": self.marks,
            "hog": hog,
            "held": held,
            "free": free,
            "level": now.get("level", "ample"),
            "plans": {level: self.name(plan) for level, plan in by_level(self.menu, usable).items()},
            "stages": {name: size / MB for name, size in now.get("stages", {}).items()},
            "lanes": lanes,
            "current": running.removeprefix("request ") if running else "",
            "lane": self.lane_of.get(running or "", ""),
            "plan": self.name(now.get("plan")) or "",
            "said": list(self.said)[-7:],
            "counts": now.get("counts", {}),
            "knobs": self.knobs(),
            "note": self.problem,
        }

    def knobs(self) -> list[dict[str, Any]]:
        """The policy's sliders as they stand."""
        return [
            {
                "name": name,
                "low": low,
                "high": high,
                "unit": unit,
                "value": getattr(self.rules, attribute) * over,
            }
            for name, (attribute, over, low, high, unit) in KNOBS.items()
        ]

    @property
    def plans_used(self) -> list[str]:
        """The plans that requests ran with, in the order in which they first came."""
        # A text's first job only cuts it into chunks.
        taken = [one.offers[hasattr(one.work, "chunks") :] for one in self.tickets.values()]
        return list(dict.fromkeys(self.name(name) for offers in taken for name in offers))

    def figure(self) -> Figure:
        """The last session as a picture that needs no widget. Raises ValueError before there is one."""
        seconds = [at for at, *_ in self.points]
        states = [ticket.state for ticket in self.tickets.values()]
        ends = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)) or "no requests"
        return memory_timeline(
            seconds,
            {
                "the hog": [hog for _, hog, _, _ in self.points],
                "the model": [held for *_, held, _ in self.points],
            },
            title="A session: the hog, the model's process, and the policy's level",
            limit=self.limit / MB,
            marks=self.marks,
            note=f"Requests: {ends}. Plans used: {'; '.join(self.plans_used) or 'none'}.",
        )

    def html(self) -> str:
        return self.figure().html()

    def plain(self) -> str:
        return self.figure().plain()

    def view(self, key: str = "") -> Any:
        """The dashboard on the page; it follows the session."""
        from f5lite.lab.view import View

        folder = Path(__file__).parent

        class DashboardView(View):
            _esm = (folder / "dashboard.js").read_text("utf-8")
            _css = (folder / "dashboard.css").read_text("utf-8")

        def then(action: Callable[[Any], Any]) -> Callable[[Any], None]:
            def act(value: Any) -> None:
                action(value)
                panel.show(**self.state())

            return act

        panel = DashboardView(
            "dashboard",
            {"key": key, **self.state()},
            {
                "start": then(lambda _: self.start()),
                "stop": then(lambda _: self.stop()),
                "hold": then(self.hold),
                "ask": then(self.ask),
                "tune": then(lambda value: self.tune(value["name"], value["value"])),
            },
        )
        panel.on_msg(lambda _, message, buffers: panel._arrived({"new": message}))
        self.followers = [lambda one: panel.show(**one.state())]
        return panel

    def _ipython_display_(self) -> None:
        from f5lite.lab.view import display_html, live, twin

        display_html(twin("dashboard", self.html()), self.plain())
        if live():
            from IPython.display import display

            display(self.view("dashboard"))
