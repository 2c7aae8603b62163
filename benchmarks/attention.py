"""Time, peak memory and share of a pass for each attention backend, 256 to 4096 frames, in one table and one picture.

    python -m benchmarks.attention [--rounds 7] [--lengths 256,512,…] [--json FILE] [--picture FILE.svg]

One block in the shape of F5TTS_v1_Base, the guided pair, float32. Backends take turns. Long lengths are timed on fewer heads
and computed for sixteen; peaks are measured on all sixteen where they fit the memory.
"""

from __future__ import annotations

import argparse
import base64
import json
from pathlib import Path
from statistics import median
from typing import Any

from f5lite.evidence import attention as costs
from f5lite.machine import card
from f5lite.shrink.attention import auto, predict
from f5lite.shrink.attention.timing import HEADS

COLUMNS = (
    "frames", "backend", "ms", "lower quartile", "peak MB, predicted", "peak MB, measured", "measured on heads",
    "share of a pass %", "of its operations %",
)  # fmt: skip
SHARE_UP_TO = 2048  # frames: a whole block at 4096 takes seconds


def peak_heads(name: str, frames: int) -> int:
    """All sixteen, but two where `math`'s matrix doesn't fit this machine."""
    return 2 if name == "math" and not costs.fits(frames, HEADS) else HEADS


def measure(lengths: tuple[int, ...], rounds: int) -> list[dict[str, Any]]:
    """The rows of the table, as dictionaries by column."""
    names = costs.worth_timing()
    rows = []
    for row in costs.times(lengths, names, rounds):
        heads = peak_heads(row.name, row.frames)
        share = median(costs.shares(row.frames, row.name, 3)) if row.frames <= SHARE_UP_TO else None
        values = (
            row.frames,
            row.name,
            row.milliseconds,
            1000 * auto.quartile(list(row.seconds)),
            row.predicted_mb,
            costs.peak_mb(row.name, row.frames, heads) * HEADS / heads,
            heads,
            share,
            100 * predict.share(row.frames),
        )
        rows.append(dict(zip(COLUMNS, values, strict=True)))
        print(" | ".join(cell(value) for value in values), flush=True)
    return rows


def cell(value: Any) -> str:
    if value is None:
        return "–"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def picture(rows: list[dict[str, Any]]) -> str:
    """Time against frames as SVG, both axes logarithmic."""
    from f5lite.lab.charts import lines
    from f5lite.lab.figure import still

    frames = sorted({row["frames"] for row in rows})
    names = dict.fromkeys(row["backend"] for row in rows)
    ys = {name: [row["ms"] for row in rows if row["backend"] == name] for name in names}
    figure = lines(
        frames, ys, title="Attention of one block", x_label="frames", y_label="ms", log_x=True, log_y=True
    )
    return base64.b64decode(still(figure.svg).split(",", 1)[1]).decode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--lengths", default=",".join(map(str, costs.LENGTHS)))
    parser.add_argument("--json")
    parser.add_argument("--picture")
    options = parser.parse_args()
    print(card())
    print(" | ".join(COLUMNS))
    rows = measure(tuple(int(n) for n in options.lengths.split(",")), options.rounds)
    calibration = auto.calibrated()
    for n in calibration["lengths"]:
        print(f"auto at {n}: {auto.choose(calibration, int(n), card().bf16_instructions).why}")
    if options.json:
        report = {"machine": card().to_dict(), "rows": rows, "calibration": calibration}
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if options.picture:
        Path(options.picture).write_text(picture(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
