"""A kernel that ends its process is found out without ending this one."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from f5lite.shrink.int8 import products, survival


@pytest.fixture
def on_arm(tmp_path, monkeypatch):
    monkeypatch.setenv("F5LITE_CACHE", str(tmp_path))
    monkeypatch.setattr(survival.platform, "machine", lambda: "aarch64")
    products._problem.cache_clear()
    yield
    products._problem.cache_clear()


def made_to(do: str, monkeypatch) -> list[list[str]]:
    """Let the child do something else; returns the commands that were asked for."""
    asked, run = [], survival.subprocess.run

    def instead(command, **how):
        asked.append(command)
        return run([sys.executable, "-c", do], **how)

    monkeypatch.setattr(survival.subprocess, "run", instead)
    return asked


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_a_kernel_that_kills_is_a_problem_and_is_tried_once(on_arm, monkeypatch):
    asked = made_to(f"import os; os.kill(os.getpid(), {int(signal.SIGILL)})", monkeypatch)
    for product in (products.ONEDNN_FULL, products.ONEDNN_7_BITS):
        assert "ends the process that runs it (SIGILL)" in product.problem()
    assert len(asked) == 2
    products._problem.cache_clear()
    assert "SIGILL" in products.ONEDNN_FULL.problem()
    assert len(asked) == 2, "the machine's answer is kept"


def test_a_trial_that_could_not_be_made_is_made_again(on_arm, monkeypatch):
    asked = []

    def fail(command, **_):
        asked.append(command)
        raise OSError("no processes left")

    monkeypatch.setattr(survival.subprocess, "run", fail)
    for _ in range(2):
        assert "couldn't be tried" in survival.killer("onednn-8-bits")
    assert len(asked) == 2


def test_one_that_lives_is_judged_by_its_sums(on_arm):
    """The real kernel in a real process."""
    assert survival.attempt("onednn-7-bits") is None
    assert products.ONEDNN_7_BITS.problem() == products._trial(products.ONEDNN_7_BITS)


def test_an_unknown_kernel_is_said_to_fail():
    assert survival.attempt("nobody") == "it ends the process that runs it (exit status 1)"


def test_where_processors_say_what_they_have_nobody_waits(monkeypatch):
    monkeypatch.setattr(survival.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(survival.subprocess, "run", lambda *_, **__: pytest.fail("a process was started"))
    assert survival.killer("onednn-8-bits") is None


@pytest.mark.parametrize("code,words", [(-11, "SIGSEGV"), (-99, "signal 99"), (3, "exit status 3")])
def test_endings_in_words(code: int, words: str):
    assert survival.ending(code) == words
