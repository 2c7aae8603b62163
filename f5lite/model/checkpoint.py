"""Reading F5-TTS weights, key by key, into an empty model: the peak is the model's own size.

Accepts upstream's safetensors and `.pt` files (keys under `ema_model.transformer.`, `transformer.` or bare, old mel
buffers ignored), in fp32, fp16 or bf16, and this package's own files, which carry their configuration in the header.
"""

from __future__ import annotations

import mmap
import os
import pickle
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from f5lite.errors import F5liteError
from f5lite.model.config import SHAPES, DiTConfig, ModelConfig
from f5lite.model.tensorfile import TensorFile

IGNORED = re.compile(
    r"^(initted|step|mel_spec\..*|.*rotary_embed\.inv_freq|.*freqs_cis|head\.istft\.window|feature_extractor\..*)$"
)
PICKLES = (".pt", ".pth", ".bin", ".ckpt")
CONFIG_KEY = "f5lite.config"


class Source(Protocol):
    """Tensors by key: a mapped safetensors file, or a torch checkpoint."""

    path: Path
    metadata: dict[str, str]

    def keys(self) -> list[str]: ...
    def view(self, key: str) -> torch.Tensor: ...
    def read(self, key: str, dtype: torch.dtype | None = None) -> torch.Tensor: ...


class PickleFile:
    """A `.pt` file, read with `weights_only=True`: tensors and plain containers, no code. Mapped where torch can."""

    def __init__(self, path: Path):
        self.path, self.metadata = path, {}
        try:
            try:
                whole = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            except RuntimeError:  # torch's old format can't be mapped
                whole = torch.load(path, map_location="cpu", weights_only=True)
        except FileNotFoundError as error:
            raise F5liteError(f"there is no file {path}") from error
        except pickle.UnpicklingError as error:
            raise F5liteError(
                f"{path} holds more than weights (Python objects that could run code); refused. Convert it to safetensors"
            ) from error
        except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
            raise F5liteError(
                f"{path} is not a whole torch checkpoint ({error}); download it again"
            ) from error
        for name in ("ema_model_state_dict", "model_state_dict", "state_dict"):
            if isinstance(whole, dict) and isinstance(whole.get(name), dict):
                whole = whole[name]
                break
        if not isinstance(whole, dict):
            raise F5liteError(f"{path} holds no table of weights, but a {type(whole).__name__}")
        self.tensors = {k: v for k, v in whole.items() if isinstance(v, torch.Tensor)}

    def keys(self) -> list[str]:
        return list(self.tensors)

    def view(self, key: str) -> torch.Tensor:
        return self.tensors[key]

    def read(self, key: str, dtype: torch.dtype | None = None) -> torch.Tensor:
        return self.tensors[key].to(dtype, copy=True)


class Checkpoint:
    """A file of weights under upstream's key names without their prefixes: `text_embed.…`, `transformer_blocks.…`."""

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        pickled = self.path.suffix.lower() in PICKLES
        self.source: Source = PickleFile(self.path) if pickled else TensorFile(self.path)
        self.names = {
            key.removeprefix("ema_model.").removeprefix("transformer."): key
            for key in self.source.keys()
            if not IGNORED.match(key.removeprefix("ema_model."))
        }

    def shape(self, name: str) -> tuple[int, ...]:
        source = self.source
        key = self.names[name]
        return source.entries[key].shape if isinstance(source, TensorFile) else tuple(source.view(key).shape)

    def tensor(self, name: str, dtype: torch.dtype | None = None, device: str = "cpu") -> torch.Tensor:
        """One tensor. A view of the file where dtype and device allow; else converted, without leaving the map's pages."""
        key, source = self.names[name], self.source
        kept = source.entries[key].dtype if isinstance(source, TensorFile) else source.view(key).dtype
        if device == "cpu" and dtype in (None, kept):
            return source.view(key)
        return source.read(key, dtype).to(device)

    def forget(self, names: Iterable[str]) -> None:
        """Give the map's pages of these tensors back to the system; a tensor that is still used reads them again."""
        if isinstance(self.source, TensorFile) and hasattr(mmap, "MADV_DONTNEED"):
            for name in names:
                entry = self.source.entries[self.names[name]]
                self.source.advise(entry.start, entry.stop, mmap.MADV_DONTNEED)

    def config(self) -> ModelConfig | None:
        """The configuration in the file's own header, if it has one."""
        text = self.source.metadata.get(CONFIG_KEY)
        return None if text is None else ModelConfig.from_json(text, f"the configuration in {self.path}")


