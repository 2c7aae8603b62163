"""Made-up rows and a made-up machine: what table and picture are tested with."""

from __future__ import annotations

from typing import Any

from benchmarks.rows import Key, Row, timed
from benchmarks.variants import FP32, UPSTREAM


def row(
    variant: str, seconds: float, *, frames: int = 512, threads: int = 2, family: str = "peer", **more: Any
) -> Row:
    """A pass with five repeats, two per cent apart; fp32 takes 3 s at 512 frames on two threads."""
    base = 3.0 * frames / 512 * 2 / threads
    repeats = [seconds * (0.98 + 0.01 * number) for number in range(5)]
    facts = dict(peak_rss_mb=1400.0, peak_anonymous_mb=1300.0, relative_error=0.01, family=family) | more
    return timed(Key("pass", variant, frames, threads), repeats, [base] * 5, **facts)


def rows() -> list[Row]:
    found = [
        row(FP32, 3.0, family="f5lite", relative_error=None),
        row("f5lite int8, onednn", 1.5, family="f5lite", peak_rss_mb=250.0, peak_anonymous_mb=80.0),
        row(UPSTREAM, 3.2, family="upstream"),
        row(
            "vox-tts q8",
            4.0,
            peak_rss_mb=550.0,
            peak_anonymous_mb=96.0,
            relative_error=None,
            note="whole | model",
        ),
        row("f5lite fp32, attention math", 3.4, family="f5lite"),
        row("f5lite fp32, attention chunked", 2.9, family="f5lite"),
        Row(
            "pass",
            "optimum-quanto int8 weights",
            512,
            2,
            unavailable="can't be installed: no | wheel",
            family="peer",
        ),
    ]
    for frames in (256, 1024):
        for threads in (1, 2):
            found.append(
                row(FP32, 6.0 * frames / 512 / threads, frames=frames, threads=threads, family="f5lite")
            )
    return found


def whole() -> dict[str, Any]:
    """What `report.collected` gives, made up."""
    limit = {"rate": 1.8e11, "by": "torch.mm", "all": {"torch.mm": 1.8e11}}
    return {
        "machine": {"processor": "A processor <&>", "cores": 2, "instruction_sets": ["AVX2"], "torch": "2", "python": "3"},
        "written": "2026-01-02T03:04:05Z",
        "model": "made up",
        "note": "",
        "code": "0",
        "operations": {"256": 2e11, "512": 4e11, "1024": 9e11},
        "pass_weights": 190_000_000,
        "rows": [each.to_dict() for each in rows()],
        "roofline": {"2": {"threads": 2, "fp32": limit, "bf16": None, "int8": {**limit, "rate": 3.4e11}, "copy_bytes": 1.4e10}},
        "parts": [
            {"variant": FP32, "frames": frames, "threads": 2, "operators": [],
             "parts": {"products": 70.0, "attention": share, "convolutions": 5.0, "rest": 25.0 - share}}
            for frames, share in ((256, 6.0), (512, 10.0))
        ],
    }  # fmt: skip
