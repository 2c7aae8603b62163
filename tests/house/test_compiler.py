"""Which C++ compiler is taken, and that of the package: it makes a library that gives the numbers of another's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch

from f5lite import compiler
from f5lite.shrink.int8 import fused, native, products
from f5lite.shrink.int8.seams import Shape, examples
from tests.shrink.int8.conftest import agree


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CXX", raising=False)
    compiler.find.cache_clear()
    yield
    compiler.find.cache_clear()


def script(path: Path, says: str) -> Path:
    path.write_text(f"#!/bin/sh\necho '{says}'\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(os.name != "posix", reason="its compilers are shell scripts")
def test_the_variable_comes_first_then_the_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    usual, mine = script(tmp_path / "clang++", "clang 19"), script(tmp_path / "mine", "mine 1\nmore")
    monkeypatch.setenv("PATH", f"{tmp_path}")
    assert compiler.find() == compiler.Compiler((str(usual),), (str(usual),), f"{usual} (clang 19)")
    compiler.find.cache_clear()
    monkeypatch.setenv("CXX", str(mine))
    assert compiler.find().about == f"{mine} (mine 1)"


def test_without_one_it_is_the_packages_and_without_that_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = compiler.find()
    assert found is not None and "ziglang 0." in found.about and found.compile[1:] == ("c++",)
    compiler.find.cache_clear()
    monkeypatch.setattr(compiler, "PACKAGE", "no_such_package")
    assert compiler.find() is None


@pytest.mark.skipif(os.name != "posix", reason="its compiler is a shell script")
def test_a_compiler_that_doesnt_start_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "g++"
    broken.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(compiler, "PACKAGE", "no_such_package")
    assert compiler.find() is None


def test_the_packages_library_gives_the_same_numbers_and_leaves_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On several threads, for every seam."""
    monkeypatch.setenv("PATH", str(tmp_path))
    found = compiler.find()
    target = tmp_path / "made" / "library.so"
    target.parent.mkdir()
    native.compile_seams(found, target)
    assert list(target.parent.iterdir()) == [target]
    shape = Shape(64, 2, 32, 128)
    run = native.Native(target, products.TORCH, shape).run()
    plain = fused.uncompiled(products.TORCH, shape).run
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            for name, given in examples(shape, products.TORCH, 2, 65, seed=1).items():
                agree(run[name], plain[name], given, name)
    finally:
        torch.set_num_threads(before)
