"""A newcomer's first minutes: `make lab` with an empty home, then three clicks to a spoken sentence."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.browser import jupyter
from tests.browser.conftest import ROOT

pytestmark = pytest.mark.browser


class FirstStart(jupyter.Lab):
    """JupyterLab as `make lab` starts it, in the environment of these tests: no settings but those that come with it."""

    def __enter__(self) -> FirstStart:
        self.home.mkdir()
        dropped = ("JUPYTER", "IPYTHON", "PYTEST", "XDG", "F5LITE")
        env = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        env |= {"HOME": str(self.home), "F5LITE_QUICK": "1"}
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            # Only a container's root starts a server as root; a newcomer doesn't.
            (self.home / "root").mkdir()
            allowed = {"ServerApp": {"allow_root": True}}
            (self.home / "root" / "jupyter_server_config.json").write_text(json.dumps(allowed))
            env["JUPYTER_CONFIG_PATH"] = str(self.home / "root")
        # The environment is there, so make finds it as it should be and goes on at once.
        options = f"--no-browser --folder={shlex.quote(str(self.folder))}"
        command = ["make", "lab", f"VENV={sys.prefix}", f"PYTHON={sys.executable}", f"ARGS={options}"]
        with self.log.open("w") as log:
            self.server = subprocess.Popen(
                command, env=env, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self.address = self._printed_address()
        except BaseException:
            self._end()
            raise
        return self

    def _printed_address(self, seconds: float = 90) -> str:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.server.poll() is None:
            found = re.search(r"http://127\.0\.0\.1:\d+/lab/tree/\S+\?token=\w+", self.log.read_text())
            if found:
                return found[0]
            time.sleep(0.2)
        raise RuntimeError(f"no address was printed:\n{self.log.read_text()[-2000:]}")

    def _end(self) -> None:
        os.killpg(self.server.pid, signal.SIGTERM)
        self.server.wait(20)


class FirstPage(jupyter.Page):
    """Opened at the address that was printed."""

    def open(self) -> None:
        self.tab.goto(self.lab.address)
        self.tab.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.idle()
        self.tab.wait_for_timeout(1000)


@pytest.mark.skipif(sys.platform == "win32", reason="ends the server by its process group")
@pytest.mark.skipif(not shutil.which("make"), reason="there is no make here; `f5lite lab` has its own test")
def test_three_clicks_to_a_spoken_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jupyter, "Page", FirstPage)
    settings = Path(sys.prefix, "share", "jupyter", "lab", "settings", "overrides.json")
    assert settings.is_file(), "this environment wasn't made by tools/environment.py"
    with FirstStart(tmp_path / "f5lite-lessons", home=tmp_path / "home") as lab:
        assert "/lab/tree/00_start_here.ipynb" in lab.address
        with lab.page("00_start_here.ipynb") as page:
            assert page.tab.locator(".jp-Dialog").count() == 0
            assert page.tab.get_by_text("Jupyter news").count() == 0
            page.run_all(seconds=600)  # two clicks: Run, Run All Cells
            page.check_clean()
            play = page.tab.locator(".f5-player .f5-play").first
            play.scroll_into_view_if_needed()
            play.click()  # the third
            page.tab.wait_for_function(
                "() => document.querySelector('.f5-player audio').currentTime > 0", timeout=30_000
            )
            # A word that isn't known: one click opens the glossary, as a page, not as its source.
            page.tab.locator("a[href*='glossary.md']").first.click()
            page.tab.locator(".jp-MarkdownViewer h2", has_text="Memory").wait_for(timeout=20_000)
