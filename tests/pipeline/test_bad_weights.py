"""Weights that are missing, damaged, foreign or of another shape: each is refused by name, none runs code, none is changed."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import f5lite
from f5lite.errors import F5liteError

Spoil = Callable[[Path], "dict[str, object] | None"]


def header(path: Path) -> tuple[dict, bytes]:
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def with_header(path: Path, table: dict, data: bytes) -> None:
    text = json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def edited(change: Callable[[dict], None]) -> Spoil:
    """The model's file with another header over the same bytes."""

    def spoil(folder: Path) -> None:
        path = folder / "model.safetensors"
        table, data = header(path)
        change(table)
        with_header(path, table, data)

    return spoil


def rewritten(change: Callable[[dict[str, torch.Tensor]], None], name: str = "model.safetensors") -> Spoil:
    """The file written again with other tensors; its configuration stays in the header."""

    def spoil(folder: Path) -> None:
        metadata = header(folder / name)[0].get("__metadata__")
        tensors = load_file(folder / name)
        change(tensors)
        save_file(tensors, folder / name, metadata)

    return spoil


def cut(keep: Callable[[int], int], name: str = "model.safetensors") -> Spoil:
    def spoil(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: keep(len(content))])

    return spoil


def configured(**values: object) -> Spoil:
    """Another configuration, given by hand."""

    def spoil(folder: Path) -> dict[str, object]:
        config = json.loads((folder / "config.json").read_text())
        config["dit"].update(values)
        (folder / "other.json").write_text(json.dumps(config))
        return {"config": str(folder / "other.json")}

    return spoil


def first(table: dict) -> dict:
    return next(value for key, value in table.items() if key != "__metadata__")


def named(tensors: dict, part: str) -> str:
    return next(key for key in tensors if part in key)


def drop(part: str) -> Callable[[dict], None]:
    return lambda tensors: tensors.pop(named(tensors, part))


def widen(tensors: dict) -> None:
    key = named(tensors, "proj_out.weight")
    tensors[key] = torch.zeros(tensors[key].shape[0], tensors[key].shape[1] + 1)


def pickled(content: object, name: str = "model.pt") -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / name).write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))

    return spoil


class Trap:
    """Would leave a file behind if it were unpickled."""

    def __reduce__(self) -> tuple:
        return (open, ("trap-sprung", "w"))


def torch_file(content: object) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        torch.save(content, folder / "model.pt")

    return spoil


