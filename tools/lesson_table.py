"""Write the table of lessons in README.md anew, from the lessons' own heads.

    python3 tools/lesson_table.py           (make table)
    python3 tools/lesson_table.py --check   exits with 1 if it isn't in step

It stands between two comments; everything else in README.md is left as it is.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BEGIN, END = "<!-- lessons: made by `make table` -->\n", "<!-- end of lessons -->"


def row(path: Path) -> str:
    """One lesson: its title as a link, what it teaches, its minutes. ValueError if the head doesn't say."""
    head = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
    title = re.search(r"^# (\d\d) · (.+)$", head, re.M)
    learn = re.search(r"\*\*You'll learn\*\*: (.+?)(?=\s*\*\*|\n\n|\Z)", head, re.S)
    minutes = re.search(r"(\d+) minutes", head)
    if not (title and learn and minutes):
        raise ValueError(f"{path.name}: its first cell needs a title, **You'll learn** and minutes")
    text = " ".join(learn[1].split()).rstrip(".").replace("|", "\\|")
    return f"| [{title[1]} {title[2].strip()}](notebooks/{path.name}) | {text} | {minutes[1]} |"


def table() -> str:
    """All lessons, in order."""
    rows = [row(path) for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))]
    return "\n".join(["| lesson | you'll learn | minutes |", "|---|---|---|", *rows]) + "\n"


def main() -> int:
    """0 when the table is, or now is, in step."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        sys.exit(f"README.md lacks the comments {BEGIN.strip()} and {END}")
    fresh = before + BEGIN + table() + END + after
    if "--check" in sys.argv:
        return int(fresh != text)
    if fresh != text:
        README.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
