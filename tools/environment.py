"""Make the environment that `make` works in, or find that it is as it should be.

    python3 tools/environment.py [--tests] [--venv .venv]

Needs nothing but Python 3.10 or later. It says what it does and about how long that takes; when nothing has
changed since the last time, it says nothing and ends at once. Written so that an old Python can still read it and
say what is missing.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import urllib.request

LOWEST = (3, 10)
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# PyTorch's own CPU builds: a fifth of the size of what PyPI has for Linux. TORCH_INDEX="" does without.
TORCH_INDEX = os.environ.get("TORCH_INDEX", "https://download.pytorch.org/whl/cpu")
# Tests read the weights that these carry and none of their code, which would need librosa and a C compiler.
CARRIERS = ("speechmos==0.0.1.1", "resemblyzer==0.1.4")
# JupyterLab asks on its first start whether it may fetch news. Not here.
OVERRIDES = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}


def main():
    """0 if the environment is ready, 1 with a message if it can't be made."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--venv", default=".venv", help="where the environment lies")
    parser.add_argument("--tests", action="store_true", help="with what the tests need")
    options = parser.parse_args()
    if sys.version_info[:2] < LOWEST:
        return _with_a_newer_python()
    venv = os.path.join(HERE, options.venv)
    wanted = _fingerprint("requirements-test.txt" if options.tests else "requirements.txt")
    stamps = [os.path.join(venv, name) for name in (".f5lite-tests", ".f5lite-lab")]
    # The environment for tests holds all that the lessons need.
    held = stamps[:1] if options.tests else stamps
    python = _python_of(venv)
    for stamp in held:
        needs = _fingerprint("requirements-test.txt" if stamp.endswith("tests") else "requirements.txt")
        if _read(stamp) == needs and _works(python):
            return 0
    try:
        _make(venv, python, options.tests)
    except subprocess.CalledProcessError as problem:
        print(f"\nThe environment isn't ready: {' '.join(problem.cmd[1:5])} failed.", file=sys.stderr)
        print("The lines above say why. Run the same command again: it goes on from here.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again: it goes on from here.", file=sys.stderr)
        return 1
    with open(stamps[0 if options.tests else 1], "w") as handle:
        handle.write(wanted)
    return 0


def _make(venv, python, tests):
    begin = time.time()
    if _works(python):
        print(f"Bringing {os.path.relpath(venv)} up to date.")
    else:
        print(f"Making {os.path.relpath(venv)}: once, 2 to 10 minutes, up to 2.1 GB.")
        try:
            import ensurepip  # noqa: F401
            import venv as _  # noqa: F401
        except ImportError:
            sys.exit(
                "Python's venv is missing here; install it (Debian, Ubuntu: sudo apt install python3-venv)."
            )
        print(f"[1/3] an empty environment (Python {platform.python_version()})")
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
    file = "requirements-test.txt" if tests else "requirements.txt"
    print(f"[2/3] the packages of {file}")
    _pip(python, "install", "-r", os.path.join(HERE, file), *_torch_index())
    if tests:
        _pip(python, "install", "--no-deps", *CARRIERS)
    print("[3/3] f5lite itself, from this folder")
    _pip(python, "install", "--no-deps", "-e", HERE)
    settings = os.path.join(venv, "share", "jupyter", "lab", "settings")
    os.makedirs(settings, exist_ok=True)
    with open(os.path.join(settings, "overrides.json"), "w") as handle:
        json.dump(OVERRIDES, handle, indent=2)
    print(f"Ready after {time.time() - begin:.0f} s.\n")


def _pip(python, *arguments):
    """pip with its long output cut down to what is being fetched; all of it when it fails."""
    command = [python, "-m", "pip", *arguments, "--disable-pip-version-check", "--progress-bar", "off"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = []
    for line in process.stdout:
        lines.append(line)
        line = line.strip()
        # Large ones only: a line for each of a hundred small packages tells nothing.
        if line.startswith("Downloading") and " MB)" in line or line.startswith("Installing collected"):
            print("      " + line[:96], flush=True)
    if process.wait() != 0:
        sys.stderr.writelines(lines[-25:])
        raise subprocess.CalledProcessError(process.returncode, command)


def _torch_index():
    """PyTorch's CPU index as an extra one, on Linux and if it answers; never a reason to fail."""
    if not TORCH_INDEX or sys.platform != "linux":
        return []
    try:
        with urllib.request.urlopen(TORCH_INDEX.rstrip("/") + "/torch/", timeout=6):
            return ["--extra-index-url", TORCH_INDEX]
    except (OSError, ValueError):
        print("      (PyTorch's index of CPU builds doesn't answer; taking what the usual one has)")
        return []


def _fingerprint(file):
    """What the environment depends on; a change of any of it means: install again."""
    parts = ["requirements.txt", file, "pyproject.toml", os.path.join("tools", "environment.py")]
    content = "".join(_read(os.path.join(HERE, part)) for part in parts)
    return hashlib.sha256((content + sys.version).encode("utf-8")).hexdigest()


def _python_of(venv):
    inside = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
    return os.path.join(venv, *inside)


def _works(python):
    """Does it start, and is it as new as needed? A newer system Python leaves a link that leads nowhere."""
    test = f"import sys, pip; sys.exit(sys.version_info[:2] < {LOWEST})"
    try:
        return subprocess.run([python, "-c", test], stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def _with_a_newer_python():
    """This one is too old: hand over to a newer one on the path, or say what to do."""
    for minor in (13, 12, 11, 10):
        path = shutil.which(f"python3.{minor}")
        if path:
            return subprocess.call([path] + sys.argv)
    print(f"f5lite needs Python 3.10 or later; this is {platform.python_version()} ({sys.executable}).")
    print("Install a newer one, then name it: make PYTHON=python3.11 …")
    return 1


def _read(path):
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
