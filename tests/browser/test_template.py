"""The authors' template in a real browser: run it, type, play, move, watch, take the ledger away, and reload."""

from __future__ import annotations

import json
import re

import pytest

from tests.browser.conftest import ROOT

TEMPLATE = ROOT / "notebooks" / "source" / "_template.ipynb"
pytestmark = pytest.mark.browser


def guesses(path) -> list[dict]:
    kept = json.loads(path.read_text())["entries"]
    entries = kept.values() if isinstance(kept, dict) else kept
    return [entry["details"] for entry in entries if entry["kind"] == "prediction"]


def test_a_reader_goes_through_the_lesson(lesson, tmp_path) -> None:
    with lesson(TEMPLATE) as lab, lab.page(TEMPLATE.name) as page:
        page.run_all()
        page.check_clean()
        tab = page.tab
        assert tab.locator(".jp-Notebook.f5-lesson").count() == 1, "the page's style did not arrive"

        # Type a guess, by keyboard alone; the card and the ledger know that it was typed.
        field = page.show(".f5-predict input[type=number]")
        field.focus()
        tab.keyboard.press("Control+a")
        tab.keyboard.type("37")
        tab.keyboard.press("Enter")
        tab.get_by_text("Your guess: 37 %.").wait_for(timeout=10_000)
        assert (
            guesses(lab.home / "ledger.json")[-1] | {"typed": True, "value": 37}
            == guesses(lab.home / "ledger.json")[-1]
        )
        # A guess that can't be is refused in words, and the slider works with arrow keys.
        tab.keyboard.press("Control+a")
        tab.keyboard.type("4000")
        tab.keyboard.press("Enter")
        tab.locator(".f5-predict .f5-error", has_text="type a number from 0 to 100").wait_for(timeout=10_000)
        slider = page.show(".f5-predict input[type=range]")
        slider.focus()
        tab.keyboard.press("ArrowRight")
        tab.get_by_text("Your guess: 38 %.").wait_for(timeout=10_000)

        # Play one version by keyboard; start the other, which goes on at the same place.
        page.show(".f5-player .f5-version")
        plays = tab.locator(".f5-player .f5-play")
        plays.nth(0).focus()
        tab.keyboard.press("Enter")
        tab.wait_for_function("() => document.querySelectorAll('.f5-player audio')[0].currentTime > 0.3")
        tab.keyboard.press("2")
        tab.wait_for_function("() => document.querySelectorAll('.f5-player audio')[1].currentTime > 0.3")
        states = tab.evaluate(
            "() => [...document.querySelectorAll('.f5-player audio')].map((a) => [a.paused, !!a.error])"
        )
        assert states[0] == [True, False] and not states[1][1], states
        scene = tab.locator(".f5-player .f5-scene").nth(1)
        scene.focus()
        tab.keyboard.press("Home")
        tab.keyboard.press("ArrowRight")
        assert float(scene.get_attribute("aria-valuenow")) >= 0.25

        # Move the slider by keyboard; the figure follows.
        size = page.show(".f5-explore input[type=range]")
        size.focus()
        for _ in range(4):
            tab.keyboard.press("ArrowRight")
        tab.locator(".f5-explore svg", has_text="12 bits").wait_for(timeout=10_000)

        # The live chart has ended; the arrow keys read single samples.
        assert tab.get_by_role("button", name="Stop measuring").is_hidden()
        chart = page.show(".f5-plot svg")
        chart.focus()
        tab.keyboard.press("Home")
        assert re.search(r"MB at 0\.\d seconds", chart.get_attribute("aria-label"))

        # Take the ledger away and bring it back; a foreign file is refused.
        page.show("button:has-text('Download my ledger')")
        with tab.expect_download() as waiting:
            tab.keyboard.press("Escape")
            tab.get_by_role("button", name="Download my ledger").focus()
            tab.keyboard.press("Enter")
        taken = tmp_path / "taken.json"
        waiting.value.save_as(taken)
        assert json.loads(taken.read_text())["entries"]
        chooser = tab.locator("input[type=file]")
        chooser.set_input_files(taken)
        tab.get_by_text("Brought back 0 new entries from taken.json.").wait_for(timeout=10_000)
        foreign = tmp_path / "foreign.json"
        foreign.write_text('{"not": "a ledger"}')
        chooser.set_input_files(foreign)
        tab.locator(".f5-error", has_text="foreign.json").wait_for(timeout=10_000)
        chooser.set_input_files(taken)
        tab.get_by_text("Brought back 0 new entries from taken.json.").wait_for(timeout=10_000)

        # Run everything again: the guess stays, and is now scored.
        page.run_all()
        page.check_clean()
        page.show(".f5-compare")
        tab.locator(".f5-compare", has_text="You guessed").wait_for(timeout=10_000)

        # Reload: the kernel lives on, and so do the widgets.
        page.reload()
        tab.locator(".f5-predict input[type=number]").first.wait_for(state="attached", timeout=20_000)
        assert page.show(".f5-predict input[type=number]").input_value() == "38"
        page.check_clean()


def test_stored_outputs_read_without_a_kernel(lesson, tmp_path) -> None:
    """Opened but not run, and not trusted: the reader still sees pictures, words and tables."""
    with lesson(TEMPLATE) as lab:
        (tmp_path / "lessons" / TEMPLATE.name).write_bytes(TEMPLATE.read_bytes())
        with lab.page(TEMPLATE.name) as page:
            page.tab.wait_for_timeout(1000)
            stills = page.tab.locator("figure img")
            assert stills.count() >= 5
            stills.first.scroll_into_view_if_needed()
            page.tab.wait_for_timeout(300)
            assert stills.first.evaluate("(image) => image.complete && image.naturalWidth > 100")
            assert page.tab.get_by_text("Error displaying widget").count() == 0
            assert not page.console, page.console
