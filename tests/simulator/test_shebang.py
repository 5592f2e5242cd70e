"""Checks that the programs run with a Python at any path."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

INSTALL = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from hammerd.simulator import admin
sys.executable = sys.argv[3]
admin.install(Path(sys.argv[2]))
"""

REAL = Path(sys.executable).resolve()


@pytest.mark.parametrize("is_link", [True, False], ids=["venv", "installed"])
@pytest.mark.parametrize("place", ["short", "a b", "x" * 130, 'it\'s "$HOME" `here`'])
def test_programs_run_with_a_python_at_any_path(
    tmp_path: Path, place: str, *, is_link: bool
) -> None:
    python = tmp_path / place / "python"
    python.parent.mkdir()
    if is_link:
        python.symlink_to(REAL)
    else:
        python.write_text(f'#!/bin/sh\nexec {REAL} "$@"\n')
        python.chmod(0o755)
    subprocess.run([REAL, "-c", INSTALL, ROOT, tmp_path / "bin", python], check=True)

    made = ran(tmp_path / "bin/newfs_hammer", "Disk", tmp_path / "Disk")
    asked = ran(tmp_path / "bin/hammer", "pfs-status", tmp_path / "Disk")

    assert (made.returncode, made.stderr) == (0, "")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert "sync-end-tid" in asked.stdout


def ran(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False)
