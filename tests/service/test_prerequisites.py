"""What the make targets need is looked for first, and what is missing is said in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.service import ROOT

STAND_IN = """#!/bin/sh
case "$2" in *{missing}*) exit 1 ;; esac
exec {python} "$@"
"""


def look(python: Path | str, *programs: str, venv: Path, path: str) -> tuple[int, str]:
    """Look for what is needed; return the status and what was said."""
    script = ROOT / "prerequisites.sh"
    done = subprocess.run(
        ["/bin/sh", script, python, venv, *programs],
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.fixture
def no_venv(tmp_path: Path) -> Path:
    return tmp_path / "a path with blanks/.venv"


@pytest.fixture
def bare(tmp_path: Path) -> str:
    """A PATH with hardly more than a shell."""
    directory = tmp_path / "bare"
    directory.mkdir()
    for name in ("sh", "uname"):
        found = next(Path(at, name) for at in ("/bin", "/usr/bin") if Path(at, name).exists())
        (directory / name).symlink_to(found)
    return str(directory)


def python_without(tmp_path: Path, missing: str) -> Path:
    """Return a Python that lacks something, at a path with blanks."""
    python = tmp_path / "a python"
    python.write_text(STAND_IN.format(missing=missing, python=Path(sys.executable).resolve()))
    python.chmod(0o755)
    return python


def test_nothing_is_said_where_nothing_is_missing(no_venv: Path) -> None:
    assert look(sys.executable, "ps", venv=no_venv, path=os.environ["PATH"]) == (0, "")


@pytest.mark.parametrize(
    ("missing", "what", "package"),
    [
        ("ensurepip", "venv with ensurepip", "python3-venv"),
        ("sqlite3", "sqlite3", "libpython3-stdlib"),
        ("version_info", "Python 3.11 or newer", "python3 python3-venv"),
    ],
)
def test_what_is_missing_is_said_with_the_command(
    tmp_path: Path, no_venv: Path, missing: str, what: str, package: str
) -> None:
    python = python_without(tmp_path, missing)

    code, said = look(python, venv=no_venv, path=os.environ["PATH"])

    assert code == 1
    assert said.count("\n") == 1
    assert what in said
    assert package in said


def test_all_that_is_missing_is_said_in_one_line(no_venv: Path, bare: str) -> None:
    code, said = look("python3", "ps", venv=no_venv, path=bare)

    assert code == 1
    assert said.count("\n") == 1
    assert said.startswith('missing: Python 3.11 or newer as "python3", ps;')
    assert "apt-get install python3 python3-venv procps;" in said


def test_venv_that_is_there_needs_nothing_to_be_made(tmp_path: Path, no_venv: Path) -> None:
    (no_venv / "bin").mkdir(parents=True)
    (no_venv / "bin/python").symlink_to(sys.executable)
    python = python_without(tmp_path, "ensurepip")

    assert look(python, venv=no_venv, path=os.environ["PATH"]) == (0, "")


def test_every_target_that_uses_the_venv_looks_first() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()

    assert {"demo: needs $(VENV)/.has-cli", "test: needs-of-tests $(VENV)/.has-test"} <= set(lines)
    venv = lines.index("$(VENV)/bin/python:")
    assert lines[venv + 1] == "\t@$(LOOK)"
