"""Runs upstream on every case of this folder and writes its answers beside it.

    PYTHONPATH=.upstream-env python -m tests.golden.make_golden        (from the repository's root)

`python -m tests.parity.environment` makes that folder; librosa is needed besides, to check the filter bank. Weights and
inputs aren't stored: seeded.py draws them again. Running it twice gives the same files.
"""

from __future__ import annotations

import json
import platform
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file

from tests.golden import answers, cases, mel_reference, seeded, speech, texts
from tests.parity import upstream as package

HERE = Path(__file__).parent


def thinned(values: np.ndarray) -> np.ndarray:
    """Every fourth channel of a mel, float32."""
    return np.ascontiguousarray(values[..., :: cases.KEPT], dtype=np.float32)


def passes(upstream: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    arrays: dict[str, np.ndarray] = {}
    models: dict[str, Any] = {}
    for shape in cases.SHAPES:
        model, drawn = answers.build(upstream, cases.shape(shape), "dit", shape)
        models[shape] = dict(
            arguments=cases.shape(shape),
            keys={k: list(v.shape) for k, v in sorted(drawn.items())},
            sha256=seeded.fingerprint(drawn),
        )
        for name, case in cases.PASSES.items():
            inputs = cases.pass_inputs(name, case)
            arrays[f"{shape}/{name}"] = thinned(answers.run_pass(model, inputs, case))
            if not case.get("packed"):
                arrays[f"{shape}/{name}/text"] = thinned(answers.text_embedding(model, inputs, case))
    return arrays, models


def samples(upstream: Any) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    for name, case in cases.SAMPLES.items():
        model, _ = answers.build(upstream, cases.shape(case["shape"]), "dit", case["shape"])
        out, trajectory = answers.run_sample(upstream, model, cases.sample_inputs(name, case))
        arrays[f"{name}/mel"] = thinned(out)
        arrays[f"{name}/trajectory"] = np.ascontiguousarray(trajectory[:, :, ::5, ::10])
    for steps in range(1, 41):
        for epss in (False, True):
            for sway in (None, -1.0, 0.4):
                key = f"grid/{steps}/{'epss' if epss else 'even'}/{sway}"
                if steps in (1, 5, 6, 7, 8, 10, 12, 16, 32, 40):
                    arrays[key] = answers.time_grid(upstream, steps, sway, epss)
    return arrays


def sounds(upstream: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    arrays = {
        f"mel/{name}": mel_reference.mel(wave).astype(np.float32) for name, wave in cases.waves().items()
    }
    check_mel_reference()
    models = {}
    for name, arguments in cases.VOCOS.items():
        model, drawn = answers.vocos(upstream, arguments, "vocos", name)
        arrays[f"vocos/{name}"] = model.decode(torch.from_numpy(cases.vocos_mel(2))).numpy()
        models[name] = dict(
            arguments=arguments,
            keys={k: list(v.shape) for k, v in sorted(drawn.items())},
            sha256=seeded.fingerprint(drawn),
        )
    return arrays, models


def check_mel_reference() -> None:
    """The filter bank written here is librosa's, and so is the whole analysis."""
    import librosa

    theirs = librosa.filters.mel(sr=24000, n_fft=1024, n_mels=100, htk=True, norm=None, dtype=np.float64)
    np.testing.assert_allclose(mel_reference.filter_bank(), theirs, atol=1e-10)
    wave = cases.waves()["chord"].astype(np.float64)
    spectrum = np.abs(
        librosa.stft(wave, n_fft=1024, hop_length=256, window="hann", center=True, pad_mode="reflect")
    )
    np.testing.assert_allclose(
        mel_reference.mel(wave), np.log(np.maximum(theirs @ spectrum, 1e-5)), atol=1e-6
    )


def words(upstream: Any) -> dict[str, Any]:
    import f5_tts

    content = (Path(f5_tts.__path__[0]) / "infer" / "examples" / "vocab.txt").read_text(encoding="utf-8")
    full = answers.vocabulary(upstream, content)
    tokenized = answers.tokens(upstream, texts.TOKENIZED, full)
    used = sorted({s for answer in tokenized for s in answer["symbols"]} & set(full), key=full.__getitem__)
    small = "".join(
        f"{symbol}\n" for symbol in [" ", "a", "b", "a", "ni3", "#", "b"]
    )  # repeated lines: the last one counts
    return dict(
        vocabulary=dict(size=len(full), used={symbol: full[symbol] for symbol in used}),
        repeated=dict(content=small, map=answers.vocabulary(upstream, small)),
        tokens=tokenized,
        chunks=[
            dict(text=text, max_bytes=size, chunks=upstream.infer.chunk_text(text, max_chars=size))
            for text in texts.LONG
            for size in texts.CHUNK_BYTES
        ],
        endings={text: speech.ending(upstream, text) for text in speech.ENDINGS},
    )


def handling(upstream: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    arrays: dict[str, np.ndarray] = {}
    notes: dict[str, Any] = dict(requests={}, clips={})
    for name, case in speech.REQUESTS.items():
        answer = speech.request(upstream, name, case)
        wave = answer.pop("wave")
        arrays[f"wave/{name}"] = np.ascontiguousarray(wave[:: speech.STRIDE])
        notes["requests"][name] = dict(answer, samples=len(wave))
    for name, case in speech.CLIPS.items():
        answer = speech.prepared(upstream, name, case)
        found = answer.pop("samples")
        arrays[f"clip/{name}"] = np.ascontiguousarray(found[:: 2 * speech.STRIDE])
        notes["clips"][name] = dict(answer, samples=len(found), channels=found.shape[1])
    return arrays, notes


def by_line(value: Any, depth: int = 2) -> str:
    """JSON with one entry of the upper levels a line: small, and a change shows as a line."""
    if depth == 0 or not isinstance(value, dict | list) or not value:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[\n" + ",\n".join(by_line(item, 0) for item in value) + "\n]"
    return (
        "{\n"
        + ",\n".join(
            f"{json.dumps(k, ensure_ascii=False)}: {by_line(v, depth - 1)}" for k, v in value.items()
        )
        + "\n}"
    )


def write(name: str, arrays: dict[str, np.ndarray] | None, notes: Any = None) -> None:
    if arrays is not None:
        save_file(dict(sorted(arrays.items())), HERE / f"{name}.safetensors")
    if notes is not None:
        (HERE / f"{name}.json").write_text(by_line(notes) + "\n", encoding="utf-8")


def main() -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    upstream = package.load(inference=True)
    made_with = {
        name: version(name)
        for name in ("f5-tts", "vocos", "torch", "x-transformers", "torchdiffeq", "numpy", "pydub")
    }
    write("passes", *passes(upstream))
    write("samples", samples(upstream))
    write("sounds", *sounds(upstream))
    write("handling", *handling(upstream))
    write("words", None, words(upstream))
    write("made_with", None, dict(made_with, python=platform.python_version(), machine=platform.machine()))
    for path in sorted(HERE.glob("*.safetensors")) + sorted(HERE.glob("*.json")):
        print(f"{path.name:24} {path.stat().st_size / 1e3:8.1f} kB")


if __name__ == "__main__":
    main()