def infer_config(checkpoint: Checkpoint) -> ModelConfig:
    """The configuration that a file's shapes tell; what they can't tell (padding mask, RoPE's heads) is as in v1."""
    try:
        wide = checkpoint.shape("input_embed.proj.weight")
        mels = checkpoint.shape("proj_out.weight")[0]
        vocabulary, text_dim = checkpoint.shape("text_embed.text_embed.weight")
        inner = checkpoint.shape("transformer_blocks.0.attn.to_q.weight")[0]
        widened = checkpoint.shape("transformer_blocks.0.ff.ff.0.0.weight")[0]
    except KeyError as error:
        raise F5liteError(
            f"{checkpoint.path} holds no F5-TTS weights: {error.args[0]!r} is missing"
        ) from error
    normed = "transformer_blocks.0.attn.q_norm.weight" in checkpoint.names
    dim_head = checkpoint.shape("transformer_blocks.0.attn.q_norm.weight")[0] if normed else 64
    dit = DiTConfig(
        dim=wide[0],
        depth=_count(checkpoint, "transformer_blocks"),
        heads=max(1, inner // dim_head),
        dim_head=dim_head,
        ff_mult=max(1, widened // wide[0]),
        mel_dim=mels,
        text_num_embeds=vocabulary - 1,
        text_dim=text_dim,
        conv_layers=_count(checkpoint, "text_embed.text_blocks"),
        qk_norm="rms_norm" if normed else None,
        long_skip_connection="long_skip_connection.weight" in checkpoint.names,
    )
    for shape in SHAPES.values():
        if shape.name != "tiny" and shape.dit == dit:
            return shape
    return ModelConfig(dit=dit)


def _count(checkpoint: Checkpoint, prefix: str) -> int:
    numbers = {
        int(m[1]) for name in checkpoint.names if (m := re.match(rf"{re.escape(prefix)}\.(\d+)\.", name))
    }
    return max(numbers, default=-1) + 1


def fill(
    module: nn.Module,
    checkpoint: Checkpoint,
    prefix: str = "",
    dtype: torch.dtype | None = torch.float32,
    device: str = "cpu",
) -> nn.Module:
    """Give every parameter of a module built on the meta device its tensor, one at a time."""
    _check_blocks(checkpoint, module, prefix)
    expected = dict(module.named_parameters())
    found = {
        n.removeprefix(prefix): n
        for n in checkpoint.names
        if n.startswith(prefix) and (prefix or not n.startswith("text_embed."))
    }
    if strange := sorted(set(found) - set(expected)):
        raise F5liteError(
            f"{checkpoint.path} has {prefix + strange[0]!r}, which the config has no place for; pass config=…"
        )
    for name, parameter in expected.items():
        if name not in found:
            raise F5liteError(
                f"{checkpoint.path} lacks {prefix + name!r}; is it another model? Pass config=…"
            )
        shape = checkpoint.shape(found[name])
        if shape != tuple(parameter.shape):
            raise F5liteError(
                f"{checkpoint.path}: {prefix + name!r} is {list(shape)}, the config says {list(parameter.shape)}; "
                "pass the config=… that belongs to it"
            )
        owner, _, leaf = name.rpartition(".")
        tensor = checkpoint.tensor(found[name], dtype, device)
        setattr(module.get_submodule(owner), leaf, nn.Parameter(tensor, requires_grad=False))
    return module.eval()


def _check_blocks(checkpoint: Checkpoint, module: nn.Module, prefix: str) -> None:
    for name in ("transformer_blocks", "text_blocks", "backbone.convnext"):
        try:
            wanted = len(module.get_submodule(name))
        except AttributeError:
            continue
        have = _count(checkpoint, prefix + name)
        if have != wanted:
            raise F5liteError(f"{checkpoint.path} has {have} {name}, the config says {wanted}; pass config=…")
