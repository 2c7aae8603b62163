"""The machine card on simulated systems: control groups, /proc/cpuinfo and sysctl as others have them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from f5lite import machine, processor
from f5lite.errors import F5liteError

GIB = 1 << 30
V1_UNLIMITED = "9223372036854771712"


def tree(folder: Path, files: dict[str, str], physical: int = 16 * GIB) -> Path:
    """A root folder with the files given, and this much memory."""
    for name, text in {"proc/meminfo": f"MemTotal: {physical // 1024} kB\nMemFree: 1 kB\n", **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return folder


def v2(group: str, mount_root: str = "/") -> dict[str, str]:
    return {
        "proc/self/cgroup": f"0::{group}",
        "proc/self/mountinfo": f"31 23 0:28 {mount_root} /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw",
    }


def v1(group: str, mount_root: str = "/") -> dict[str, str]:
    return {
        "proc/self/cgroup": f"5:cpu,cpuacct:{group}\n4:memory:{group}",
        "proc/self/mountinfo": (
            f"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
            f"32 31 0:32 {mount_root} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
            f"33 31 0:33 {mount_root} /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct"
        ),
    }


CASES = {
    "nothing set": ({}, {}, 16 * GIB, "physical"),
    "v2, no limit": ({**v2("/a"), "sys/fs/cgroup/a/memory.max": "max"}, {}, 16 * GIB, "physical"),
    "v2": ({**v2("/a"), "sys/fs/cgroup/a/memory.max": str(2 * GIB)}, {}, 2 * GIB, "cgroup v2"),
    "v2, the smallest is above": (
        {
            **v2("/a/b/c"),
            "sys/fs/cgroup/a/memory.max": str(3 * GIB),
            "sys/fs/cgroup/a/b/memory.max": str(1 * GIB),
            "sys/fs/cgroup/a/b/c/memory.max": "max",
        },
        {},
        1 * GIB,
        "cgroup v2",
    ),
    "v2, own path not visible": ({**v2("/x/y"), "sys/fs/cgroup/memory.max": str(GIB)}, {}, GIB, "cgroup v2"),
    "v2, mounted from a part of the tree": (
        {**v2("/docker/1/a", "/docker/1"), "sys/fs/cgroup/a/memory.max": str(GIB)},
        {},
        GIB,
        "cgroup v2",
    ),
    "v2, path leads out of the mount": (
        {**v2("/../../up"), "sys/fs/cgroup/memory.max": str(GIB)},
        {},
        GIB,
        "cgroup v2",
    ),
    "v1": ({**v1("/a"), "sys/fs/cgroup/memory/a/memory.limit_in_bytes": str(GIB)}, {}, GIB, "cgroup v1"),
    "v1, no limit": (
        {**v1("/a"), "sys/fs/cgroup/memory/a/memory.limit_in_bytes": V1_UNLIMITED},
        {},
        16 * GIB,
        "physical",
    ),
    "v1, container": (
        {**v1("/docker/1", "/docker/1"), "sys/fs/cgroup/memory/memory.limit_in_bytes": str(GIB)},
        {},
        GIB,
        "cgroup v1",
    ),
    "v1 without /proc/self/cgroup": (
        {
            "proc/self/mountinfo": v1("/")["proc/self/mountinfo"],
            "sys/fs/cgroup/memory/memory.limit_in_bytes": str(GIB),
        },
        {},
        GIB,
        "cgroup v1",
    ),
    "MEM_LIMIT first": (
        {**v2("/a"), "sys/fs/cgroup/a/memory.max": str(3 * GIB)},
        {"MEM_LIMIT": str(2 * GIB)},
        2 * GIB,
        "MEM_LIMIT",
    ),
    "MEM_LIMIT in words": ({}, {"MEM_LIMIT": "1.5G"}, 3 * GIB // 2, "MEM_LIMIT"),
    "MEM_LIMIT larger than the machine": ({}, {"MEM_LIMIT": "64G"}, 16 * GIB, "physical"),
    "MEM_LIMIT is nonsense": ({}, {"MEM_LIMIT": "plenty"}, 16 * GIB, "physical"),
    "a limit of nothing": ({**v2("/a"), "sys/fs/cgroup/a/memory.max": "0"}, {}, 16 * GIB, "physical"),
}


@pytest.mark.parametrize("name", CASES)
def test_memory_limit(tmp_path, name):
    files, environ, expected, source = CASES[name]
    assert machine.memory_limit(tree(tmp_path, files), environ) == (expected, source)


def test_memory_limit_without_proc_is_psutils(tmp_path):
    psutil = pytest.importorskip("psutil")
    assert machine.memory_limit(tmp_path, {}) == (psutil.virtual_memory().total, "physical")


@pytest.mark.parametrize(
    ("files", "most"),
    [
        ({**v2("/a"), "sys/fs/cgroup/a/cpu.max": "100000 100000"}, 1),
        (
            {
                **v2("/a/b"),
                "sys/fs/cgroup/a/cpu.max": "50000 100000",
                "sys/fs/cgroup/a/b/cpu.max": "max 100000",
            },
            1,
        ),
        (
            {
                **v1("/a"),
                "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "100000",
                "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000",
            },
            1,
        ),
    ],
)
def test_cores_follow_the_containers_share(tmp_path, files, most):
    assert machine.cores(tree(tmp_path, files)) == most


def test_cores_without_a_share(tmp_path):
    files = {
        **v1("/a"),
        "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "-1",
        "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000",
    }
    assert machine.cores(tree(tmp_path, files)) == machine.cores(tmp_path / "nothing") >= 1


EPYC = "processor : 0\nmodel name\t: AMD EPYC  7B13\nflags\t\t: fpu avx2 fma\n\nprocessor : 1\nflags : none\n"
XEON = (
    "model name : Xeon\n"
    "flags : avx2 fma avx512f avx512bw avx512vl avx512_vnni avx512_bf16 amx_tile amx_int8 amx_bf16\n"
)
ALDER = "model name : Core i5\nflags : avx2 fma avx_vnni\n"
KNIGHTS = "model name : Phi\nflags : avx2 avx512f\n"
GRAVITON = "CPU implementer : 0x41\nCPU part : 0xd40\nFeatures : fp asimd asimddp sve i8mm bf16\n"
RASPBERRY = "Features : half thumb\nHardware : BCM2711\n"


@pytest.mark.parametrize(
    ("text", "name", "sets"),
    [
        (EPYC, "AMD EPYC 7B13", ("AVX2", "FMA")),
        (
            XEON,
            "Xeon",
            ("AVX2", "FMA", "AVX512", "AVX512_VNNI", "AVX512_BF16", "AMX_INT8", "AMX_BF16"),
        ),
        (ALDER, "Core i5", ("AVX2", "FMA", "AVX_VNNI")),
        # The first AVX-512 chips lack the parts that today's kernels use.
        (KNIGHTS, "Phi", ("AVX2",)),
        (GRAVITON, "ARM implementer 0x41 part 0xd40", ("NEON", "DOTPROD", "I8MM", "BF16", "SVE")),
        (RASPBERRY, "BCM2711", ()),
        ("", "", ()),
    ],
)
def test_instruction_sets_from_cpuinfo(text, name, sets):
    assert processor.from_cpuinfo(text) == (name, sets)


def test_instruction_sets_from_sysctl():
    answers = {
        "machdep.cpu.brand_string": "Apple M2",
        "hw.optional.arm.AdvSIMD": "1",
        "hw.optional.arm.FEAT_DotProd": "1",
        "hw.optional.arm.FEAT_I8MM": "1",
        "hw.optional.arm.FEAT_BF16": "1",
        "hw.optional.arm.FEAT_SME": "0",
    }
    found = processor.from_sysctl(lambda key: answers.get(key, ""))
    assert found == ("Apple M2", ("NEON", "DOTPROD", "I8MM", "BF16"))


def card(**changes) -> machine.MachineCard:
    values = dict(
        processor="P", arch="x86_64", system="Linux", instruction_sets=("AVX2",), cores=2, memory_limit_bytes=GIB,
        memory_limit_source="physical", python="3.11.7", torch="2.13.0", compiler=None, gpu=None,
    )  # fmt: skip
    return machine.MachineCard(**{**values, **changes})


def test_card_says_what_multiplies_int8():
    assert card().int8_instructions == ()
    assert card(instruction_sets=("AVX2", "AVX512_VNNI")).int8_instructions == ("AVX512_VNNI",)
    assert "AVX512_VNNI" in str(card(instruction_sets=("AVX2", "AVX512_VNNI")))
    assert "2 cores" in str(card()) and "1 core " in str(card(cores=1))


def test_fingerprint_follows_what_changes_speed(monkeypatch):
    usual = card().fingerprint
    assert card().fingerprint == usual
    assert card(memory_limit_bytes=2 * GIB).fingerprint == usual
    for change in ({"torch": "2.12.0"}, {"cores": 1}, {"processor": "Q"}, {"compiler": "g++"}):
        assert card(**change).fingerprint != usual, change
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_VNNI")
    assert card().fingerprint != usual


def test_this_machines_card_goes_through_json():
    content = machine.card().to_dict()
    assert json.loads(json.dumps(content)) == content
    assert content["memory_limit_bytes"] > 0 and content["processor"]
    assert content["python"] == ".".join(map(str, sys.version_info[:3]))


def test_calibration_is_measured_once_for_a_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("F5LITE_CACHE", str(tmp_path / "cache"))
    runs = []
    measure = lambda: runs.append(1) or {"seconds": [1.0, 2.0], "runs": len(runs)}  # noqa: E731
    first = machine.calibration("product", measure)
    assert machine.calibration("product", measure) == first and len(runs) == 1
    assert machine.calibration("product", measure, refresh=True)["runs"] == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "17")
    assert machine.calibration("product", measure)["runs"] == 3


def test_first_and_later_calls_give_the_same_kind_of_value(tmp_path, monkeypatch):
    monkeypatch.setenv("F5LITE_CACHE", str(tmp_path))
    assert machine.calibration("pair", lambda: (1, 2)) == machine.calibration("pair", lambda: None) == [1, 2]


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"name": "product"}'])
def test_damaged_calibration_is_measured_again(tmp_path, monkeypatch, content):
    monkeypatch.setenv("F5LITE_CACHE", str(tmp_path))
    machine.calibration("product", lambda: 1)
    (path,) = tmp_path.rglob("product.json")
    path.write_text(content)
    assert machine.calibration("product", lambda: 2) == 2
    assert machine.calibration("product", lambda: 3) == 2


def test_cache_that_cannot_be_written_costs_only_a_measurement(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("F5LITE_CACHE", str(blocked))
    assert machine.calibration("product", lambda: 5) == 5


def test_failing_measurement_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("F5LITE_CACHE", str(tmp_path))
    with pytest.raises(ZeroDivisionError):
        machine.calibration("product", lambda: 1 / 0)
    assert not list(tmp_path.rglob("*.json"))


def test_calibration_names_are_file_names():
    with pytest.raises(F5liteError, match="file name"):
        machine.calibration("../up", lambda: 1)


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("0", False), ("", False), (None, False)])
def test_quick(monkeypatch, value, expected):
    monkeypatch.delenv("F5LITE_QUICK", raising=False)
    if value is not None:
        monkeypatch.setenv("F5LITE_QUICK", value)
    assert machine.quick() is expected


def test_card_imports_no_torch():
    code = "import sys; from f5lite import machine; machine.card(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
