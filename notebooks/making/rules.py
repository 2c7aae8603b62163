"""What every lesson must be. Each rule takes a notebook and returns complaints, none when all is well. Pure.

`SOURCE_RULES` look at text and code; `STORED_RULES` at what an executed notebook shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from nbformat import NotebookNode

from notebooks.making import clean, page
from notebooks.making.source import tags

WORDS, WORDS_AT_MOST, WORDS_AT_LEAST = (30, 70), 85, 12
LINES, LINES_AT_MOST = (2, 10), 14
OUTSIDE = 0.25  # the share of cells that may miss the range, within the hard limits
SIZE_LIMIT = 2_500_000  # bytes of a stored notebook
FOLDED = {"hint", "solution"}

Rule = Callable[[NotebookNode], list[str]]


def _markdown(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    return [(n, cell) for n, cell in enumerate(notebook.cells) if cell.cell_type == "markdown"]


def head(notebook: NotebookNode) -> list[str]:
    """The first cell: a title, what you'll do, learn and need, and the minutes."""
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown":
        return ["the first cell must be the lesson's head"]
    found = []
    titles = page.headings(first.source)
    if not titles or titles[0][0] != 1 or " · " not in titles[0][1]:
        found.append('the head must start with "# NN · Title"')
    for part in ("You'll do", "You'll learn", "You need"):
        if f"**{part}" not in first.source:
            found.append(f'the head must say "**{part}**"')
    if not re.search(r"\b\d+ minutes\b", first.source):
        found.append('the head must say the minutes, "12 minutes"')
    return found


def prose_length(notebook: NotebookNode) -> list[str]:
    """30–70 words a markdown cell. The head and folded cells are free, and so are lone headings and tables."""
    counted = {}
    for number, cell in _markdown(notebook)[1:]:
        lone_heading = not re.sub(r"^#.*$", "", cell.source, flags=re.MULTILINE).strip()
        if (
            not FOLDED & set(tags(cell))
            and not lone_heading
            and not re.search(r"^\|", cell.source, re.MULTILINE)
        ):
            body = re.sub(r"^#.*$", "", cell.source, flags=re.MULTILINE)
            counted[number] = page.words(body)
    found = [
        f"markdown cell {number} has {count} words, of {WORDS_AT_LEAST} to {WORDS_AT_MOST} at the very most"
        for number, count in counted.items()
        if not WORDS_AT_LEAST <= count <= WORDS_AT_MOST
    ]
    outside = [number for number, count in counted.items() if not WORDS[0] <= count <= WORDS[1]]
    if len(outside) > max(1, OUTSIDE * len(counted)):
        found.append(
            f"markdown cells {outside} are outside {WORDS[0]}–{WORDS[1]} words: too many of {len(counted)}"
        )
    return found


def code_length(notebook: NotebookNode) -> list[str]:
    """2–10 lines a code cell; a single call that shows something is a cell of its own."""
    counted = {
        number: sum(1 for line in cell.source.splitlines() if line.strip())
        for number, cell in enumerate(notebook.cells)
        if cell.cell_type == "code"
    }
    found = [
        f"code cell {number} has {count} lines, of 1 to {LINES_AT_MOST} at the very most"
        for number, count in counted.items()
        if not 1 <= count <= LINES_AT_MOST
    ]
    outside = [n for n, count in counted.items() if count > LINES[1]]
    shows = {
        n for n, cell in enumerate(notebook.cells) if cell.source.lstrip().startswith(("lab.", "helpers."))
    }
    short = [n for n, count in counted.items() if count < LINES[0] and n not in shows]
    if len(outside) > max(1, OUTSIDE * len(counted)):
        found.append(f"code cells {outside} are longer than {LINES[1]} lines: too many of {len(counted)}")
    if len(short) > max(2, 2 * OUTSIDE * len(counted)):
        found.append(f"code cells {short} are single lines: too many of {len(counted)}; join some")
    return found


def heading_order(notebook: NotebookNode) -> list[str]:
    """One title, and no level skipped, markdown and outputs together."""
    found, last, titles = [], 0, 0
    for number, cell in enumerate(notebook.cells):
        levels = [level for level, _ in page.headings(cell.source)] if cell.cell_type == "markdown" else []
        for output in cell.get("outputs", []):
            levels += [
                int(piece.tag[1]) for piece in page.html(output).all("h1", "h2", "h3", "h4", "h5", "h6")
            ]
        for level in levels:
            titles += level == 1
            if level > last + 1:
                found.append(f"cell {number}: a heading of level {level} follows one of level {last}")
            last = level
    if titles != 1:
        found.append(f"there must be one heading of level 1, the title; there are {titles}")
    return found


