"""The process that compiles: python -m f5lite.shrink.int8.compiler FOLDER PRODUCT DIM HEADS DIM_HEAD WIDE SEAM …

It alone imports torch's compiler, and writes FOLDER/SEAM.pt2. See `compiled.build`, which starts it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

from f5lite.shrink.int8.compiled import BY_NAME
from f5lite.shrink.int8.products import Product
from f5lite.shrink.int8.seams import Shape, examples, seams

MOST_ITEMS, MOST_FRAMES = 64, 65536


# Where a costly step is needed twice (the largest number, then the values), its result is kept instead of worked out again:
# 4.4 ms instead of 9.0 for `widened` on one core with AVX2.
KEEP = {"realize_opcount_threshold": 5, "realize_reads_threshold": 1, "realize_acc_reads_threshold": 1}
COSTLY = ("opened", "mixed", "widened")


def options(name: str) -> dict[str, object]:
    """For any number of threads; and no wider vectors than torch itself was told to use."""
    chosen: dict[str, object] = {"cpp.dynamic_threads": True, **(KEEP if name in COSTLY else {})}
    widths = {"avx2": 256, "default": 1}
    if (level := os.environ.get("ATEN_CPU_CAPABILITY", "").lower()) in widths:
        chosen["cpp.simdlen"] = widths[level]
    return chosen


def compile_seam(name: str, product: Product, shape: Shape, path: Path) -> None:
    """Export one seam with free items and frames, and write its package."""
    from torch._inductor import aoti_compile_and_package

    items = torch.export.Dim("items", min=1, max=MOST_ITEMS)
    frames = torch.export.Dim("frames", min=2, max=MOST_FRAMES)
    free = {"x": {0: items, 1: frames}, "m": {0: items}, "n": {0: frames}, "-": {}}
    tensors, kinds = examples(shape, product)[name]
    with torch.inference_mode():
        program = torch.export.export(
            seams(product, shape)[name], tensors, dynamic_shapes=tuple(free[kind] for kind in kinds)
        )
        aoti_compile_and_package(program, package_path=str(path), inductor_configs=options(name))


def main(arguments: list[str]) -> None:
    folder, product, *rest = arguments
    shape = Shape(*(int(each) for each in rest[:4]))
    for name in rest[4:]:
        compile_seam(name, BY_NAME[product], shape, Path(folder) / f"{name}.pt2")


if __name__ == "__main__":
    main(sys.argv[1:])
