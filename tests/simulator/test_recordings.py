"""Every recording of the real hammer, played again: the simulator does what was recorded.

A folder of the same form that is dropped into tests/data/transcripts is played by itself. The end
of a test run tells how many were: `simulator: N of M scenarios` (tests/conftest.py).
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.simulator.acting import rerun_all
from tests.simulator.comparing import differences
from tests.simulator.machine import Machine
from tests.simulator.recording import TRANSCRIPTS, Recording
from tests.simulator.rerun import Rerun

SCENARIOS = sorted(place.parent for place in TRANSCRIPTS.glob("*/cmd.json"))
ENV_PROGRAM = "/usr/bin/env"


@pytest.mark.parametrize("place", SCENARIOS, ids=lambda place: place.name)
def test_scenario(machine: Machine, place: Path) -> None:
    recording = Recording(place)
    if recording.needs_ssh() and shutil.which("ssh") is None:
        pytest.skip("there is no ssh client to be refused")
    if recording.argv[0] == ENV_PROGRAM and not runs([*recording.argv[:2], "true"]):
        pytest.skip("env(1) cannot ignore signals here")
    rerun = Rerun(machine, recording)

    rerun_all(rerun)

    assert not differences(rerun)


def runs(words: list[str]) -> bool:
    return subprocess.run(words, capture_output=True, check=False).returncode == 0
