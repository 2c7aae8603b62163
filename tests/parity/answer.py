"""Upstream's side of the live comparison, in a process of its own: `python -m tests.parity.answer SEED FOLDER`."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from tests.golden import answers, cases
from tests.parity import drawn, upstream


def main(seed: int, folder: Path) -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    theirs = upstream.load(inference=True)
    arrays: dict[str, np.ndarray] = {}
    for index in range(drawn.MODELS):
        arguments = drawn.model(seed, index)
        model, _ = answers.build(theirs, arguments, "live", seed, index)
        case, frames = drawn.one_pass(seed, index)
        name = f"{seed}/{index}"
        inputs = cases.pass_inputs(name, case, frames, arguments["text_num_embeds"])
        arrays[f"{index}/pass"] = answers.run_pass(model, inputs, case)
        sample = cases.sample_inputs(name, drawn.one_sample(seed, index), arguments["text_num_embeds"])
        arrays[f"{index}/sample"] = answers.run_sample(theirs, model, sample)[0]
        vocoder, _ = answers.vocos(theirs, drawn.vocos(seed, index), "live", seed, index)
        arrays[f"{index}/vocos"] = vocoder.decode(torch.from_numpy(cases.vocos_mel())).numpy()
    save_file(
        {key: np.ascontiguousarray(value) for key, value in arrays.items()}, folder / "arrays.safetensors"
    )
    texts = drawn.texts(seed)
    vocabulary = Path(sys.modules["f5_tts"].__path__[0]) / "infer" / "examples" / "vocab.txt"
    words = dict(
        vocabulary=str(vocabulary),
        tokens=answers.tokens(
            theirs, texts, answers.vocabulary(theirs, vocabulary.read_text(encoding="utf-8"))
        ),
        chunks=[
            [theirs.infer.chunk_text(text, max_chars=size) for size in drawn.chunk_bytes(seed)]
            for text in texts
        ],
    )
    (folder / "words.json").write_text(json.dumps(words), encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
