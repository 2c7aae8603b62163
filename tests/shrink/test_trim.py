"""Freed memory: given back, or kept while the same work is repeated."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import textwrap

import pytest

from f5lite.shrink import trim

glibc = pytest.mark.skipif(trim._mallopt() is None, reason="no glibc, or its allocator is set up already")

WORK = """
import resource
from contextlib import nullcontext

import torch

from f5lite.shrink import trim


def work():
    for _ in range(20):
        parts = [torch.ones(2_000_000) for _ in range(6)]  # 8 MB each
        del parts


def faults(context):
    with context:
        work()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        work()
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


if setting := trim._mallopt():  # a process that has had small blocks only
    setting(trim.MMAP_THRESHOLD, 1 << 20)
    setting(trim.TRIM_THRESHOLD, 1 << 20)
usual = faults(nullcontext())
print(faults(trim.kept()), usual)
"""


def run(**environment: str) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WORK)], capture_output=True, text=True, check=True,
        env=os.environ | environment,
    )  # fmt: skip
    kept, usual = map(int, done.stdout.split())
    return kept, usual


@glibc
def test_kept_memory_is_not_faulted_in_again():
    kept, usual = run()
    assert kept < usual / 10


@glibc
def test_the_users_own_settings_stand():
    """With every large block mapped by itself nothing can be kept: `kept` must not have changed that."""
    kept, _ = run(MALLOC_MMAP_THRESHOLD_="100000", MALLOC_TRIM_THRESHOLD_="100000")
    assert kept > 20 * 6 * 8_000_000 / resource.getpagesize() / 4


@glibc
def test_the_last_that_leaves_gives_back(monkeypatch):
    said = []
    monkeypatch.setattr(trim, "_mallopt", lambda: lambda *setting: said.append(setting))
    monkeypatch.setattr(trim, "give_back", lambda collect: said.append("given back"))
    with trim.kept():
        with pytest.raises(ValueError), trim.kept():
            raise ValueError
        assert said == [(trim.MMAP_THRESHOLD, trim.HEAP_BYTES), (trim.TRIM_THRESHOLD, trim.KEPT_BYTES)]
    assert said[2:] == [
        (trim.TRIM_THRESHOLD, trim.USUAL_BYTES),
        "given back",
    ]


def test_without_glibc_nothing_happens(monkeypatch):
    monkeypatch.setattr(trim, "_mallopt", lambda: None)
    with trim.kept():
        assert trim._users == 0