def cut_torch_file(folder: Path) -> None:
    torch_file({"a": torch.zeros(99)})(folder)
    cut(lambda size: size // 2, "model.pt")(folder)


def write(name: str, content: bytes | str) -> Spoil:
    data = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(data) and None


SPOILT: dict[str, tuple[Spoil, str]] = {
    "missing": (lambda folder: (folder / "model.safetensors").unlink(), "weights"),
    "empty": (cut(lambda size: 0), "not a whole"),
    "seven bytes": (cut(lambda size: 7), "not a whole"),
    "cut in the header": (cut(lambda size: 200), "not a whole"),
    "cut in the data": (cut(lambda size: size // 2), "truncated"),
    "cut by one byte": (cut(lambda size: size - 1), "truncated"),
    "text instead": (write("model.safetensors", "once upon a time, there was no model in here"), "download it again"),
    "header of terabytes": (write("model.safetensors", struct.pack("<Q", 2**60) + b"{}"), "not a whole"),
    "header no table": (write("model.safetensors", struct.pack("<Q", 2) + b"[]"), "not a table"),
    "header not JSON": (write("model.safetensors", struct.pack("<Q", 4) + b"{{{{"), "JSON"),
    "header deeply nested": (write("model.safetensors", struct.pack("<Q", 10**5) + b"[" * 10**5), "JSON"),
    "unknown dtype": (edited(lambda table: first(table).update(dtype="F8_WILD")), "can't be read"),
    "negative offsets": (edited(lambda table: first(table).update(data_offsets=[-8, 0])), "contradicts"),
    "size against offsets": (edited(lambda table: first(table).update(shape=[3, 5, 7])), "contradicts"),
    "offsets past the end": (
        edited(lambda table: first(table).update(shape=[1], data_offsets=[10**12, 10**12 + 4])),
        "truncated",
    ),
    "tensors overlap": (edited(lambda table: first(table).update(shape=[2], data_offsets=[4, 12])), ""),
    "configuration not JSON": (edited(lambda table: table["__metadata__"].update({"f5lite.config": "{"})), "JSON"),
    "configuration of terabytes": (
        edited(lambda table: table["__metadata__"].update({"f5lite.config": '{"dit": {"dim": 1099511627776}}'})),
        "dim",
    ),
    "a tensor missing": (rewritten(drop("norm_out.linear.bias")), "lacks"),
    "a block missing": (rewritten(lambda t: [t.pop(k) for k in list(t) if "transformer_blocks" in k]), "transformer_blocks"),
    "a tensor too many": (rewritten(lambda t: t.update({"ema_model.transformer.extra.weight": torch.zeros(1)})), "extra"),
    "another shape": (rewritten(widen), "proj_out"),
    "the vocoder's file": (lambda folder: shutil.copy(folder / "vocoder.safetensors", folder / "model.safetensors") and None, ""),
    "another depth": (configured(depth=3), "1 transformer_blocks, the config says 3"),
    "another width": (configured(dim=64), "config"),
    "another text width": (configured(text_dim=64), "config"),
    "normed keys": (configured(qk_norm="rms_norm"), "q_norm"),
    "unknown key": (configured(colour="blue"), "colour"),
    "size in words": (configured(dim="wide"), "dim"),
    "no such configuration": (lambda folder: {"config": "F5TTS_v9"}, "F5TTS_v1_Base"),
    "no vocabulary": (lambda folder: (folder / "vocab.txt").unlink(), "vocab"),
    "vocabulary too long": (write("vocab.txt", "".join(f"{n}\n" for n in range(200))), "200 symbols"),
    "vocabulary not text": (write("vocab.txt", b"\xff\xfe\x00"), "vocabulary"),
    "no vocoder": (lambda folder: (folder / "vocoder.safetensors").unlink(), "griffin-lim"),
    "vocoder cut": (cut(lambda size: size - 9, "vocoder.safetensors"), "truncated"),
    "vocoder is a model": (
        lambda folder: shutil.copy(folder / "model.safetensors", folder / "vocoder.safetensors") and None,
        "Vocos",
    ),
    "vocoder lacks its head": (rewritten(drop("head.out.weight"), "vocoder.safetensors"), "head.out.weight"),
    "a pickle with code": (pickled({"model_state_dict": Trap()}), "refused"),
    "a pickle named safetensors": (pickled(pickle.dumps(Trap()), "model.safetensors"), ""),
    "a torch file with code": (torch_file({"model_state_dict": {"weight": Trap()}}), "refused"),
    "a torch file of something else": (torch_file([1, 2, 3]), "list"),
    "a torch file cut": (cut_torch_file, ""),
}  # fmt: skip


@pytest.fixture
def folder(small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "model"
    shutil.copytree(small_model, copy)
    monkeypatch.chdir(tmp_path)
    return copy


def contents(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()}


@pytest.mark.parametrize("name", SPOILT)
def test_bad_weights_are_refused_by_name(name: str, folder: Path) -> None:
    spoil, word = SPOILT[name]
    options = spoil(folder)
    options = options if isinstance(options, dict) else {}
    before = contents(folder)
    with pytest.raises(F5liteError) as caught:
        f5lite.load(folder, **options).speak("hello", steps=1, seed=0)
    message = str(caught.value)
    assert word in message
    assert len(message) > 30, "says what to do, too"
    assert contents(folder) == before
    assert not Path("trap-sprung").exists(), "code in the file was run"


def test_flipped_header_bytes_never_crash(folder: Path) -> None:
    """Any byte of the header, any value: the file loads or is refused; nothing else comes out."""
    path = folder / "model.safetensors"
    content = path.read_bytes()
    length = 8 + struct.unpack("<Q", content[:8])[0]
    draw = np.random.RandomState(5)
    refused = 0
    for _ in range(300):
        spoilt = bytearray(content)
        for _ in range(draw.randint(1, 4)):
            spoilt[draw.randint(length)] = draw.randint(256)
        path.write_bytes(spoilt)
        try:
            pipeline = f5lite.load(folder)
            with pipeline.text, pipeline.acoustic:
                pass
        except F5liteError:
            refused += 1
    assert refused > 100


def test_every_truncation_is_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    for keep in np.linspace(0, len(content) - 1, 60).astype(int):
        path.write_bytes(content[:keep])
        with pytest.raises(F5liteError):
            f5lite.load(folder)


def renamed(prefix: str) -> Callable[[Path, dict[str, torch.Tensor]], None]:
    """The same file with shorter keys."""
    return lambda path, tensors: save_file(
        {k.removeprefix(prefix): v for k, v in tensors.items()}, path / "model.safetensors"
    )


SAME: dict[str, Callable[[Path, dict[str, torch.Tensor]], None]] = {
    "bare": renamed("ema_model.transformer."),
    "transformer": renamed("ema_model."),
    "ema with step and old buffers": lambda path, t: save_file(
        {**t, "initted": torch.tensor(True), "step": torch.tensor(7), "ema_model.mel_spec.mel_stft.mel_scale.fb": torch.zeros(3)},
        path / "model.safetensors",
    ),
    "torch file": lambda path, t: torch.save({"ema_model_state_dict": t}, path / "model.pt"),
    "torch file, old format": lambda path, t: torch.save(
        {"model_state_dict": {k.removeprefix("ema_model."): v for k, v in t.items()}}, path / "model.pt",
        _use_new_zipfile_serialization=False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_the_same_weights_in_other_files_say_the_same(name: str, folder: Path, small_model: Path) -> None:
    spoken = f5lite.load(small_model).speak("hello", steps=1, seed=3).wave
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    SAME[name](folder, tensors)
    assert np.array_equal(f5lite.load(folder).speak("hello", steps=1, seed=3).wave, spoken)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_files_load_in_full(dtype: torch.dtype, folder: Path, small_model: Path) -> None:
    rewritten(lambda tensors: tensors.update({k: v.to(dtype) for k, v in tensors.items()}))(folder)
    spoken = f5lite.load(small_model).speak("hello", steps=1, seed=3)
    rounded = f5lite.load(folder).speak("hello", steps=1, seed=3)
    with f5lite.load(folder).acoustic as dit:
        assert dit.proj_out.weight.dtype == torch.float32
    assert rounded.mel.shape == spoken.mel.shape
    assert 0 < np.abs(rounded.mel - spoken.mel).max() < 0.05 * np.abs(spoken.mel).max()
