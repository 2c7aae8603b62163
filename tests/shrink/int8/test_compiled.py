"""The cache of compiled seams: what is refused, what happens when several compile at once, and what when nobody can."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

import f5lite
from f5lite import machine
from f5lite.errors import F5liteError
from f5lite.evidence import workload
from f5lite.model import library
from f5lite.model.config import V1_BASE
from f5lite.shrink.int8 import auto, compiled, fused, products
from f5lite.shrink.int8.convert import convert
from f5lite.shrink.int8.fused import FusedBlock
from f5lite.shrink.int8.layers import Int8Linear
from f5lite.shrink.int8.seams import SEAMS, Shape
from tests.shrink.int8.conftest import needs_compiler

SHAPE, PRODUCT = Shape(64, 2, 32, 128), products.TORCH


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and a compiler that writes something at once."""
    monkeypatch.setenv("F5LITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(compiled, "_compile", written)
    card = machine.card()
    if card.compiler is None:
        monkeypatch.setattr(machine, "card", lambda: type(card)(**{**vars(card), "compiler": "c++"}))
    return tmp_path / "cache"


def written(shape: Shape, product: products.Product, folder: Path) -> None:
    for name in SEAMS:
        (folder / f"{name}.pt2").write_bytes(os.urandom(100))


def test_a_set_is_made_once_and_whole(cache: Path) -> None:
    assert "isn't compiled yet" in compiled.problem(SHAPE, PRODUCT)
    said: list[str] = []
    folder = compiled.build(SHAPE, PRODUCT, said.append)
    assert compiled.problem(SHAPE, PRODUCT) is None
    assert len(said) == 2 and "once for this machine" in said[0] and str(folder) in said[1]
    before = (folder / "mixed.pt2").read_bytes()
    assert compiled.build(SHAPE, PRODUCT, said.append) == folder and len(said) == 2
    assert (folder / "mixed.pt2").read_bytes() == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    if os.name == "posix":
        assert folder.stat().st_mode & 0o077 == 0, "for this user only"


@pytest.mark.parametrize("what", ["processor", "instruction_sets", "torch", "code", "vectors"])
def test_a_set_from_elsewhere_is_refused(cache: Path, what: str) -> None:
    """As in a container's image: the folder is there, with a file that says for whom."""
    folder = compiled.build(SHAPE, PRODUCT, print)
    made_for = json.loads((folder / compiled.MADE_FOR).read_text())
    made_for[what] = "another"
    (folder / compiled.MADE_FOR).write_text(json.dumps(made_for))
    assert f"another {what.replace('_', ' ')}" in compiled.problem(SHAPE, PRODUCT)
    with pytest.raises(F5liteError, match="compiled for another"):
        compiled.load(SHAPE, PRODUCT)
    compiled.build(SHAPE, PRODUCT, print)
    assert compiled.problem(SHAPE, PRODUCT) is None, "made again"


def test_another_processor_looks_elsewhere(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, card = compiled.place(SHAPE, PRODUCT), machine.card()
    monkeypatch.setattr(machine, "card", lambda: type(card)(**{**vars(card), "processor": "another"}))
    assert compiled.place(SHAPE, PRODUCT) != here
    assert compiled.place(Shape(64, 2, 32, 256), PRODUCT) != compiled.place(SHAPE, PRODUCT)
    assert compiled.place(SHAPE, products.ONEDNN_7_BITS) != compiled.place(SHAPE, PRODUCT)


def test_damage_is_found(cache: Path) -> None:
    folder = compiled.build(SHAPE, PRODUCT, print)
    raw = bytearray((folder / "turned.pt2").read_bytes())
    raw[7] ^= 1
    (folder / "turned.pt2").write_bytes(raw)
    assert compiled.problem(SHAPE, PRODUCT) == "turned.pt2 is damaged"
    (folder / "turned.pt2").unlink()
    assert compiled.problem(SHAPE, PRODUCT) == "turned.pt2 is missing"
    lines = (folder / compiled.SUMS).read_text().splitlines()
    (folder / compiled.SUMS).write_text("\n".join(lines[1:]))
    assert compiled.problem(SHAPE, PRODUCT) == "it isn't whole"
    (folder / compiled.SUMS).write_text("no checksums\n")
    assert compiled.problem(SHAPE, PRODUCT) is not None
    compiled.build(SHAPE, PRODUCT, print)
    assert compiled.problem(SHAPE, PRODUCT) is None


@pytest.mark.skipif(os.name != "posix", reason="permissions are posix")
def test_a_folder_that_others_can_write_is_refused(cache: Path) -> None:
    folder = compiled.build(SHAPE, PRODUCT, print)
    folder.chmod(0o777)
    assert "others can write" in compiled.problem(SHAPE, PRODUCT)


def test_several_at_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are compiling when the first is done: one set stays, and it is whole."""
    barrier = threading.Barrier(4)

    def together(shape: Shape, product: products.Product, folder: Path) -> None:
        written(shape, product, folder)
        barrier.wait(30)

    monkeypatch.setattr(compiled, "_compile", together)
    failures: list[Exception] = []

    def work() -> None:
        try:
            compiled.build(SHAPE, PRODUCT, lambda text: None)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and compiled.problem(SHAPE, PRODUCT) is None
    assert len(list((cache / "fused").iterdir())) == 1


def test_a_compiler_that_fails_says_why_and_leaves_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("F5LITE_CACHE", str(cache))
    card = machine.card()
    monkeypatch.setattr(machine, "card", lambda: type(card)(**{**vars(card), "compiler": "c++"}))
    monkeypatch.setitem(compiled.BY_NAME, "nothing", PRODUCT)
    nothing = products.Product("nothing that the child knows", products.int_mm)
    with pytest.raises(F5liteError, match="failed .*KeyError.*engine='auto'"):
        compiled.build(SHAPE, nothing, print)
    assert list((cache / "fused").iterdir()) == []


@pytest.fixture(scope="module")
def two_blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """v1 Base's width with two blocks, in int8, its modulation folded for 2 steps."""
    folder = tmp_path_factory.mktemp("v1") / "int8"
    convert(library.find(workload.prepare(V1_BASE.with_blocks(2))), folder, steps=2)
    return folder


def speak(folder: Path, **how: str) -> f5lite.Utterance:
    return f5lite.load(folder, **how).speak("hello there", seed=1)


def test_without_a_compiler_the_best_of_the_others_speaks(
    two_blocks: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    card = machine.card()
    monkeypatch.setattr(machine, "card", lambda: type(card)(**{**vars(card), "compiler": None}))
    monkeypatch.setattr(auto, "choice", lambda config, device="cpu": auto.unmeasured(device))
    with caplog.at_level(logging.WARNING):
        said = speak(two_blocks, engine="fused")
    assert np.isfinite(said.wave).all()
    assert "needs a C++ compiler" in caplog.text and "Going on with engine" in caplog.text


def test_fused_is_for_the_cpu(two_blocks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from f5lite.shrink.int8.load import _how

    with pytest.raises(F5liteError, match="doesn't run on cuda"):
        _how("fused", library.find(two_blocks).config, "cuda")


@needs_compiler
def test_every_residency_speaks_fused_with_weights_where_they_lie(
    two_blocks: Path, compiled_set: compiled.Set
) -> None:
    plain = speak(two_blocks, engine=fused.engine_of(compiled_set.product))
    said = {each: speak(two_blocks, engine="fused", residency=each) for each in ("resident", "streamed")}
    assert np.array_equal(said["resident"].wave, said["streamed"].wave)
    distance = np.linalg.norm(said["resident"].mel - plain.mel) / np.linalg.norm(plain.mel)
    assert distance < 0.02
    pipeline = f5lite.load(two_blocks, engine="fused")
    with pipeline.acoustic as dit:
        assert all(type(block) is FusedBlock for block in dit.transformer_blocks)
        source = library.find(two_blocks).weights.stat().st_size
        addresses = [m.weight.data_ptr() for m in dit.modules() if isinstance(m, Int8Linear)]
        assert max(addresses) - min(addresses) < source, "all in one map"


SPEAKS = """
import sys, f5lite
said = f5lite.load(sys.argv[1], engine="fused").speak("hello there", seed=1)
assert said.wave.size
from f5lite.shrink.int8.fused import FusedBlock
heavy = sorted(n for n in sys.modules if n.startswith(("torch._inductor", "torch._dynamo", "sympy.core")))
sys.exit(f"imported: {heavy[:3]}" if heavy else 0)
"""


@needs_compiler
def test_the_process_that_speaks_imports_no_compiler(
    two_blocks: Path, compiled_set: compiled.Set, tmp_path: Path
) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", SPEAKS, str(two_blocks)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    left = [path.name for path in tmp_path.iterdir()]
    for path in tmp_path.iterdir():
        shutil.rmtree(path, ignore_errors=True)
    assert not left, "nothing is left in the temporary folder"


@needs_compiler
def test_any_number_of_threads(compiled_set: compiled.Set) -> None:
    from f5lite.shrink.int8.seams import examples

    tensors = examples(fused.shape_of(V1_BASE.dit), compiled_set.product, 2, 200)["mixed"][0]
    before = torch.get_num_threads()
    try:
        answers = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            answers.append(compiled_set.run["mixed"](*tensors))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*answers, strict=True))


def test_code_that_cannot_be_loaded_is_an_error_with_a_reason(cache: Path) -> None:
    compiled.build(SHAPE, PRODUCT, print)
    with pytest.raises(F5liteError, match="can't be loaded"):
        compiled.load(SHAPE, PRODUCT)
