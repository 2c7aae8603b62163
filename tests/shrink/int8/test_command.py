"""`f5lite engines` as a user types it, with a measurement that costs nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from f5lite.cli import main
from f5lite.errors import F5liteError
from f5lite.shrink.int8 import auto, best_product, compiled


@pytest.fixture(autouse=True)
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What was measured: with compiled code or without."""
    monkeypatch.setenv("F5LITE_CACHE", str(tmp_path))
    seen: list[bool] = []

    def now(config: object, product: object) -> dict:
        seen.append(product is not None)
        seconds = {"reference": 0.13, "onednn": 0.085} | ({"fused": 0.07} if product else {})
        errors = {"reference": 0.0, "onednn": 0.03, "bf16": 0.003} | ({"fused": 0.03} if product else {})
        return {"seconds": seconds, "errors": errors, "dropped": {"bf16": 8.0}, "frames": 512}

    def none(say: object) -> None:
        raise F5liteError("no compiler in these tests")

    monkeypatch.setattr(auto, "_in_a_process", now)
    monkeypatch.setattr(compiled, "build", none)
    return seen


def test_it_shows_the_table_and_says_why(made_up: list[bool], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines"]) == 0
    out = capsys.readouterr().out
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}
    assert lines["onednn"] == ["85.0", "3.00%"] and lines["bf16"] == ["–", "0.30%"]
    assert "auto takes onednn" in out and "f5lite engines --compile" in out
    assert main(["engines"]) == 0 and len(made_up) == 1, "kept"
    assert main(["engines", "--refresh"]) == 0 and len(made_up) == 2


def test_what_was_compiled_is_measured_and_json_is_one_object(
    made_up: list[bool], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    product = auto.engines.ENGINES["onednn"].product

    def ready(config: object) -> None:
        monkeypatch.setattr(auto, "usable", lambda config: product)

    monkeypatch.setattr(best_product, "ready", ready)
    assert main(["engines", "--compile", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert made_up == [True], "once, with what was compiled"
    assert told["name"] == "fused" and told["seconds"]["fused"] == 0.07 and told["machine"]["cores"] >= 1


def test_with_a_compiler_the_first_measurement_knows_compiled_code(
    made_up: list[bool], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        compiled, "build", lambda say: monkeypatch.setattr(compiled, "problem", lambda shape: None)
    )
    assert main(["engines"]) == 0 and made_up == [True]
    out = capsys.readouterr().out
    assert "auto takes fused" in out and "--compile" not in out


def test_an_unknown_shape(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines", "--shape", "huge"]) == 2
    assert "there are" in capsys.readouterr().err
