"""The simulator's programs run wherever the Python that runs them is."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

INSTALL = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from hammerd.simulator import admin
admin.install(Path(sys.argv[2]))
"""


@pytest.mark.parametrize("place", ["short", "a b", "x" * 130, 'it\'s "$HOME" `here`'])
def test_programs_run_with_a_python_at_any_path(tmp_path: Path, place: str) -> None:
    python = tmp_path / place / "python"
    python.parent.mkdir()
    python.symlink_to(Path(sys.executable).resolve())
    subprocess.run([python, "-c", INSTALL, ROOT, tmp_path / "bin"], check=True)

    made = ran(tmp_path / "bin/newfs_hammer", "Disk", tmp_path / "Disk")
    asked = ran(tmp_path / "bin/hammer", "pfs-status", tmp_path / "Disk")

    assert (made.returncode, made.stderr) == (0, "")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert "sync-end-tid" in asked.stdout


def ran(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False)
