"""Reading what a stored notebook shows: its HTML, its pictures, its words. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from nbformat import NotebookNode

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
FENCE = re.compile(r"```.*?```", re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)")


@dataclass
class Piece:
    """One HTML element that matters here: its tag, attributes and the text inside it."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    hidden: bool = False  # it, or something around it, has aria-hidden="true"
    labelled: bool = False  # something around it is an image of its own, with a label


@dataclass
class Html(HTMLParser):
    """Elements of a piece of HTML, in order."""

    pieces: list[Piece] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[Piece] = []

    @classmethod
    def of(cls, text: str) -> Html:
        made = cls()
        made.feed(text)
        made.close()
        return made

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        around = self._open[-1] if self._open else None
        piece = Piece(
            tag,
            attributes,
            hidden=attributes.get("aria-hidden") == "true" or bool(around and around.hidden),
            labelled=bool(around and (around.labelled or _named(around))),
        )
        self.pieces.append(piece)
        if tag not in VOID:
            self._open.append(piece)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if any(piece.tag == tag for piece in self._open):
            while self._open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        for piece in self._open:
            piece.text += data

    def all(self, *tags: str) -> list[Piece]:
        return [piece for piece in self.pieces if piece.tag in tags]


def _named(piece: Piece) -> bool:
    return piece.attributes.get("role") == "img" and bool(piece.attributes.get("aria-label", "").strip())


def alt(piece: Piece) -> str:
    """The words for those who can't see a picture."""
    return (piece.attributes.get("alt") or piece.attributes.get("aria-label") or "").strip()


def text(value: str | list[str]) -> str:
    """nbformat's multi-line strings as one."""
    return value if isinstance(value, str) else "".join(value)


def outputs(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    """Every stored output with its cell's number."""
    return [
        (number, output)
        for number, cell in enumerate(notebook.cells)
        if cell.cell_type == "code"
        for output in cell.outputs
    ]


def html(output: NotebookNode) -> Html:
    """The HTML that an output shows; empty when it shows none."""
    data = output.get("data", {})
    return Html.of(text(data.get("text/html", "")) + text(data.get("image/svg+xml", "")))


def prose(markdown: str) -> str:
    """The words of a markdown cell, without code, tags, headings' marks and links' targets."""
    plain = FENCE.sub(" ", markdown)
    plain = re.sub(r"<[^>]+>", " ", plain)
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", plain)
    return re.sub(r"[*_`#>|]|^\s*[-\d.]+\s", " ", plain, flags=re.MULTILINE)


def words(markdown: str) -> int:
    return len(re.findall(r"\w[\w'\u2019,.\-]*", prose(markdown)))


def headings(markdown: str) -> list[tuple[int, str]]:
    """Levels and texts of a markdown cell's headings."""
    plain = FENCE.sub(" ", markdown)
    found = [(len(m[1]), m[2].strip()) for m in re.finditer(r"^(#{1,6})\s+(.+)$", plain, re.MULTILINE)]
    return found


def links(markdown: str) -> list[str]:
    """Targets of a markdown cell's links and pictures, HTML included."""
    plain = FENCE.sub(" ", markdown)
    page = Html.of(plain)
    return LINK.findall(plain) + [
        piece.attributes[name]
        for piece in page.pieces
        for name in ("href", "src")
        if name in piece.attributes
    ]
