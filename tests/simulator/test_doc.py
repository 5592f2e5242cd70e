"""Checks docs/simulator.md: its examples work, and it names all knobs, variables and programs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from hammerd.simulator import admin
from tests.paths import ROOT

DOC = (ROOT / "docs/simulator.md").read_text()
SIMULATOR = ROOT / "hammerd/simulator"
CODE = "\n".join(path.read_text() for path in sorted(SIMULATOR.rglob("*.py")))

_VARIABLE = re.compile(r"\bSIM_[A-Z_]+")
_ROW = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
_KNOB_READ = re.compile(r"""\.(?:knob|is_set|slow_down)\("(\w+)"\)""")
_CALL = re.compile(r"""\.enter\("(\w+)"\)""")
_CALL_NAMED = re.compile(r"`([A-Z]+_[A-Z]+)`")


def rows(heading: str) -> set[str]:
    """Return the names in the first column of the table below a heading."""
    return set(_ROW.findall(DOC.partition(f"### {heading}\n")[2].partition("\n#")[0]))


def test_every_variable_is_documented() -> None:
    assert set(_VARIABLE.findall(CODE)) == rows("Environment") == set(_VARIABLE.findall(DOC))


def test_every_knob_is_documented_and_read() -> None:
    assert set(admin.KNOBS) == rows("Knobs") == set(_KNOB_READ.findall(CODE))


def test_every_call_that_can_be_made_to_fail_is_documented() -> None:
    knobs = DOC.partition("### Knobs\n")[2].partition("\n#")[0]

    assert set(_CALL.findall(CODE)) == set(_CALL_NAMED.findall(knobs))


def test_every_program_is_documented() -> None:
    assert [name for name in admin.PROGRAMS if f"`{name}`" not in DOC] == []


def test_every_file_that_is_named_exists() -> None:
    named = re.findall(r"`((?:hammerd|tests)/[\w./]+)`", DOC)

    assert [name for name in named if not (ROOT / name).exists()] == []


def test_readme_links_to_it() -> None:
    assert "docs/simulator.md" in (ROOT / "README.md").read_text()


def test_examples_work(tmp_path: Path) -> None:
    copies, supervises = re.findall(r"```sh\n(.*?)```", DOC, re.DOTALL)
    waits = "while [ -e run/hammerd.pid ]; do sleep 0.1; done"
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"

    done = subprocess.run(
        ["/bin/sh", "-ec", f"{copies}\n{supervises}\n{waits}"],
        cwd=tmp_path,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "\nhello\nhammerd " in done.stdout
    assert " is running: 1 pair, " in done.stdout
