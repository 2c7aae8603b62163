"""`f5lite check`: each finding for machines that are not this one, and the command as a user runs it."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys

import pytest

from f5lite import check, requirements

REQUIREMENTS = [
    "torch<3,>=2.6",
    "numpy>=1.26",
    'jupyterlab<5,>=4.2; extra == "notebooks"',
    'flash-attn>=2.7; sys_platform == "linux" and extra == "gpu"',
    'oldlib>=1; python_version < "3"',
    'pytest>=8; extra == "test"',
]


def by_name(findings):
    return {finding.name: finding for finding in findings}


def test_packages_against_requirements():
    versions = {"torch": "2.13.0+cpu", "numpy": "1.20"}
    found = by_name(check.packages(REQUIREMENTS, versions.get))
    assert set(found) == {"torch", "numpy", "jupyterlab"}
    assert found["torch"].status == "ok"
    assert found["numpy"].status == "fail" and found["numpy"].mend == 'python -m pip install "numpy>=1.26"'
    assert found["jupyterlab"].status == "note" and "lessons" in found["jupyterlab"].found


def test_missing_package_stops_and_is_named():
    found = by_name(check.packages(REQUIREMENTS, lambda name: None))
    assert found["torch"].status == "fail" and "missing" in found["torch"].found
    assert "torch" in found["torch"].mend
    assert not check.ready(found.values())


def test_wrong_version_of_an_extra_stops():
    versions = {"torch": "2.13.0", "numpy": "2.0", "jupyterlab": "3.6"}
    assert by_name(check.packages(REQUIREMENTS, versions.get))["jupyterlab"].status == "fail"


def test_packages_without_packaging_say_so(monkeypatch):
    monkeypatch.setattr(requirements, "packaging", lambda: (None, None))
    (finding,) = check.packages(REQUIREMENTS, lambda name: None)
    assert finding.status == "fail" and "pip install packaging" in finding.mend


@pytest.mark.parametrize(
    ("platform", "status", "word"),
    [
        (("Linux", "x86_64", (3, 11)), "ok", "Linux"),
        (("Linux", "aarch64", (3, 11)), "ok", "aarch64"),
        (("Darwin", "arm64", (3, 12)), "ok", "Darwin"),
        (("Windows", "AMD64", (3, 10)), "ok", "Windows"),
        (("Darwin", "x86_64", (3, 11)), "fail", "Intel Macs"),
        (("Windows", "ARM64", (3, 11)), "fail", "on ARM"),
        (("Linux", "riscv64", (3, 11)), "fail", "no wheel"),
        (("Linux", "armv7l", (3, 11)), "fail", "no wheel"),
        (("Linux", "x86_64", (3, 99)), "note", "newer"),
    ],
)
def test_platforms_of_torch(platform, status, word):
    finding = check.torch_wheel(*platform)
    assert finding.status == status and word in finding.found
    assert finding.mend or status == "ok"


def test_musl_has_no_torch():
    assert check.torch_wheel("Linux", "x86_64", (3, 11), musl=True).status == "fail"


@pytest.mark.parametrize(
    ("finding", "status"),
    [
        (check.python("3.9.1", ">=3.10"), "fail"),
        (check.python("3.13.0rc1", ">=3.10"), "ok"),
        (check.memory(500 << 20, "cgroup v2"), "fail"),
        (check.memory(3 << 29, "MEM_LIMIT"), "note"),
        (check.memory(2 << 30, "MEM_LIMIT"), "ok"),
        (check.memory(16 << 30, "physical"), "ok"),
        (check.cores(1), "ok"),
        (check.int8((), ()), "note"),
        (check.int8(("AVX2",), ()), "ok"),
        (check.compiler(None), "note"),
        (check.compiler("/usr/bin/g++ (12)"), "ok"),
        (check.gpu(None, None), "ok"),
        (check.gpu("NVIDIA H100", None), "ok"),
    ],
)
def test_statuses(finding, status):
    assert finding.status == status
    assert finding.mend or status == "ok"
    assert "\n" not in str(finding)


def test_what_the_figures_mean_is_said():
    assert "lesson 06 measures" in check.int8(("AVX2",), ()).found
    assert check.int8(("AVX2", "AVX512_VNNI"), ("AVX512_VNNI",)).found == "AVX512_VNNI"
    assert "fewer blocks" in check.memory(2 << 30, "MEM_LIMIT").found
    assert "flash-attn 2.8" in check.gpu("NVIDIA H100", "2.8").found
    assert "f5lite[gpu]" in check.gpu("NVIDIA H100", None).mend


def bundle(folder):
    (folder / "tiny").mkdir()
    (folder / "tiny" / "voice.safetensors").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    (folder / "tiny" / "SHA256SUMS").write_text(f"{digest}  voice.safetensors\n")
    return folder / "tiny" / "voice.safetensors"


def test_weights_are_checked(tmp_path):
    path = bundle(tmp_path)
    assert check.weights(tmp_path)[0].status == "ok"
    path.write_bytes(b"weight")
    (finding,) = check.weights(tmp_path)
    assert finding.status == "fail" and "damaged" in finding.found and finding.mend
    path.unlink()
    assert "missing" in check.weights(tmp_path)[0].found


def test_no_weights_at_all_stop(tmp_path):
    assert check.weights(tmp_path)[0].status == "fail"


def run(*arguments: str, **settings) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "f5lite", *arguments], capture_output=True, text=True, timeout=60, **settings
    )


def test_this_machine_is_ready_and_says_so_in_lines():
    done = run("check")
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert lines[-1] == "Ready."
    assert any(line.startswith("ok    torch ") for line in lines)
    assert done.stderr == ""


def test_json_is_one_object_and_nothing_else():
    done = run("check", "--json")
    content = json.loads(done.stdout)
    assert content["ready"] is (done.returncode == 0)
    assert {"name", "status", "found", "mend"} == set(content["findings"][0])
    assert content["machine"]["cores"] >= 1


def test_a_machine_that_is_not_ready_exits_with_1(tmp_path):
    """The package as an unlucky copy left it: without its weights."""
    shutil.copytree(
        check.VOICES.parent, tmp_path / "f5lite", ignore=shutil.ignore_patterns("voices", "__pycache__")
    )
    done = subprocess.run(
        [sys.executable, "-m", "f5lite", "check", "--json"],
        capture_output=True, text=True, env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    failed = [finding for finding in json.loads(done.stdout)["findings"] if finding["status"] == "fail"]
    assert [finding["name"] for finding in failed] == ["bundled voice"]


def test_requirements_are_pyprojects():
    texts = requirements.all_of_them()
    assert any(text.startswith("torch") for text in texts)
    assert {requirements.extra_of(text) for text in texts} >= set(check.EXTRAS)


def test_the_engine_that_was_measured_is_shown(tmp_path):
    missing = check.engine(tmp_path)
    assert missing.status == "ok" and "not measured yet" in missing.found and missing.mend == "f5lite engines"
    table = {"chosen": "onednn", "seconds": {"onednn": 0.085, "reference": 0.13}, "errors": {"onednn": 0.03}}
    kept = tmp_path / "int8-engines-1024x16x64x2048-2t-plain.json"
    kept.write_text(json.dumps({"name": "x", "result": table}))
    found = check.engine(tmp_path)
    assert found.found == "onednn: 85 ms a block (reference 130)" and "--compile" in found.mend
    table["errors"]["fused"] = 0.03
    kept.write_text(json.dumps({"name": "x", "result": table}))
    assert check.engine(tmp_path).mend == ""
    kept.write_text("damaged")
    assert "not measured yet" in check.engine(tmp_path).found