def pictures_in_prose(notebook: NotebookNode) -> list[str]:
    """A picture in a markdown cell has alt text too."""
    found = []
    for number, cell in _markdown(notebook):
        bare = re.findall(r"!\[\s*\]\(", cell.source)
        bare += [p.tag for p in page.Html.of(cell.source).all("img") if not page.alt(p) and not p.hidden]
        found += [f"markdown cell {number}: a picture without alt text"] * len(bare)
    return found


def _sees(output: NotebookNode) -> tuple[list[str], bool]:
    """Alt texts of an output's pictures ("" for none), and whether it shows a picture at all."""
    shown = page.html(output)
    pieces = [p for p in shown.all("img", "svg", "canvas") if not p.hidden and not p.labelled]
    texts = [page.alt(p) for p in pieces]
    for kind in ("image/png", "image/jpeg"):
        if kind in output.get("data", {}) and not shown.pieces:
            texts.append(str(output.get("metadata", {}).get(kind, {}).get("alt", "")))
    return texts, bool(texts)


def pictures(notebook: NotebookNode) -> list[str]:
    """Every picture in an output has alt text that says something, and its figures stand in a table beside it."""
    found = []
    for number, output in page.outputs(notebook):
        texts, any_picture = _sees(output)
        found += [f"cell {number}: a picture without alt text" for words in texts if not words]
        found += [
            f"cell {number}: alt text says too little: {words!r}" for words in texts if 0 < len(words) < 15
        ]
        shown = page.html(output)
        player = shown.all("audio") or clean.SILENCE in page.text(output.get("data", {}).get("text/html", ""))
        if any_picture and not player and not shown.all("table"):
            found.append(f"cell {number}: a picture has no table beside it")
    return found


def transcripts(notebook: NotebookNode) -> list[str]:
    """What is said stands beside every player, as words."""
    found = []
    for number, output in page.outputs(notebook):
        source = page.text(output.get("data", {}).get("text/html", ""))
        shown = page.html(output)
        if not shown.all("audio") and clean.SILENCE not in source:
            continue
        said = [
            p
            for p in shown.pieces
            if re.search(r"transcript|f5-words", p.attributes.get("class", "")) and p.text.strip()
        ]
        if not said and not re.search(r"(?i)transcript\W+\w", " ".join(p.text for p in shown.pieces)):
            found.append(
                f"cell {number}: a player without a transcript (an element whose class says transcript)"
            )
    return found


def quiet(notebook: NotebookNode) -> list[str]:
    """No error, nothing on standard error, no warning, no memory address."""
    found = []
    for number, output in page.outputs(notebook):
        if output.output_type == "error":
            found.append(f"cell {number} stopped with {output.ename}: {output.evalue}")
            continue
        if output.output_type == "stream" and output.name == "stderr":
            found.append(f"cell {number} printed on standard error: {page.text(output.text)[:200]!r}")
        shown = page.text(output.get("text", "")) + page.text(output.get("data", {}).get("text/plain", ""))
        if warned := re.search(r"\b\w*Warning: .*", shown):
            found.append(f"cell {number} printed a warning: {warned[0][:200]}")
        if address := re.search(r"<[^<>]* at 0x[0-9a-f]+>", shown):
            found.append(f"cell {number} shows a bare object: {address[0]}")
    return found


def stored(notebook: NotebookNode) -> list[str]:
    """Executed in full, in order, with no widget state, timing, or more sound than a page should carry."""
    found = []
    if "widgets" in notebook.metadata:
        found.append("widget state is stored")
    about = notebook.metadata.get("f5lite", {})
    if about.get("quick") is not False:
        found.append("it was not run in full: run `make notebooks`")
    counts = [
        cell.execution_count for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()
    ]
    if counts != list(range(1, len(counts) + 1)):
        found.append(f"its cells were not all run, once, from top to bottom: {counts}")
    for number, cell in enumerate(notebook.cells):
        if "execution" in cell.metadata:
            found.append(f"cell {number} stores when it ran")
    for number, output in page.outputs(notebook):
        if set(clean.WIDGETS) & set(output.get("data", {})):
            found.append(f"cell {number} stores a widget, which no page can show")
    sound = sum(len(player) for _, player in clean.sounds(notebook))
    if sound > clean.SOUND_LIMIT:
        found.append(f"{sound / 1e3:.0f} kB of sound are stored, at most {clean.SOUND_LIMIT / 1e3:.0f}")
    return found


SOURCE_RULES: tuple[Rule, ...] = (head, prose_length, code_length, pictures_in_prose)
STORED_RULES: tuple[Rule, ...] = (heading_order, pictures, transcripts, quiet, stored)
