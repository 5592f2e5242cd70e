"""make targets check their prerequisites first, and print one line about the missing ones."""

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


def check(python: Path | str, *programs: str, venv: Path, path: str) -> tuple[int, str]:
    """Run the check; return its status and output."""
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
    """A PATH with little more than a shell."""
    directory = tmp_path / "bare"
    directory.mkdir()
    for name in ("sh", "uname"):
        found = next(Path(at, name) for at in ("/bin", "/usr/bin") if Path(at, name).exists())
        (directory / name).symlink_to(found)
    return str(directory)


def python_without(tmp_path: Path, missing: str) -> Path:
    """Return a Python that lacks a module, at a path with blanks."""
    python = tmp_path / "a python"
    python.write_text(STAND_IN.format(missing=missing, python=Path(sys.executable).resolve()))
    python.chmod(0o755)
    return python


def test_nothing_is_printed_if_nothing_is_missing(no_venv: Path) -> None:
    assert check(sys.executable, "ps", venv=no_venv, path=os.environ["PATH"]) == (0, "")


@pytest.mark.parametrize(
    ("missing", "what", "package"),
    [
        ("ensurepip", "venv with ensurepip", "python3-venv"),
        ("sqlite3", "sqlite3", "libpython3-stdlib"),
        ("version_info", "Python 3.11 or newer", "python3 python3-venv"),
    ],
)
def test_missing_prerequisite_is_printed_with_the_command(
    tmp_path: Path, no_venv: Path, missing: str, what: str, package: str
) -> None:
    python = python_without(tmp_path, missing)

    code, output = check(python, venv=no_venv, path=os.environ["PATH"])

    assert code == 1
    assert output.count("\n") == 1
    assert what in output
    assert package in output


def test_all_missing_prerequisites_are_printed_in_one_line(no_venv: Path, bare: str) -> None:
    code, output = check("python3", "ps", venv=no_venv, path=bare)

    assert code == 1
    assert output.count("\n") == 1
    assert output.startswith('missing: Python 3.11 or newer as "python3", ps;')
    assert "apt-get install python3 python3-venv procps;" in output


def test_existing_venv_needs_no_prerequisite(tmp_path: Path, no_venv: Path) -> None:
    (no_venv / "bin").mkdir(parents=True)
    (no_venv / "bin/python").symlink_to(sys.executable)
    python = python_without(tmp_path, "ensurepip")

    assert check(python, venv=no_venv, path=os.environ["PATH"]) == (0, "")


def test_every_target_that_uses_the_venv_checks_first() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()

    assert {"demo: needs $(VENV)/.has-cli", "test: needs-of-tests $(VENV)/.has-test"} <= set(lines)
    venv = lines.index("$(VENV)/bin/python:")
    assert lines[venv + 1] == "\t@$(LOOK)"
