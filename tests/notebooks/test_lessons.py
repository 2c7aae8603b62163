"""Every lesson: in step with its source, the right head and sizes, and a stored page that everybody can read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from f5lite.evidence.claims import CLAIMS
from notebooks.making import page
from notebooks.making import source as sources
from notebooks.making.rules import SIZE_LIMIT, SOURCE_RULES, STORED_RULES
from tests.evidence.test_explain import TEXTS

ROOT = Path(__file__).parents[2]


def test_there_are_lessons() -> None:
    assert sources.sources()


def test_source_and_notebook_are_in_step(lesson: Path) -> None:
    assert sources.drift(lesson) == []


@pytest.mark.parametrize("rule", SOURCE_RULES, ids=lambda rule: rule.__name__)
def test_it_is_written_as_lessons_are(lesson: Path, rule) -> None:
    assert rule(sources.notebook(lesson)) == []


@pytest.mark.parametrize("rule", STORED_RULES, ids=lambda rule: rule.__name__)
def test_the_stored_page_reads_well(stored, rule) -> None:
    assert rule(stored) == []


def test_the_stored_file_is_small(lesson: Path) -> None:
    size = sources.target(lesson).stat().st_size
    assert size <= SIZE_LIMIT, f"{size / 1e6:.1f} MB stored, at most {SIZE_LIMIT / 1e6:.1f}"


def targets(notebook) -> list[str]:
    """Every link, in text and in stored outputs."""
    found = [
        link for cell in notebook.cells if cell.cell_type == "markdown" for link in page.links(cell.source)
    ]
    for _, output in page.outputs(notebook):
        found += [p.attributes["href"] for p in page.html(output).all("a") if "href" in p.attributes]
    return found


def test_links_lead_somewhere(lesson: Path, stored) -> None:
    for link in targets(stored):
        if re.match(r"https://[\w.-]+\.[a-z]{2,}(/|$)", link) or link.startswith(("#", "data:")):
            continue
        assert not re.match(r"\w+:", link), f"{link}: only https"
        assert (sources.target(lesson).parent / link.split("#")[0]).exists(), f"{link} leads nowhere"


def test_words_are_in_the_glossary(stored) -> None:
    places = set(re.findall(r'<a id="([\w-]+)">', (ROOT / "notebooks" / "glossary.md").read_text("utf-8")))
    for link in targets(stored):
        if "glossary.md#" in link:
            assert link.split("#")[1] in places, f"{link} leads nowhere"


def test_no_text_of_a_lesson_is_left_unused(lesson: Path) -> None:
    """A registered text that no cell shows, and a shown text that nobody registered."""
    number, code = sources.lesson(lesson), lesson.read_text("utf-8")
    mine = {id for id in TEXTS if id.split("/")[0] == number}
    shown = set(re.findall(rf"""["']({re.escape(number)}/[\w-]+)["']""", code))
    assert mine - shown == set(), "registered, shown nowhere"
    assert shown - set(TEXTS) == set(), "shown, registered nowhere"


def test_the_claims_of_a_lesson_are_recorded_in_it(lesson: Path) -> None:
    code = lesson.read_text("utf-8")
    module = ROOT / "f5lite" / "lab" / "lessons" / f"lesson_{sources.lesson(lesson)}.py"
    code += module.read_text("utf-8") if module.exists() else ""
    for claim in CLAIMS.of_lesson(sources.lesson(lesson)):
        assert re.search(rf"""["']{claim.id}["']""", code), (
            f"claim {claim.id!r} is this lesson's, and isn't recorded"
        )


def test_no_notebook_without_a_source() -> None:
    made = {sources.target(source) for source in sources.sources()}
    there = {*sources.FOLDER.glob("*.ipynb"), *sources.SOURCES.glob("*.ipynb")}
    assert there - made == set()


def test_no_source_or_module_without_a_lesson() -> None:
    assert set(sources.SOURCES.glob("*.py")) == set(sources.sources())
    numbers = {sources.lesson(source) for source in sources.sources()}
    modules = {
        path.stem.removeprefix("lesson_") for path in (ROOT / "f5lite/lab/lessons").glob("lesson_*.py")
    }
    assert modules - numbers == set()
