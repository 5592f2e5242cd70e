"""Replays every recording of the real hammer and compares the simulator with it.

A folder of the same form that is added to tests/data/transcripts is replayed without further
changes. A test run ends with `simulator: N of M scenarios` (tests/conftest.py).
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.simulator.comparison.transcripts import differences
from tests.simulator.fixtures.machine import Machine
from tests.simulator.replay.actions import replay_all
from tests.simulator.replay.recording import TRANSCRIPTS, Recording
from tests.simulator.replay.rerun import Rerun

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

    replay_all(rerun)

    assert not differences(rerun)


def runs(words: list[str]) -> bool:
    return subprocess.run(words, capture_output=True, check=False).returncode == 0
