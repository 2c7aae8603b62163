"""Which files stand behind a model's name: bundled, published on the hub, a folder, or a single file of weights."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from f5lite.errors import F5liteError
from f5lite.model import hub
from f5lite.model.checkpoint import PICKLES, Checkpoint, infer_config
from f5lite.model.config import SHAPES, ModelConfig, VocosConfig
from f5lite.model.tokens import Vocabulary

BUNDLE = Path(__file__).parent.parent / "voices"
GRIFFIN_LIM = "griffin-lim"


@dataclass(frozen=True)
class Voice:
    """A reference clip and the text that it says."""

    name: str
    path: Path
    text: str


@dataclass(frozen=True)
class ModelFiles:
    """All that speaking with a model needs. `vocoder` None means Griffin-Lim."""

    config: ModelConfig
    weights: Path
    vocoder: Path | None
    vocabulary: Vocabulary


def bundled_voices(folder: Path = BUNDLE) -> dict[str, Voice]:
    """The reference voices that ship with the package, by name."""
    listed = json.loads((folder / "voices.json").read_text(encoding="utf-8"))
    return {name: Voice(name, folder / f"{name}.flac", entry["text"]) for name, entry in listed.items()}


def _config(wanted: str | ModelConfig | None, checkpoint: Checkpoint, beside: Path | None) -> ModelConfig:
    if isinstance(wanted, ModelConfig):
        return wanted
    if wanted is not None:
        if wanted in SHAPES:
            return SHAPES[wanted]
        path = Path(wanted)
        if not path.is_file():
            raise F5liteError(f"no config {wanted!r}: give one of {', '.join(SHAPES)}, or a JSON file")
        return ModelConfig.from_json(path.read_text(encoding="utf-8"), str(path))
    if (own := checkpoint.config()) is not None:
        return own
    if beside is not None and beside.is_file():
        return ModelConfig.from_json(beside.read_text(encoding="utf-8"), str(beside))
    return infer_config(checkpoint)


def _weights_in(folder: Path) -> Path:
    for name in ("model.safetensors", "acoustic.safetensors"):
        if (folder / name).is_file():
            return folder / name
    endings = (".safetensors", *PICKLES)
    found = sorted(p for p in folder.iterdir() if p.suffix in endings and not p.stem.startswith("vocoder"))
    if len(found) != 1:
        raise F5liteError(f"{folder} holds {len(found)} files of weights; name the one to load")
    return found[0]


def _vocoder_of(wanted: str | os.PathLike[str] | None, folder: Path, published: bool) -> Path | None:
    if wanted is not None:
        return None if str(wanted) == GRIFFIN_LIM else Path(wanted)
    for name in ("vocoder.safetensors", "vocos.safetensors"):
        if (folder / name).is_file():
            return folder / name
    if published:
        return hub.download(*hub.VOCOS)
    raise F5liteError(
        f"no vocoder beside {folder}; pass vocoder=FILE (Vocos weights), or vocoder={GRIFFIN_LIM!r}, which needs none"
    )


def vocos_config(checkpoint: Checkpoint) -> VocosConfig:
    """A vocoder's shape, read from its file."""
    try:
        dim = checkpoint.shape("backbone.embed.weight")[0]
        inner = checkpoint.shape("backbone.convnext.0.pwconv1.weight")[0]
    except KeyError as error:
        raise F5liteError(
            f"{checkpoint.path} holds no Vocos weights: {error.args[0]!r} is missing"
        ) from error
    return VocosConfig(
        dim, inner, len({n.split(".")[2] for n in checkpoint.names if n.startswith("backbone.convnext.")})
    )


def find(
    model: str | os.PathLike[str],
    *,
    vocab: str | os.PathLike[str] | None = None,
    vocoder: str | os.PathLike[str] | None = None,
    config: str | ModelConfig | None = None,
) -> ModelFiles:
    """The files of a model. `model`: "tiny" (bundled), a published name (from the hub), a folder, or a file of weights.

    vocab, vocoder, config override what is found beside the weights. F5liteError names what is missing.
    """
    vocabulary_file = None
    if str(model) == "tiny":
        weights = BUNDLE / "tiny" / "acoustic.safetensors"
    elif str(model) in hub.PUBLISHED:
        published = hub.PUBLISHED[str(model)]
        hub.licence_once(published.repository)
        weights = hub.download(published.repository, published.weights)
        vocabulary_file = None if vocab else hub.download(published.repository, published.vocabulary)
        config = config or str(model)
    elif (path := Path(model)).is_dir():
        weights = _weights_in(path)
    elif path.is_file():
        weights = path
    else:
        names = ", ".join(["tiny", *hub.PUBLISHED])
        raise F5liteError(f"no model {str(model)!r}: give one of {names}, or a folder or file of weights")
    folder = weights.parent
    checkpoint = Checkpoint(weights)
    settled = _config(config, checkpoint, folder / "config.json")
    vocabulary_file = Path(vocab) if vocab else vocabulary_file or folder / "vocab.txt"
    if not vocabulary_file.is_file():
        raise F5liteError(
            f"no vocab.txt beside {weights.name}; pass vocab=FILE (one symbol a line, the space first)"
        )
    vocabulary = Vocabulary.read(vocabulary_file, settled.tokenizer, settled.lowercase)
    if len(vocabulary) > settled.dit.text_num_embeds:
        raise F5liteError(
            f"{vocabulary_file} has {len(vocabulary)} symbols, the weights know {settled.dit.text_num_embeds}; "
            "pass the vocab=… that belongs to them"
        )
    sound = _vocoder_of(vocoder, folder, str(model) in hub.PUBLISHED)
    if sound is not None:
        settled = replace(settled, vocos=vocos_config(Checkpoint(sound)))
    return ModelFiles(settled, weights, sound, vocabulary)
