"""Changing the backend: by argument, by `with`, by the configuration's key; and a whole utterance on each."""

from __future__ import annotations

import dataclasses
import json
import threading

import numpy as np
import pytest
import torch

import f5lite
from f5lite.errors import F5liteError
from f5lite.model.acoustic import DiT
from f5lite.model.config import DiTConfig, ModelConfig
from f5lite.shrink.attention import Chunked, Math, Sdpa, Switch, attention, backend, install, use


@pytest.fixture
def dit() -> DiT:
    torch.manual_seed(0)
    return DiT(
        DiTConfig(dim=32, depth=2, heads=2, dim_head=16, text_dim=16, text_num_embeds=9, conv_layers=0)
    )


def backends(dit: DiT) -> list[object]:
    return [block.attn.backend for block in dit.transformer_blocks]


def test_names() -> None:
    assert backend("torch") == backend("sdpa") == Sdpa()
    assert backend("chunked-bf16") == Chunked(torch.bfloat16)
    assert backend(Math()) == Math()
    for name in ("math", "sdpa", "sdpa-bf16", "chunked", "chunked-bf16", "auto"):
        assert backend(name).name == name
    with pytest.raises(F5liteError, match="no attention backend 'flash'.*flash_attn.*torch"):
        backend("flash")


def test_use_and_undo(dit: DiT) -> None:
    before = backends(dit)
    undo = use(dit, "math")
    assert backends(dit) == [Math()] * 2
    undo()
    assert backends(dit) == before
    with pytest.raises(F5liteError, match="Linear has no attention layer"):
        use(torch.nn.Linear(2, 2), "math")


def test_with_a_model(dit: DiT) -> None:
    before = backends(dit)
    with pytest.raises(RuntimeError), attention("chunked", dit):
        assert backends(dit) == [Chunked()] * 2
        raise RuntimeError
    assert backends(dit) == before
    other = torch.nn.Linear(2, 2)
    with pytest.raises(F5liteError), attention("chunked", dit, other):
        pass
    assert backends(dit) == before  # the first was put back when the second failed


def test_with_nothing_holds_for_switches_of_this_thread(dit: DiT) -> None:
    install(dit, "sdpa")
    switch = backends(dit)[0]
    assert isinstance(switch, Switch) and switch.name == "sdpa"
    seen = []
    with attention("math"):
        with attention("chunked"):
            assert switch.name == "chunked"
        with attention(None):
            assert switch.name == "math"
        thread = threading.Thread(target=lambda: seen.append(switch.name))
        thread.start()
        thread.join()
    assert switch.name == "sdpa" and seen == ["sdpa"]


@pytest.fixture(scope="module")
def tiny() -> f5lite.pipeline.Pipeline:
    from f5lite.pipeline import load

    return load("tiny")


class Counting(Math):
    """`math` that counts its calls and notes whether there was a mask."""

    calls = 0
    name = "counting"

    def __call__(self, q, k, v, mask=None):
        Counting.calls += 1
        return super().__call__(q, k, v, mask)


def test_the_pipeline_takes_it_by_argument(tiny) -> None:
    Counting.calls = 0
    tiny.speak("one", steps=2, seed=1, attention=Counting())
    assert Counting.calls == 2 * tiny.config.dit.depth
    with attention(Counting()):
        tiny.speak("one", steps=1, seed=1)
    assert Counting.calls == 3 * tiny.config.dit.depth
    tiny.speak("one", steps=1, seed=1)
    assert Counting.calls == 3 * tiny.config.dit.depth


def test_a_stream_leaves_nothing_behind_between_its_chunks(tiny) -> None:
    with tiny.acoustic as dit:
        switch = backends(dit)[0]
        for part in tiny.stream("one two", steps=1, seed=1, attention="math"):
            assert part.duration > 0 and switch.name == "sdpa"


def test_the_pipeline_takes_it_when_loading() -> None:
    with f5lite.load("tiny", attention="chunked").acoustic as dit:
        assert {b.name for b in backends(dit)} == {"chunked"}
    with pytest.raises(F5liteError, match="'flash_attn' is refused: .*on cpu"):
        f5lite.load("tiny", attention="flash_attn")


@pytest.mark.parametrize("key, wanted", [("torch", "sdpa"), ("chunked", "chunked")])
def test_the_configuration_key(tiny, key: str, wanted: str) -> None:
    config = tiny.config
    changed = dataclasses.replace(config, dit=dataclasses.replace(config.dit, attn_backend=key))
    again = ModelConfig.from_json(json.dumps(changed.to_dict()))
    files = dataclasses.replace(tiny.files, config=again)
    with type(tiny)(files).acoustic as dit:
        assert {b.name for b in backends(dit)} == {wanted}


def test_a_configuration_that_asks_for_flash_is_refused_before_anything_is_read(tiny) -> None:
    dit = dataclasses.replace(tiny.config.dit, attn_backend="flash_attn")
    files = dataclasses.replace(tiny.files, config=dataclasses.replace(tiny.config, dit=dit))
    with pytest.raises(F5liteError, match="'flash_attn' is refused.*attention='sdpa'"):
        type(tiny)(files)
    type(tiny)(files, attention="sdpa")  # the argument is stronger than the file


@pytest.mark.parametrize(
    "name, limit", [("math", 1e-4), ("chunked", 1e-4), ("sdpa-bf16", 0.25), ("chunked-bf16", 0.25)]
)
def test_a_whole_utterance_is_the_same_to_rounding(tiny, name: str, limit: float) -> None:
    """Four steps, the same seed. The mels are logarithms: 0.25 is 2 dB, in the weakest bands; in the mean far less."""
    options = dict(steps=4, seed=5)
    wanted = tiny.speak("the model speaks", **options)
    found = tiny.speak("the model speaks", attention=name, **options)
    difference = np.abs(found.mel - wanted.mel)
    assert found.mel.shape == wanted.mel.shape
    assert difference.max() < limit and difference.mean() < limit / 5


def test_a_batch_with_a_mask_is_the_same_to_rounding(tiny) -> None:
    """The bundled model looks at its mask; ragged items as `flow.sample` hands them over."""
    torch.manual_seed(0)
    frames, mask = 90, torch.arange(90)[None] < torch.tensor([[90], [41], [66]])
    x, cond = torch.randn(3, frames, 100), torch.randn(3, frames, 100)
    text = torch.randn(3, frames, tiny.config.dit.text_dim)
    with torch.inference_mode(), tiny.acoustic as dit:
        assert dit.transformer_blocks[0].attn.masked
        wanted = dit(x, cond, text, torch.tensor(0.3), mask)
        for name, limit in (("math", 1e-4), ("chunked", 1e-4), ("chunked-bf16", 0.1)):
            with attention(name):
                found = dit(x, cond, text, torch.tensor(0.3), mask)
            assert ((found - wanted)[mask].abs().max() / wanted[mask].abs().max()).item() < limit, name
