"""A real JupyterLab and a real browser for tests: `Lab` starts a server with settings of its own, `Page` drives a notebook.

with Lab(folder) as lab, lab.page("00_start_here.ipynb") as page:
    page.run_all()
    page.check_clean()
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

CHROMIUM = os.environ.get("F5LITE_CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# Noise of the browser and the server that says nothing about a lesson.
HARMLESS = re.compile(
    r"favicon|ResizeObserver loop|WebGL|GPU stall|collaboration|ServiceWorker|service-worker", re.I
)
LOGGED = re.compile(r"^\[E |\bTraceback\b|^\S*Error: ", re.M)


def missing() -> str:
    """Why no browser test can run here; empty when one can."""
    if not Path(CHROMIUM).exists():
        return f"no Chromium at {CHROMIUM}; install Debian's chromium, or set F5LITE_CHROMIUM"
    return ""


class Lab:
    """A JupyterLab on a free port with a token, serving `folder`, with home, settings and runtime folders of its own."""

    def __init__(self, folder: Path, *, home: Path, dark: bool = False, quick: bool = True) -> None:
        self.folder, self.home, self.dark, self.quick = folder, home, dark, quick
        self.token = secrets.token_hex(16)
        self.log = home / "server.log"

    def __enter__(self) -> Lab:
        self._settings()
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JUPYTER", "IPYTHON", "PYTEST"))
        }
        env |= {
            "HOME": str(self.home),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "IPYTHONDIR": str(self.home / "ipython"),
            "F5LITE_LEDGER": str(self.home / "ledger.json"),
            "F5LITE_QUICK": "1" if self.quick else "",
            # One thread: on a busy machine two would spend their time waiting for each other.
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
        command += [
            f"--port={self.port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={self.folder}",
        ]
        command += [
            f"--IdentityProvider.token={self.token}",
            f"--LabApp.user_settings_dir={self.home / 'settings'}",
        ]
        command += [
            f"--LabApp.workspaces_dir={self.home / 'workspaces'}",
            "--LabApp.extension_manager=readonly",
        ]
        with self.log.open("w") as log:
            self.server = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
        try:
            self._wait()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _settings(self) -> None:
        for name in ("config", "runtime", "data", "ipython", "settings", "workspaces"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        self._set("apputils-extension", "notification", {"fetchNews": "false", "checkForUpdates": False})
        theme = "JupyterLab Dark" if self.dark else "JupyterLab Light"
        self._set("apputils-extension", "themes", {"theme": theme})

    def _set(self, extension: str, plugin: str, values: dict[str, Any]) -> None:
        path = self.home / "settings" / "@jupyterlab" / extension / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))

    def _wait(self, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.server.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"{self.url}/api/status?token={self.token}", timeout=2).close()
                return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(f"JupyterLab did not start; its log:\n{self.log.read_text()[-2000:]}")

    def _end(self) -> None:
        self.server.terminate()
        try:
            self.server.wait(15)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def problems(self) -> list[str]:
        """Lines of the server's log, kernels' words included, that tell of an error."""
        return [
            line
            for line in self.log.read_text(errors="replace").splitlines()
            if LOGGED.search(line) and not HARMLESS.search(line)
        ]

    @contextmanager
    def page(
        self, notebook: str, *, width: int = 1280, height: int = 800, scale: float = 1
    ) -> Iterator[Page]:
        """A browser window with `notebook` open and its kernel ready."""
        from playwright.sync_api import sync_playwright

        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            window = browser.new_context(
                viewport={"width": width, "height": height},
                device_scale_factor=scale,
                color_scheme="dark" if self.dark else "light",
                accept_downloads=True,
            )
            page = Page(self, window.new_page(), notebook)
            try:
                page.open()
                yield page
            except BaseException:
                # What the reader would have seen, for whoever reads the failure.
                window.pages[0].screenshot(path=str(self.home / "failed.png"))
                raise
            finally:
                browser.close()


class Page:
    """One notebook in the browser. `tab` is Playwright's page, for what isn't here."""

    def __init__(self, lab: Lab, tab: Any, notebook: str) -> None:
        self.lab, self.tab, self.notebook = lab, tab, notebook
        self.console: list[str] = []
        tab.on("console", lambda message: self._heard(message.type, message.text))
        tab.on("pageerror", lambda error: self._heard("error", str(error)))

    def _heard(self, kind: str, text: str) -> None:
        if kind == "error" and not HARMLESS.search(text):
            self.console.append(text)

    def open(self) -> None:
        """Open the notebook and wait until its kernel is idle."""
        self.tab.goto(f"{self.lab.url}/lab/tree/{self.notebook}?token={self.lab.token}")
        self.tab.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.idle()
        # The status bar knows of the kernel a moment before the notebook does; running then asks for a kernel.
        self.tab.wait_for_timeout(1000)

    def reload(self) -> None:
        """Reload the page; the kernel lives on."""
        self.tab.reload()
        self.tab.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.idle()

    def idle(self, seconds: float = 60) -> None:
        """Wait until the kernel has nothing to do."""
        self.tab.locator("#jp-main-statusbar", has_text=re.compile(r"\| Idle")).wait_for(
            timeout=1000 * seconds
        )

    def run_all(self, seconds: float = 120) -> None:
        """Run > Run All Cells, and wait until the last cell has run."""
        self.menu("Run", "Run All Cells")
        self.tab.wait_for_timeout(500)
        # The indicator is idle between two cells too; a waiting cell shows a star.
        self.tab.wait_for_function(
            "() => ![...document.querySelectorAll('.jp-InputPrompt')].some((one) => one.textContent.includes('*'))",
            timeout=1000 * seconds,
        )
        self.idle(seconds)
        self.tab.wait_for_timeout(300)

    def menu(self, name: str, item: str) -> None:
        """Click an item of the menu bar."""
        self.tab.locator(".lm-MenuBar-item", has_text=re.compile(f"^{name}$")).click()
        self.tab.locator(".lm-Menu-item", has_text=re.compile(f"^{re.escape(item)}")).first.click()

    def saved(self) -> dict[str, Any]:
        """Save the notebook and read the file."""
        path = self.lab.folder / self.notebook
        before = path.stat().st_mtime_ns
        self.menu("File", "Save Notebook")
        end = time.monotonic() + 15
        while time.monotonic() < end:
            self.tab.wait_for_timeout(200)
            if path.stat().st_mtime_ns != before:
                try:
                    return json.loads(path.read_text(encoding="utf-8"))
                except ValueError:  # read while it was being written
                    continue
        raise AssertionError(f"{self.notebook} was not saved")

    def show(self, selector: str, which: int = 0) -> Any:
        """The element, scrolled into view."""
        element = self.tab.locator(selector).nth(which)
        element.scroll_into_view_if_needed()
        return element

    def play_all(self) -> int:
        """Start every player by keyboard and see that sound runs; returns how many there were."""
        buttons = self.tab.locator(".f5-player .f5-play")
        for index in range(buttons.count()):
            buttons.nth(index).scroll_into_view_if_needed()
            buttons.nth(index).focus()
            self.tab.keyboard.press("Enter")
            self.tab.wait_for_function(
                "(index) => document.querySelectorAll('.f5-player audio')[index].currentTime > 0",
                arg=index,
                timeout=15_000,
            )
            buttons.nth(index).focus()
            self.tab.keyboard.press("Enter")
        return buttons.count()

    def check_clean(self) -> None:
        """Assert that no cell, no callback, the console and the server's log report an error."""
        cells = [cell for cell in self.saved()["cells"] if cell["cell_type"] == "code"]
        errors = [out for cell in cells for out in cell["outputs"] if out["output_type"] == "error"]
        assert not errors, f"a cell failed: {errors[0].get('ename')}: {errors[0].get('evalue')}"
        assert all(cell["execution_count"] for cell in cells), "a cell has not run"
        told = [text for text in self.tab.locator(".f5-error").all_inner_texts() if text.strip()]
        assert not told, f"a widget shows an error: {told}"
        broken = self.tab.get_by_text("Error displaying widget").count()
        assert not broken, f"{broken} widgets can't be shown"
        assert not self.console, f"the console has errors: {self.console}"
        assert not self.lab.problems(), f"the server's log has errors: {self.lab.problems()[:3]}"


def copy(notebook: Path, folder: Path) -> str:
    """Copy a notebook without its outputs into `folder`; returns its name there."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in plain["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    (folder / notebook.name).write_text(json.dumps(plain), encoding="utf-8")
    for other in notebook.parent.glob("[0-9][0-9]_*.ipynb"):
        if not (folder / other.name).exists():
            shutil.copy(other, folder / other.name)
    return notebook.name
