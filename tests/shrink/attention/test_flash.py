"""flash-attn: the stand-in's packed, half-precision world against `math`; the package itself where there is a card for it."""

from __future__ import annotations

import builtins
import sys

import pytest
import torch

from f5lite.errors import F5liteError
from f5lite.shrink.attention import Flash, backend, refusal
from f5lite.shrink.attention import flash as module
from tests.shrink.attention import standin_flash as standin
from tests.shrink.attention.inputs import HOLES, LENGTHS, drawn, error, mask_of, truth

DEVICES = [pytest.param("stand-in", id="stand-in"), pytest.param("stand-in before 2.7", id="before 2.7")]
if refusal() is None:
    DEVICES.append(pytest.param("cuda", id="the package"))


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the tensors go; on the CPU the stand-in is what `import flash_attn` finds."""
    if request.param == "cuda":
        return "cuda"
    unpad = standin.unpad_input if request.param == "stand-in" else standin.unpad_input_before_2_7
    for name, fake in standin.modules(unpad).items():
        monkeypatch.setitem(sys.modules, name, fake)
    return "cpu"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_agrees(device: str, lengths: list[int], dtype: torch.dtype) -> None:
    limit = 3e-3 if dtype == torch.float16 else 3e-2
    for rotated, kind in ((0, None), (None, "ends"), (1, HOLES)):
        q, k, v = (t.to(device, dtype) for t in drawn(lengths, rotated=rotated))
        mask = None if kind is None else mask_of(lengths, kind).to(device)
        found = Flash()(q, k, v, mask)
        assert found.shape == q.shape and found.dtype == dtype
        assert error(found, truth(q, k, v, mask), mask) < limit, (rotated, kind)
        if mask is not None:
            assert not found.transpose(1, 2)[~mask].any()


def test_a_batch_whose_longest_item_is_padded_too(device: str) -> None:
    """All items shorter than the tensor: packing must return to the tensor's length, not to the longest item's."""
    q, k, v = (t.to(device) for t in drawn([50, 50]))
    mask = torch.arange(50, device=device)[None] < torch.tensor([[31], [20]], device=device)
    found = Flash()(q, k, v, mask)
    assert found.shape == q.shape
    assert error(found, truth(q, k, v, mask), mask) < 3e-2


def test_a_whole_block(device: str) -> None:
    """Through the model's own attention layer, ragged: the mask and the layout as the model hands them over."""
    from f5lite.model.acoustic import Attention, rotary
    from f5lite.model.config import DiTConfig

    torch.manual_seed(0)
    layer = Attention(DiTConfig(dim=128, depth=1, heads=2, attn_mask_enabled=True, pe_attn_head=1)).to(device)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    x, mask = torch.randn(3, 45, 128, device=device), mask_of([45, 9, 20]).to(device)
    rope = rotary(45, 64, torch.device(device))
    with torch.inference_mode():
        wanted = layer(x, mask, rope)
        layer.backend = Flash()
        found = layer(x, mask, rope)
    assert ((found - wanted).abs().max() / wanted.abs().max()).item() < 3e-2


def test_the_stand_in_notices_a_wrong_layout() -> None:
    q, k, v = (t.bfloat16() for t in drawn([33, 20], heads=4))
    mixed = standin.flash_attn_func(q, k, v)  # b h n d instead of b n h d
    assert error(mixed, truth(q, k, v)) > 0.1
    with pytest.raises(AssertionError, match="fp16 and bf16"):
        standin.flash_attn_func(q.float(), k.float(), v.float())
    packed = [t.transpose(1, 2).flatten(0, 1) for t in (q, k, v)]
    with pytest.raises(AssertionError):
        standin.flash_attn_varlen_func(*packed, *[torch.tensor([0, 33], dtype=torch.int32)] * 2, 33, 33)


class TestRefused:
    def test_off_the_card(self) -> None:
        with pytest.raises(F5liteError, match="'flash_attn' is refused: .*NVIDIA.*on cpu.*attention='sdpa'"):
            backend("flash_attn", "cpu")

    def test_without_a_card(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert "finds none here" in (refusal() or "") and "finds none here" in (refusal("cuda") or "")

    def test_on_an_old_card(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (7, 5))
        assert "8.0, and this card has 7.5" in (refusal() or "")

    def test_without_the_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (9, 0))
        monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
        assert "pip install flash-attn" in (refusal() or "")

    def test_nothing_is_imported_to_find_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = builtins.__import__

        def no_flash(name: str, *rest, **more):
            assert not name.startswith("flash_attn")
            return real(name, *rest, **more)

        monkeypatch.setattr(builtins, "__import__", no_flash)
        refusal()
