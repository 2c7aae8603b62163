"""What is stored of an executed notebook: no widget state, no timing, no more than 300 kB of sound. Pure."""

from __future__ import annotations

import re

from nbformat import NotebookNode

WIDGETS = ("application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state+json")
SOUND_LIMIT = 300_000
SOUND = re.compile(r"<audio\b.*?</audio>", re.DOTALL)
SILENCE = "<p><em>Run this cell to hear it.</em></p>"


def clean(notebook: NotebookNode) -> NotebookNode:
    """Clean in place and return the notebook. What a widget drew first, its static picture, stays."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [kept for output in cell.outputs if (kept := _without_widgets(output)) is not None]
    _limit_sound(notebook)
    return notebook


def _without_widgets(output: NotebookNode) -> NotebookNode | None:
    data = output.get("data")
    if not data or not any(kind in data for kind in WIDGETS):
        return output
    for kind in WIDGETS:
        data.pop(kind, None)
    # A widget's own text is its repr: nothing that a reader of the page can use.
    return output if set(data) - {"text/plain"} else None


def sounds(notebook: NotebookNode) -> list[tuple[NotebookNode, str]]:
    """Every stored player with the bundle that it is in, the largest first."""
    found = [
        (output["data"], match.group(0))
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "text/html" in output.get("data", {})
        for match in SOUND.finditer(_text(output["data"]["text/html"]))
    ]
    return sorted(found, key=lambda pair: -len(pair[1]))


def _limit_sound(notebook: NotebookNode) -> None:
    players = sounds(notebook)
    total = sum(len(player) for _, player in players)
    for data, player in players:
        if total <= SOUND_LIMIT:
            return
        data["text/html"] = _text(data["text/html"]).replace(player, SILENCE, 1)
        total -= len(player)


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)
