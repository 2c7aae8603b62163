"""What loading costs: the weights that are asked for and hardly more, as they lie in the file or converted."""

from __future__ import annotations

from pathlib import Path

import pytest

from f5lite.memory import meter

MB = 1e6


def load_and_use(folder: str, dtype: str) -> float:
    """Load all three stages and read every weight once, as a first sentence would. Bytes of the parameters."""
    import torch

    from f5lite.pipeline import load

    pipeline = load(folder, dtype=getattr(torch, dtype))
    held = 0
    with pipeline.text as text, pipeline.acoustic as acoustic, pipeline.vocoder as vocoder:
        for module in (text, acoustic, vocoder):
            for parameter in module.parameters():
                # min() reads every element and makes no copy, of any dtype
                assert torch.isfinite(parameter.min())
                held += parameter.numel() * parameter.element_size()
    return held


@pytest.mark.measures
@pytest.mark.slow
def test_full_size_file_loads_within_its_own_size(v1_base_synthetic: Path) -> None:
    size = sum(path.stat().st_size for path in v1_base_synthetic.glob("*.safetensors"))
    assert size > 1.39e9, "v1 Base and its vocoder"
    measured = meter.isolated(load_and_use, str(v1_base_synthetic), "float32")
    assert measured.result > 0.999 * size
    assert 0.9 * size / MB < measured.peak_rss_mb <= 1.05 * size / MB


@pytest.mark.measures
@pytest.mark.slow
def test_half_precision_never_holds_the_full_one(v1_base_synthetic: Path) -> None:
    """fp32 in the file, bf16 in memory: each tensor is converted while it is read."""
    measured = meter.isolated(load_and_use, str(v1_base_synthetic), "bfloat16")
    assert measured.result < 0.55 * sum(
        path.stat().st_size for path in v1_base_synthetic.glob("*.safetensors")
    ), "the vocoder stays in fp32, the rest is half"
    assert 0.9 * measured.result / MB < measured.peak_rss_mb <= 1.05 * measured.result / MB


def compiler_modules(folder: str) -> list[str]:
    import sys

    load_and_use(folder, "float32")
    return sorted(
        {name.split(".")[1] for name in sys.modules if name.startswith(("torch._dynamo", "torch._inductor"))}
    )


def test_loading_does_not_import_torchs_compiler(small_model: Path) -> None:
    """800 modules, 70 MB and seconds, for a random start that nobody needs: it once came with the embedding table."""
    assert meter.isolated(compiler_modules, str(small_model)).result == []
