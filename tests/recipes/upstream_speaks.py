"""Upstream's own classes speaking from the bundled files, in a process of its own: `… FOLDER` (reads inputs.npz)."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from tests.parity import upstream

BUNDLE = Path(__file__).resolve().parents[2] / "f5lite" / "voices" / "tiny"


def main(folder: Path) -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    theirs, config = upstream.load(), json.loads((BUNDLE / "config.json").read_text(encoding="utf-8"))
    symbols = {
        c: i for i, c in enumerate((BUNDLE / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1])
    }
    given = np.load(folder / "inputs.npz")
    shape = {key: value for key, value in config["dit"].items() if key not in ("pe_attn_head",)}
    model = theirs.CFM(theirs.DiT(**shape, dropout=0.0), mel_spec_kwargs={}, vocab_char_map=symbols).eval()
    weights = {name: value.float() for name, value in load_file(BUNDLE / "acoustic.safetensors").items()}
    print(model.load_state_dict(weights, strict=True))
    steps, seed = int(given["steps"]), int(given["seed"])
    with torch.inference_mode():
        made, _ = model.sample(
            torch.from_numpy(given["reference"])[None],
            [str(given["text"])],
            int(given["frames"]),
            steps=steps,
            cfg_strength=2.0,
            sway_sampling_coef=-1.0,
            seed=seed,
        )
        vocoder = vocos(theirs, config["vocos"])
        wave = vocoder.decode(made[:, int(given["spoken"]) :].transpose(1, 2).float())
    np.savez(folder / "made.npz", mel=made[0].numpy(), wave=wave[0].numpy())


def vocos(theirs, shape: dict) -> torch.nn.Module:
    """The vocos package's own classes with the bundled weights."""
    backbone = theirs.VocosBackbone(100, shape["dim"], shape["intermediate_dim"], shape["num_layers"])
    head = theirs.ISTFTHead(shape["dim"], 1024, 256, padding="center")
    model = theirs.Vocos(torch.nn.Identity(), backbone, head).eval()
    kept = {name: value.float() for name, value in load_file(BUNDLE / "vocoder.safetensors").items()}
    missing, unexpected = model.load_state_dict(kept, strict=False)
    assert not unexpected and set(missing) <= {"head.istft.window"}, (missing, unexpected)
    return model


if __name__ == "__main__":
    main(Path(sys.argv[1]))
