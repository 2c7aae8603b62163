"""Upstream's own DiT with its linear layers in int8, in a process with upstream's packages: prints errors by engine."""

from __future__ import annotations

import json

import torch

from f5lite.shrink.int8.engines import ENGINES
from f5lite.shrink.int8.layers import Int8Linear, apply, set_engine
from f5lite.shrink.int8.quantise import relative_error
from tests.parity import upstream


def wanted(name: str, layer: torch.nn.Linear) -> bool:
    return name.startswith("transformer_blocks.") and "attn_norm" not in name


def main() -> None:
    torch.manual_seed(0)
    sizes = dict(
        dim=64, depth=2, heads=2, dim_head=32, ff_mult=2, mel_dim=20, text_num_embeds=30, text_dim=32
    )
    model = upstream.load().DiT(**sizes, conv_layers=0).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, 0.0, 0.15)
    x, cond = torch.randn(2, 2, 24, 20).unbind()
    inputs = dict(
        x=x, cond=cond, text=torch.randint(0, 30, (2, 12)), time=torch.tensor([0.2, 0.7]), drop_audio_cond=False, drop_text=False
    )  # fmt: skip
    with torch.inference_mode():
        answer = model(**inputs)
        apply(model, ENGINES["reference"], wanted)
        found = {"layers": sum(isinstance(layer, Int8Linear) for layer in model.modules()), "errors": {}}
        for name, engine in ENGINES.items():
            if engine.problem() is None:
                set_engine(model, engine)
                found["errors"][name] = relative_error(answer, model(**inputs))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
