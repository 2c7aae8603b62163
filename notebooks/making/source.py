"""A lesson's source (jupytext, percent format) as a notebook: exercises with their stub, hint and solution folded.

Tags that mean something, on a cell's `# %%` line: `exercise` (code: stub, then one line with the check), `hint`
(markdown), `solution` (code: the definition alone; the check is added where it runs).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parents[1]
SOURCES = FOLDER / "source"
HEAD = re.compile(r"\s+(?:[-*] )?(?=\*\*(?:You'll do|You'll learn|You need)\*\*)")
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def sources() -> list[Path]:
    """Every lesson's source in order, and the authors' template."""
    return [*sorted(SOURCES.glob("[0-9][0-9]_*.py")), *sorted(SOURCES.glob("_template.py"))]


def target(source: Path) -> Path:
    """The notebook that `source` becomes. The template stays beside its source: it isn't part of the course."""
    folder = source.parent if source.name.startswith("_") else source.parent.parent
    return folder / f"{source.stem}.ipynb"


def lesson(source: Path) -> str:
    """A lesson's number as a text ("03"); "template" for the template."""
    return source.stem.split("_")[0] or "template"


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def cells(source: Path) -> list[NotebookNode]:
    """The cells as the author wrote them. Raises ValueError for an exercise that isn't whole."""
    found = jupytext.read(source, fmt="py:percent").cells
    stub: NotebookNode | None = None
    for cell in found:
        kind = tags(cell)
        if "exercise" in kind:
            if stub is not None:
                raise ValueError(f"{source.name}: an exercise has no solution: {first_line(stub)}")
            stub = cell
        elif "solution" in kind:
            if stub is None:
                raise ValueError(f"{source.name}: a solution follows no exercise: {first_line(cell)}")
            stub = None
    if stub is not None:
        raise ValueError(f"{source.name}: an exercise has no solution: {first_line(stub)}")
    return found


def first_line(cell: NotebookNode) -> str:
    return cell.source.strip().splitlines()[0] if cell.source.strip() else "(empty)"


def check_line(stub: NotebookNode) -> str:
    """The last line of an exercise: the call of its check."""
    return stub.source.strip().splitlines()[-1]


def notebook(source: Path) -> NotebookNode:
    """The notebook that readers open: hint and solution folded away, no outputs yet."""
    return compose([_folded(cell) for cell in _with_head(cells(source))])


def _with_head(found: list[NotebookNode]) -> list[NotebookNode]:
    """The head's three parts as a list: a page would run them together into one paragraph."""
    if found and found[0].cell_type == "markdown":
        title, *rest = HEAD.split(found[0].source)
        if rest:
            found[0].source = "\n".join([title, "", *(f"- {part}" for part in rest)])
    return found


def with_solutions(source: Path, ending: str = "") -> NotebookNode:
    """For tests: every solution runs after its stub, with the same check; `ending` is a last code cell."""
    made: list[NotebookNode] = []
    check = ""
    for cell in _with_head(cells(source)):
        if "exercise" in tags(cell):
            check = check_line(cell)
        if "solution" in tags(cell):
            cell = nbformat.v4.new_code_cell(f"{cell.source}\n\n\n{check}", metadata={"tags": ["solution"]})
            made.append(cell)
        else:
            made.append(_folded(cell))
    if ending:
        made.append(nbformat.v4.new_code_cell(ending))
    return compose(made)


def _folded(cell: NotebookNode) -> NotebookNode:
    kind = tags(cell)
    metadata = {"tags": kind} if kind else {}
    if "hint" in kind:
        text = f"<details><summary>Hint</summary>\n\n{cell.source.strip()}\n\n</details>"
        return nbformat.v4.new_markdown_cell(text, metadata=metadata)
    if "solution" in kind:
        text = f"<details><summary>Solution</summary>\n\n```python\n{cell.source.strip()}\n```\n\n</details>"
        return nbformat.v4.new_markdown_cell(text, metadata=metadata)
    new = nbformat.v4.new_markdown_cell if cell.cell_type == "markdown" else nbformat.v4.new_code_cell
    return new(cell.source, metadata=metadata)


def compose(made: list[NotebookNode]) -> NotebookNode:
    """A notebook of these cells. A cell keeps its id as long as its text stays."""
    seen: dict[str, int] = {}
    for cell in made:
        key = hashlib.sha1(f"{cell.cell_type}\0{cell.source}".encode()).hexdigest()[:10]
        seen[key] = seen.get(key, 0) + 1
        cell["id"] = key if seen[key] == 1 else f"{key}-{seen[key]}"
    metadata = {"kernelspec": dict(KERNEL), "language_info": {"name": "python"}}
    made_up = nbformat.v4.new_notebook(cells=made, metadata=metadata)
    made_up.nbformat_minor = 5
    return made_up


def drift(source: Path) -> list[str]:
    """What differs between a source and its stored notebook, outputs apart. Empty when they are in step."""
    path = target(source)
    if not path.exists():
        return [f"{path.name} is missing: run `make notebooks`"]
    want, have = notebook(source), nbformat.read(path, as_version=4)
    pairs = zip(want.cells, have.cells, strict=False)
    for number, (new, old) in enumerate(pairs):
        mine = (new.id, new.cell_type, new.source, tags(new))
        if mine != (old.get("id"), old.cell_type, old.source, tags(old)):
            return [
                f"{path.name}, cell {number} differs from the source: {first_line(new)!r}, stored {first_line(old)!r}"
            ]
    if len(want.cells) != len(have.cells):
        return [f"{path.name} has {len(have.cells)} cells, its source makes {len(want.cells)}"]
    if have.metadata.get("kernelspec") != KERNEL:
        return [f"{path.name} has another kernelspec: {have.metadata.get('kernelspec')}"]
    return []
