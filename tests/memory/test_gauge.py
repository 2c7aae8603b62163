"""The live reading in simulated file systems: v1, v2, nested, unlimited, MEM_LIMIT and none; and on this machine."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from f5lite.memory.gauge import Gauge

GB = 1 << 30
UNLIMITED_V1 = 9223372036854771712


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def machine(available: int = 12 * GB) -> dict[str, str]:
    return {
        "proc/meminfo": f"MemTotal: {16 * GB // 1024} kB\nMemAvailable: {available // 1024} kB\n",
        "proc/pressure/memory": "some avg10=1.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00\n",
    }


def v2(path: str) -> dict[str, str]:
    return {
        "proc/self/cgroup": f"0::{path}\n",
        "proc/self/mountinfo": "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n",
    }


def v2_group(path: str, limit: str, used: int, inactive: int, pressure: str = "") -> dict[str, str]:
    base = f"sys/fs/cgroup{path}"
    files = {
        f"{base}/memory.max": f"{limit}\n",
        f"{base}/memory.current": f"{used}\n",
        f"{base}/memory.stat": f"anon 5\ninactive_file {inactive}\n",
        f"{base}/cgroup.type": "domain\n",
    }
    if pressure:
        files[f"{base}/memory.pressure"] = pressure
    return files


def v1(path: str, limit: int, used: int, inactive: int) -> dict[str, str]:
    base = f"sys/fs/cgroup/memory{path}"
    return {
        "proc/self/cgroup": f"4:memory:{path}\n0::/\n",
        "proc/self/mountinfo": "31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
        f"{base}/memory.limit_in_bytes": f"{limit}\n",
        f"{base}/memory.usage_in_bytes": f"{used}\n",
        f"{base}/memory.stat": f"cache 1\ninactive_file 7\ntotal_inactive_file {inactive}\n",
    }


def reading(root: Path, environ: dict[str, str] | None = None):
    gauge = Gauge(root, environ or {})
    try:
        return gauge.read()
    finally:
        gauge.close()


def test_v2_counts_droppable_file_pages_as_free(tmp_path):
    own = "some avg10=25.00 avg60=0.00 avg300=0.00 total=9\n"
    files = machine() | v2("/pod") | v2_group("/pod", str(2 * GB), GB, GB // 2, own)
    found = reading(write(tmp_path, files))
    assert (found.limit, found.limit_source) == (2 * GB, "cgroup v2")
    assert found.available == 2 * GB - GB + GB // 2
    assert found.pressure == 0.25 and found.pressure_source == "this container's own"


def test_nested_v2_takes_the_tightest_group_on_the_way_up(tmp_path):
    files = (
        machine()
        | v2("/pod/box")
        | v2_group("/pod/box", str(4 * GB), GB, 0)
        | v2_group("/pod", str(2 * GB), 2 * GB - 5000, 1000)
    )
    found = reading(write(tmp_path, files))
    assert found.limit == 2 * GB
    assert found.available == 6000


def test_v1_uses_the_hierarchical_figures(tmp_path):
    found = reading(write(tmp_path, machine() | v1("/docker/abc", GB, GB // 2, 4096)))
    assert (found.limit, found.limit_source) == (GB, "cgroup v1")
    assert found.available == GB // 2 + 4096
    assert found.pressure == 0.015 and found.pressure_source == "the whole machine's"


@pytest.mark.parametrize(
    "files",
    [v1("/x", UNLIMITED_V1, GB, 0), v2("/pod") | v2_group("/pod", "max", GB, 0), {}],
    ids=["v1", "v2", "none"],
)
def test_without_a_limit_the_machine_counts(tmp_path, files):
    found = reading(write(tmp_path, machine(3 * GB) | files))
    assert (found.limit, found.limit_source) == (16 * GB, "physical")
    assert found.available == 3 * GB
    assert found.share_available == pytest.approx(3 / 16)


def test_mem_limit_comes_first_and_counts_this_process_where_no_group_does(tmp_path):
    found = reading(write(tmp_path, machine()), {"MEM_LIMIT": str(2 * GB)})
    assert (found.limit, found.limit_source) == (2 * GB, "MEM_LIMIT")
    assert found.available == 2 * GB - found.anonymous
    assert found.anonymous > 0


def test_mem_limit_with_its_group_uses_the_group(tmp_path):
    files = machine() | v2("/pod") | v2_group("/pod", str(2 * GB), GB, 0)
    found = reading(write(tmp_path, files), {"MEM_LIMIT": str(2 * GB)})
    assert found.limit_source == "MEM_LIMIT" and found.available == GB


def test_the_machine_may_have_less_than_the_container_is_allowed(tmp_path):
    files = machine(GB // 4) | v2("/pod") | v2_group("/pod", str(2 * GB), GB, 0)
    assert reading(write(tmp_path, files)).available == GB // 4


def test_available_is_never_negative_and_a_silent_system_says_so(tmp_path):
    files = machine() | v2("/pod") | v2_group("/pod", str(GB), 2 * GB, 0)
    del files["proc/pressure/memory"]
    found = reading(write(tmp_path, files))
    assert found.available == 0
    assert found.pressure is None and found.pressure_source == "not told by this system"


@pytest.mark.measures
def test_this_machine():
    gauge = Gauge()
    # A map of its own: the allocator may serve a block from pages that it kept, and keep it again when it is freed.
    with mmap.mmap(-1, 40_000_000, access=mmap.ACCESS_COPY) as block:
        block[::4096] = b"\1" * len(range(0, len(block), 4096))
        with_block = gauge.read()
    assert 0 < with_block.available <= with_block.limit
    assert with_block.anonymous - gauge.read().anonymous == pytest.approx(40e6, rel=0.05)
    assert set(with_block.to_dict()) >= {"limit", "available", "pressure", "swap"}
    gauge.close()
