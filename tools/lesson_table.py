"""Write README's tables anew: the lessons, what they found where they were last run, and what the benchmark found.

    python3 tools/lesson_table.py           (make table)
    python3 tools/lesson_table.py --check   exits with 1 if the lessons or the benchmark aren't in step

Each stands between two comments; everything else in README.md is left as it is.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
LESSONS, FIGURES, BENCHMARKS = "lessons", "figures", "benchmarks"
RESULTS = ROOT / "docs" / "benchmark-results.md"

# The claims that README tells about, by a phrase of theirs, and what the article says in a few words.
TOLD = {
    "needs 1200 MB and 2.5 s": "it needs 1200 MB and 2.5 s",
    "lowers the average memory greatly": "loading on demand lowers the average greatly",
    "Split into text processing": "split in three it needs less memory",
    "take the memory in use from": "8-bit weights: 1200 → 480 MB (−60 %)",
    "make it faster by 40 %": "8-bit weights: 40 % faster",
    "by another order of memory access": "another attention kernel makes it cheaper",
    "All three together need 360 MB": "all three: 360 MB (−70 %)",
    "All three together need 0.8 s": "all three: 0.8 s (−68 %)",
}
# What follows a figure in a verdict but says nothing new in a table.
ASIDE = re.compile(
    r" (?:That (?:meets|is|isn't)|Measured with) [^.]*(?:\.\d[^.]*)*\.|: more than .{,40}? of the claim(?=\.)"
)


def cells(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def row(path: Path) -> str:
    """One lesson: its title as a link, what it teaches, its minutes. ValueError if the head doesn't say."""
    head = "".join(cells(path)[0]["source"])
    title = re.search(r"^# (\d\d) · (.+)$", head, re.M)
    learn = re.search(r"\*\*You'll learn\*\*: (.+?)(?=\s*(?:\n- )?\*\*|\n\n|\Z)", head, re.S)
    minutes = re.search(r"(\d+) minutes", head)
    if not (title and learn and minutes):
        raise ValueError(f"{path.name}: its first cell needs a title, **You'll learn** and minutes")
    text = " ".join(learn[1].split()).rstrip(".").replace("|", "\\|")
    return f"| [{title[1]} {title[2].strip()}](notebooks/{path.name}) | {text} | {minutes[1]} |"


def lessons() -> list[Path]:
    return sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def table() -> str:
    """All lessons, in order."""
    return "\n".join(["| lesson | you'll learn | minutes |", "|---|---|---|", *map(row, lessons())]) + "\n"


def outputs(path: Path) -> list[str]:
    """What a lesson's cells show, as plain text."""
    shown = [out for cell in cells(path) for out in cell.get("outputs", [])]
    return ["".join(out.get("data", {}).get("text/plain", "")) for out in shown]


def figures() -> str:
    """The verdicts that stored lessons show, with the machine that they were run on."""
    found: dict[str, str] = {}
    machines: list[str] = []
    for path in lessons():
        for text in outputs(path):
            machines += re.findall(r"^This machine: (.+)$", text, re.M)
            claim, _, verdict = text.partition("\n")
            told = next((said for phrase, said in TOLD.items() if phrase in claim), None)
            outcome = re.match(r"(holds|exceeded|does not hold|can't tell): (.+)", verdict, re.S)
            if told and outcome:
                said = ASIDE.sub("", " ".join(outcome[2].split())).replace("|", "\\|")
                found[told] = (
                    f"| {told} | **{outcome[1]}**: {said} | [{path.name[:2]}](notebooks/{path.name}) |"
                )
    rows = [found[told] for told in TOLD.values() if told in found]
    where = "; ".join(dict.fromkeys(machines))
    return (
        f"Run on: {where}.\n\n"
        + "\n".join(["| the article says | the lesson found | lesson |", "|---|---|---|", *rows])
        + "\n"
    )


def benchmarks() -> str:
    """The published benchmark's machine and its sentences."""
    text = RESULTS.read_text(encoding="utf-8")
    measured = re.search(r"^Measured .+$", text, re.M)
    sentences = re.findall(r"^- .+$", text.partition("## In a sentence each")[2], re.M)
    if not measured or not sentences:
        raise ValueError(
            f"{RESULTS.name}: no line that begins with Measured, or no sentences; run make bench ARGS=--publish"
        )
    return "\n".join([measured[0], "", *sentences]) + "\n"


def put(text: str, name: str, made: str) -> str:
    """`text` with what stands between the comments of `name` replaced. Exits if they are missing."""
    begin, end = f"<!-- {name}: made by `make table` -->\n", f"<!-- end of {name} -->"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        sys.exit(f"README.md lacks the comments {begin.strip()} and {end}")
    return before + begin + made + end + after


def main() -> int:
    """0 when the tables are, or now are, in step."""
    text = README.read_text(encoding="utf-8")
    fresh = put(put(text, LESSONS, table()), BENCHMARKS, benchmarks())
    if "--check" in sys.argv:
        return int(fresh != text)
    fresh = put(fresh, FIGURES, figures())
    if fresh != text:
        README.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
