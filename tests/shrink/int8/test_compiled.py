"""Compiled seams: the numbers of uncompiled ones; what the cache refuses; several that compile at once; nobody who can."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import f5lite
from f5lite import compiler, machine
from f5lite.compiler import Compiler
from f5lite.errors import F5liteError
from f5lite.evidence import workload
from f5lite.model import library
from f5lite.model.config import V1_BASE
from f5lite.shrink.int8 import auto, compiled, fused, native, products
from f5lite.shrink.int8.convert import convert
from f5lite.shrink.int8.fused import FusedBlock
from f5lite.shrink.int8.layers import Int8Linear
from f5lite.shrink.int8.seams import SEAMS, Shape, examples
from tests.shrink.int8.conftest import agree, needs_compiler

SHAPE, PRODUCT = Shape(64, 2, 32, 128), products.TORCH


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and a compiler that writes something at once."""
    monkeypatch.setenv("F5LITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(native, "compile_seams", written)
    monkeypatch.setattr(compiler, "find", lambda: plain("c++"))
    return tmp_path / "cache"


def plain(path: str) -> Compiler:
    return Compiler((path,), (path,), path)


def written(_: Compiler, target: Path) -> None:
    target.write_bytes(os.urandom(100))


def test_a_set_is_made_once_and_whole(cache: Path) -> None:
    assert "isn't compiled yet" in compiled.problem(SHAPE)
    said: list[str] = []
    folder = compiled.build(said.append)
    assert compiled.problem(SHAPE) is None
    assert len(said) == 2 and "once for this machine" in said[0] and str(folder) in said[1]
    before = (folder / compiled.LIBRARY).read_bytes()
    assert compiled.build(said.append) == folder and len(said) == 2
    assert (folder / compiled.LIBRARY).read_bytes() == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    if os.name == "posix":
        assert folder.stat().st_mode & 0o077 == 0, "for this user only"


@pytest.mark.parametrize("what", ["processor", "instruction_sets", "torch", "code", "vectors"])
def test_a_set_from_elsewhere_is_refused(cache: Path, what: str) -> None:
    """As in a container's image: the folder is there, with a file that says for whom."""
    folder = compiled.build(print)
    made_for = json.loads((folder / compiled.MADE_FOR).read_text())
    made_for[what] = "another"
    (folder / compiled.MADE_FOR).write_text(json.dumps(made_for))
    assert f"another {what.replace('_', ' ')}" in compiled.problem(SHAPE)
    with pytest.raises(F5liteError, match="compiled for another"):
        compiled.load(SHAPE, PRODUCT)
    compiled.build(print)
    assert compiled.problem(SHAPE) is None, "made again"


def test_another_processor_looks_elsewhere(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, card = compiled.place(), machine.card()
    monkeypatch.setattr(machine, "card", lambda: type(card)(**{**vars(card), "processor": "another"}))
    assert compiled.place() != here


def test_damage_is_found(cache: Path) -> None:
    folder = compiled.build(print)
    raw = bytearray((folder / compiled.LIBRARY).read_bytes())
    raw[7] ^= 1
    (folder / compiled.LIBRARY).write_bytes(raw)
    assert compiled.problem(SHAPE) == "seams.so is damaged"
    (folder / compiled.LIBRARY).unlink()
    assert compiled.problem(SHAPE) == "seams.so is missing"
    lines = (folder / compiled.SUMS).read_text().splitlines()
    (folder / compiled.SUMS).write_text("\n".join(lines[1:]))
    assert compiled.problem(SHAPE) == "it isn't whole"
    (folder / compiled.SUMS).write_text("no checksums\n")
    assert compiled.problem(SHAPE) is not None
    compiled.build(print)
    assert compiled.problem(SHAPE) is None


@pytest.mark.skipif(os.name != "posix", reason="permissions are posix")
def test_a_folder_that_others_can_write_is_refused(cache: Path) -> None:
    folder = compiled.build(print)
    folder.chmod(0o777)
    assert "others can write" in compiled.problem(SHAPE)


def test_several_at_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are compiling when the first is done: one set stays, and it is whole."""
    barrier = threading.Barrier(4)

    def together(compiler: str, target: Path) -> None:
        written(compiler, target)
        barrier.wait(30)

    monkeypatch.setattr(native, "compile_seams", together)
    failures: list[Exception] = []

    def work() -> None:
        try:
            compiled.build(lambda text: None)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and compiled.problem(SHAPE) is None
    assert len(list((cache / "fused").iterdir())) == 1


@pytest.mark.skipif(os.name != "posix", reason="its compiler is a shell script")
def test_a_compiler_that_fails_says_why_and_leaves_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("F5LITE_CACHE", str(cache))
    broken = cache.parent / "c++"
    broken.write_text(
        "#!/bin/sh\necho 'seams.h:1: warning: hm' >&2\necho 'fatal error: no room' >&2\nexit 1\n"
    )
    broken.chmod(0o755)
    for path in (str(broken), str(cache / "nowhere")):
        monkeypatch.setattr(compiler, "find", lambda path=path: plain(path))
        with pytest.raises(F5liteError, match="failed .*(no room|NotFound).*engine='auto'"):
            compiled.build(print)
        assert list((cache / "fused").iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="its compiler is a shell script")
def test_what_a_compiler_refuses_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First threads beside torch's own, then the compiler's, then none; and vectors before no vectors."""
    picky, said = tmp_path / "c++", tmp_path / "said"
    picky.write_text(
        f'#!/bin/sh\necho "$@" >> {said}\ncase "$*" in *WITH_THREADS*|*march*|*mavx*|*mcpu*) exit 1;; esac\n'
        'for last; do :; done\nwhile [ "$1" != -o ]; do shift; done\ntouch "$2"\n'
    )
    picky.chmod(0o755)
    monkeypatch.setattr(native, "vectors", lambda: ["-march=native"])
    native.compile_seams(plain(str(picky)), tmp_path / "seams.so")
    assert (tmp_path / "seams.so").is_file() and not (tmp_path / "seams.o").exists()
    calls = said.read_text().splitlines()
    assert "-march=native" in calls[0] and "WITH_THREADS" in calls[0]
    assert "-march" not in calls[-2] and "WITH_THREADS" not in calls[-2] and calls[-1].startswith("-shared")


@needs_compiler
def test_the_library_needs_nothing_of_c_plus_plus(compiled_set: compiled.Set) -> None:
    """So that it can be linked without that library, and never meets another version of it in the process."""
    wanted = {"_Zn", "_Zd", "__cxa_throw", "__cxa_guard", "__gxx", "_ZNSt", "_ZSt", "_Unwind"}
    names = subprocess.run(
        ["nm", "-D", "--undefined-only", str(compiled.library())], capture_output=True, text=True, check=True
    ).stdout
    assert "malloc" in names
    assert not [line for line in names.splitlines() if any(word in line for word in wanted)]


@needs_compiler
@pytest.mark.parametrize(
    "product", [products.TORCH, products.ONEDNN_7_BITS, products.ONEDNN_UNSIGNED], ids=lambda p: p.name
)
@pytest.mark.parametrize(
    "shape", [fused.shape_of(V1_BASE.dit), SHAPE, Shape(48, 3, 16, 96)], ids=lambda shape: shape.key
)
def test_compiled_seams_give_the_numbers_of_uncompiled_ones(product: products.Product, shape: Shape) -> None:
    compiled.build()
    run, plain = compiled.load(shape, product).run, fused.uncompiled(product, shape).run
    assert set(run) == set(plain) == set(SEAMS)
    for items, frames in ((1, 1), (1, 7), (2, 64), (3, 130)):
        for name, given in examples(shape, product, items, frames, seed=1).items():
            agree(run[name], plain[name], given, name)


@needs_compiler
def test_tensors_that_lie_otherwise_are_read_as_they_are() -> None:
    """Heads before frames, as attention leaves them; half of a wider tensor."""
    compiled.build()
    run, shape = compiled.load(SHAPE, PRODUCT).run, (2, 9, SHAPE.heads, SHAPE.dim_head)
    x = torch.randn(2, SHAPE.heads, 9, 2 * SHAPE.dim_head)[..., : SHAPE.dim_head].transpose(1, 2)
    assert x.shape == shape and not x.is_contiguous()
    for found, wanted in zip(run["mixed"](x), run["mixed"](x.contiguous()), strict=True):
        assert torch.equal(found, wanted)
    wide = torch.randn(2, 9, SHAPE.dim, 2)
    shift, scale = torch.randn(2, 2, 1, SHAPE.dim).unbind()
    found, wanted = (run["opened"](each, shift, scale) for each in (wide[..., 0], wide[..., 0].contiguous()))
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_odd_widths_are_refused(cache: Path) -> None:
    shape = Shape(40, 2, 20, 80)
    assert "multiples of 16" in compiled.problem(shape)
    with pytest.raises(F5liteError, match="multiples of 16"):
        fused.build(replace(V1_BASE.dit, dim=48, heads=2, dim_head=24))
    compiled.build(print)
    assert compiled.problem(SHAPE) is None and "multiples of 16" in compiled.problem(shape)


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
    monkeypatch.setattr(compiler, "find", lambda: None)
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
    tensors = examples(fused.shape_of(V1_BASE.dit), compiled_set.product, 2, 200)["mixed"]
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
    compiled.build(print)
    with pytest.raises(F5liteError, match="can't be loaded"):
        compiled.load(SHAPE, PRODUCT)
