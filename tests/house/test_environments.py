"""requirements.txt, environment.yml and binder/ say the same, and repo2docker's own code understands them.

repo2docker renders the Dockerfile without Docker: what Binder would build is read here line by line.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
BINDERS_PYTHON = {"python_version": "3.11", "python_full_version": "3.11.9", "sys_platform": "linux"}
MOST_BYTES = 2.5e9


def lines(file: str) -> list[Requirement]:
    """The requirements of a file, those that it refers to left out."""
    rows = (row.split(" #")[0].strip() for row in (ROOT / file).read_text(encoding="utf-8").splitlines())
    return [Requirement(row) for row in rows if row and not row.startswith(("#", "-"))]


def pins(requirements: list[Requirement]) -> dict[str, str]:
    """Name → version on Binder's Python, as far as a requirement applies there."""
    return {
        canonicalize_name(one.name): str(one.specifier)
        for one in requirements
        if one.marker is None or one.marker.evaluate(BINDERS_PYTHON)
    }


def from_yml(file: str) -> tuple[list[str], list[str]]:
    """What conda installs, and what pip does."""
    content = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
    conda = [one for one in content["dependencies"] if isinstance(one, str)]
    (pip,) = [one["pip"] for one in content["dependencies"] if isinstance(one, dict)]
    return conda, pip


def test_binder_has_its_own_equal_copy():
    copy = ROOT / "binder" / "environment.yml"
    assert not copy.is_symlink()
    assert copy.read_bytes() == (ROOT / "environment.yml").read_bytes(), "cp environment.yml binder/"


def test_environment_has_the_pins_of_requirements():
    _, pip = from_yml("environment.yml")
    listed = [Requirement(line) for line in pip if not line.startswith("-")]
    assert pins(listed) == pins(lines("requirements.txt"))


def test_gpu_environment_has_the_same_pins_and_no_cpu_index():
    _, pip = from_yml("environment-gpu.yml")
    listed = pins([Requirement(line) for line in pip if not line.startswith("-")])
    wanted = pins(lines("requirements.txt"))
    assert {name: listed.get(name) for name in wanted} == wanted
    assert not any("index" in line for line in pip)
    assert "flash-attn" in (ROOT / "environment-gpu.yml").read_text()


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-test.txt"])
def test_everything_is_pinned(file):
    assert all(str(one.specifier).startswith("==") for one in lines(file))


def test_pins_lie_in_the_ranges_of_pyproject():
    tomllib = pytest.importorskip("tomllib", reason="reading pyproject.toml needs Python 3.11")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    ranges = [
        *project["dependencies"],
        *extras["notebooks"],
        *extras["peers"],
        *extras["test"],
        *extras["quality"],
    ]
    pinned = pins([*lines("requirements.txt"), *lines("requirements-test.txt")])
    for one in map(Requirement, ranges):
        version = pinned.get(canonicalize_name(one.name))
        assert version is not None, f"{one.name} is in pyproject.toml, but not pinned"
        assert one.specifier.contains(version.removeprefix("==")), f"{one} doesn't hold {version}"


@pytest.mark.parametrize("file", ["environment.yml", "environment-gpu.yml"])
def test_conda_gives_python_and_pip_and_nothing_local_is_named(file):
    conda, pip = from_yml(file)
    assert conda == ["python=3.11", "pip"]
    assert not any(re.search(r"-e\b|file:|^\.|/(?!whl)", line) for line in pip if "index" not in line)


@pytest.fixture
def pack(tmp_path, monkeypatch):
    """The buildpack that repo2docker chooses for this project, working on a copy of its top level."""
    pytest.importorskip("repo2docker")
    from repo2docker.app import Repo2Docker

    for name in ("binder", "environment.yml", "requirements.txt", "pyproject.toml"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    app = Repo2Docker()
    for kind in app.buildpacks:
        chosen = kind(base_image=app.base_image)
        if chosen.detect():
            chosen.platform = "linux/amd64"
            return chosen
    raise AssertionError("no buildpack takes this project")


def test_repo2docker_takes_the_environment(pack):
    assert type(pack).__name__ == "CondaBuildPack"
    assert pack.environment_yaml_path == os.path.join("binder", "environment.yml")
    assert pack.python_version == "3.11" and not pack.separate_kernel_env
    # Nothing local in it: the environment is built before the clone is copied, and kept between commits.
    assert pack._should_preassemble_env


def test_repo2docker_renders_our_steps(pack):
    dockerfile = pack.render()
    assert 'env update -p ${NB_PYTHON_PREFIX} --file "binder/environment.yml"' in dockerfile
    assert "RUN ./binder/postBuild" in dockerfile
    assert 'R2D_ENTRYPOINT="${REPO_DIR}/binder/start"' in dockerfile
    assert dockerfile.index("binder/environment.yml") < dockerfile.index(" src/ ${REPO_DIR}/\n")


def test_post_build_stops_at_the_first_failure_and_installs_without_dependencies():
    text = (ROOT / "binder" / "postBuild").read_text()
    assert text.splitlines()[2] == "set -euo pipefail"
    assert re.search(r"pip install .*--no-deps .*-e \.", text)


def test_start_hands_over_to_the_server(tmp_path):
    """Its last word has to be exec "$@", and it has to work when nothing else does."""
    script = ROOT / "binder" / "start"
    command = ["bash", str(script), "sh", "-c", "echo threads $OMP_NUM_THREADS"]
    env = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=ROOT)
    assert done.returncode == 0 and int(done.stdout.split()[1]) >= 1, done.stderr
    (tmp_path / "python").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert done.stdout == "threads 1\n"


def installed_bytes(names: list[str]) -> dict[str, int]:
    """Size on disk of these distributions and of everything that they need."""
    sizes: dict[str, int] = {}
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in sizes:
            continue
        dist = metadata.distribution(name)
        paths = (Path(dist.locate_file(file)) for file in dist.files or ())
        sizes[name] = sum(path.stat().st_size for path in paths if path.is_file())
        needs = map(Requirement, dist.requires or ())
        waiting += [one.name for one in needs if one.marker is None or one.marker.evaluate({"extra": ""})]
    return sizes


def test_image_stays_within_its_size(capsys):
    """What we add to repo2docker's base, estimated from what is installed here; Docker isn't asked."""
    if torch.version.cuda:
        pytest.skip("the torch installed here is a CUDA build; the image gets the CPU build")
    sizes = installed_bytes(list(pins(lines("requirements.txt"))))
    packages = sum(sizes.values())
    # conda's pip keeps what it downloaded; wheels of these packages are about a quarter of their installed size.
    kept = packages / 4
    clone = sum(
        (ROOT / name).stat().st_size
        for name in subprocess.run(
            ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True
        ).stdout.splitlines()
        if (ROOT / name).is_file()
    )
    whole = packages + kept + clone
    with capsys.disabled():
        largest = ", ".join(
            f"{name} {size / 1e6:.0f}" for name, size in sorted(sizes.items(), key=lambda x: -x[1])[:4]
        )
        print(
            f"\nBinder image over repo2docker's base, estimated: {whole / 1e9:.2f} GB "
            f"(packages {packages / 1e6:.0f} MB: {largest}, …; pip's cache {kept / 1e6:.0f}; clone {clone / 1e6:.0f})"
        )
    assert whole <= MOST_BYTES
