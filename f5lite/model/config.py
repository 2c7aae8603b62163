"""The shapes of an F5-TTS: the published ones, and any other that a file brings along.

Field names are upstream's (f5-tts, `model/backbones/dit.py`), so a published configuration can be used as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from f5lite.errors import F5liteError

LARGEST = 1 << 20  # no honest size in a configuration is above this; a hostile one asks for terabytes


def _checked(cls: type, values: Mapping[str, Any], what: str) -> dict[str, Any]:
    known = {f.name for f in fields(cls)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise F5liteError(
            f"{what} has the unknown key {unknown[0]!r}; known keys are {', '.join(sorted(known))}"
        )
    return dict(values)


def _sizes(config: object, names: tuple[str, ...], smallest: int = 1) -> None:
    for name in names:
        value = getattr(config, name)
        if isinstance(value, bool) or not isinstance(value, int) or not smallest <= value <= LARGEST:
            raise F5liteError(f"{name} must be a whole number from {smallest} to {LARGEST}, found {value!r}")


@dataclass(frozen=True)
class DiTConfig:
    """Text embedding and DiT together, as upstream's `DiT(...)` takes them."""

    dim: int = 1024
    depth: int = 22
    heads: int = 16
    dim_head: int = 64
    ff_mult: int = 2
    mel_dim: int = 100
    text_num_embeds: int = 2545
    text_dim: int = 512
    text_mask_padding: bool = True
    text_embedding_average_upsampling: bool = False
    conv_layers: int = 4
    qk_norm: str | None = None
    pe_attn_head: int | None = None
    attn_backend: str = "torch"
    attn_mask_enabled: bool = False
    long_skip_connection: bool = False

    def __post_init__(self) -> None:
        _sizes(
            self, ("dim", "depth", "heads", "dim_head", "ff_mult", "mel_dim", "text_num_embeds", "text_dim")
        )
        _sizes(self, ("conv_layers",), smallest=0)
        if self.qk_norm not in (None, "rms_norm"):
            raise F5liteError(f"qk_norm must be null or 'rms_norm', found {self.qk_norm!r}")
        if self.text_embedding_average_upsampling and not self.text_mask_padding:
            raise F5liteError("text_embedding_average_upsampling needs text_mask_padding: true")
        if self.dim % 16 or self.dim_head % 2:
            raise F5liteError(
                f"dim must be a multiple of 16 and dim_head even, found {self.dim} and {self.dim_head}"
            )
        if self.pe_attn_head is not None:
            _sizes(self, ("pe_attn_head",))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DiTConfig:
        return cls(**_checked(cls, values, "the DiT's configuration"))


@dataclass(frozen=True)
class VocosConfig:
    """The vocoder, as published: ConvNeXt backbone, inverse STFT head."""

    dim: int = 512
    intermediate_dim: int = 1536
    num_layers: int = 8

    def __post_init__(self) -> None:
        _sizes(self, ("dim", "intermediate_dim", "num_layers"))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> VocosConfig:
        return cls(**_checked(cls, values, "the vocoder's configuration"))


@dataclass(frozen=True)
class MelConfig:
    """Log mel spectrogram: HTK scale, no normalisation, magnitude, log of clamp(1e-5)."""

    sample_rate: int = 24_000
    n_fft: int = 1024
    hop_length: int = 256
    n_mels: int = 100

    def __post_init__(self) -> None:
        _sizes(self, ("sample_rate", "n_fft", "hop_length", "n_mels"))

    @property
    def frames_per_second(self) -> float:
        return self.sample_rate / self.hop_length

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MelConfig:
        return cls(**_checked(cls, values, "the mel configuration"))


@dataclass(frozen=True)
class ModelConfig:
    """All that a checkpoint needs to be read and spoken with.

    `tokenizer` is "pinyin" (upstream's: Chinese to pinyin, the rest by character) or "char".
    `lowercase` folds the text first. `reference_ending` goes between the reference's text and the new one.
    `chunk_seconds`: reference and new speech together are kept under it by cutting the text (upstream: 22 s).
    `guidance`: how strictly the text is followed when the caller doesn't say (upstream: 2). `temperature`: the standard
    deviation of the noise that speech is made from (upstream: 1); less makes a small model surer of its rhythm.
    """

    name: str = "custom"
    dit: DiTConfig = field(default_factory=DiTConfig)
    vocos: VocosConfig = field(default_factory=VocosConfig)
    mel: MelConfig = field(default_factory=MelConfig)
    tokenizer: str = "pinyin"
    lowercase: bool = False
    reference_ending: str = ". "
    chunk_seconds: float = 22.0
    guidance: float = 2.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if self.tokenizer not in ("pinyin", "char"):
            raise F5liteError(f"tokenizer must be 'pinyin' or 'char', found {self.tokenizer!r}")
        if not isinstance(self.chunk_seconds, int | float) or not 1 <= self.chunk_seconds <= 600:
            raise F5liteError(f"chunk_seconds must be from 1 to 600, found {self.chunk_seconds!r}")
        if not isinstance(self.guidance, int | float) or not 0 <= self.guidance <= 20:
            raise F5liteError(f"guidance must be from 0 to 20, found {self.guidance!r}")
        if not isinstance(self.temperature, int | float) or not 0 <= self.temperature <= 2:
            raise F5liteError(f"temperature must be from 0 to 2, found {self.temperature!r}")
        if self.mel.n_mels != self.dit.mel_dim:
            raise F5liteError(f"the DiT makes {self.dit.mel_dim} mels, the vocoder reads {self.mel.n_mels}")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelConfig:
        values = _checked(cls, values, "the configuration")
        parts = {"dit": DiTConfig, "vocos": VocosConfig, "mel": MelConfig}
        for key, part in parts.items():
            if key in values:
                values[key] = part.from_dict(values[key])
        return cls(**values)

    @classmethod
    def from_json(cls, text: str, where: str = "the configuration") -> ModelConfig:
        try:
            values = json.loads(text)
        except ValueError as error:
            raise F5liteError(f"{where} is not JSON ({error})") from error
        if not isinstance(values, dict):
            raise F5liteError(f"{where} must be a JSON object, found {type(values).__name__}")
        try:
            return cls.from_dict(values)
        except TypeError as error:
            raise F5liteError(f"{where} doesn't fit: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def with_blocks(self, blocks: int) -> ModelConfig:
        """The same width with another number of DiT blocks: what small machines measure."""
        return replace(self, dit=replace(self.dit, depth=blocks))


V1_BASE = ModelConfig(name="F5TTS_v1_Base")
V1_SMALL = ModelConfig(name="F5TTS_v1_Small", dit=DiTConfig(dim=768, depth=18, heads=12))
TINY = ModelConfig(
    name="tiny",
    dit=DiTConfig(
        dim=256,
        depth=8,
        heads=4,
        text_dim=128,
        text_num_embeds=33,
        text_embedding_average_upsampling=True,
        attn_mask_enabled=True,
    ),
    vocos=VocosConfig(dim=224, intermediate_dim=672, num_layers=6),
    tokenizer="char",
    lowercase=True,
    reference_ending=" ",
    chunk_seconds=8.0,
    guidance=1.0,
    temperature=0.25,
)
SHAPES: dict[str, ModelConfig] = {c.name: c for c in (V1_BASE, V1_SMALL, TINY)}
