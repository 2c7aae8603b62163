"""The watcher of tensors: it sees what is made inside, and isn't fooled by views."""

from __future__ import annotations

import torch

from f5lite.shrink.attention import Chunked, Math
from f5lite.shrink.attention.largest import Largest
from tests.shrink.attention.inputs import drawn


def test_it_tells_the_whole_matrix_from_pieces() -> None:
    q, k, v = drawn([400], heads=2, dim_head=16)
    with Largest() as whole:
        Math()(q, k, v)
    with Largest() as pieces:
        Chunked(piece_bytes=4 * 400 * 20)(q, k, v)
    assert whole.elements == 2 * 400 * 400
    assert pieces.elements < whole.elements / 10


def test_views_count_as_what_they_hold() -> None:
    one = torch.zeros(10)
    with Largest() as seen:
        one.expand(1000, 10)
    assert seen.elements == 10
