"""The front of the command line: finding commands, errors, exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import f5lite
from f5lite import cli
from f5lite.errors import F5liteError


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "f5lite", *arguments], capture_output=True, text=True, timeout=60
    )


def test_version():
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"f5lite {f5lite.__version__}\n")


def test_help_lists_every_command_with_a_line():
    done = run("--help")
    assert done.returncode == 0
    names = {path.stem for path in (Path(f5lite.__file__).parent / "commands").glob("[a-z]*.py")}
    assert names == set(cli.commands())
    for name, text in cli.commands().items():
        assert name in done.stdout and text.strip(), name


@pytest.mark.parametrize("name", sorted(cli.commands()))
def test_each_command_has_help_without_torch(name):
    code = (
        "import sys; from f5lite.cli import main\n"
        f"try: main([{name!r}, '--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"f5lite {name}" in done.stdout


def test_no_command_prints_help_and_fails():
    done = run()
    assert done.returncode == 2 and "COMMAND" in done.stderr and done.stdout == ""


def test_unknown_command_is_named():
    done = run("sing")
    assert done.returncode == 2 and "sing" in done.stderr and done.stdout == ""


def command(tmp_path, monkeypatch, body: str) -> None:
    """A command `trial` whose run does `body`."""
    (tmp_path / "trial.py").write_text(
        f"HELP = 'a trial'\ndef add_arguments(parser): ...\ndef run(options):\n    {body}\n"
    )
    monkeypatch.setattr(cli, "COMMANDS", tmp_path)
    import f5lite.commands as package

    monkeypatch.setattr(package, "__path__", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "f5lite.commands.trial", raising=False)


@pytest.mark.parametrize(("body", "code"), [("return 0", 0), ("return None", 0), ("return 1", 1)])
def test_a_new_file_is_a_new_command(tmp_path, monkeypatch, body, code):
    command(tmp_path, monkeypatch, body)
    assert cli.commands() == {"trial": "a trial"}
    assert cli.main(["trial"]) == code


def test_errors_of_the_user_are_one_line_and_exit_2(tmp_path, monkeypatch, capsys):
    command(tmp_path, monkeypatch, "from f5lite.errors import F5liteError; raise F5liteError('bad input')")
    assert cli.main(["trial"]) == 2
    assert capsys.readouterr() == ("", "f5lite: bad input\n")


def test_our_own_errors_are_not_hidden(tmp_path, monkeypatch):
    command(tmp_path, monkeypatch, "raise ZeroDivisionError")
    with pytest.raises(ZeroDivisionError):
        cli.main(["trial"])


def test_interrupt_is_quiet(tmp_path, monkeypatch, capsys):
    command(tmp_path, monkeypatch, "raise KeyboardInterrupt")
    assert cli.main(["trial"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_reader_that_goes_away_is_no_traceback():
    done = subprocess.run(
        f"{sys.executable} -m f5lite check | head -1", shell=True, capture_output=True, text=True
    )
    assert done.stdout.startswith("ok") and "Traceback" not in done.stderr


def test_error_class():
    assert issubclass(F5liteError, Exception)
