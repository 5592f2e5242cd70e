"""Replays the recordings of a real DragonFly kernel through the simulator (docs/simulator.md).

Each folder in tests/data/kernel is played by itself.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulator.kernel_comparing import kernel_differences
from tests.simulator.kernel_recording import KERNEL, KernelRecording
from tests.simulator.kernel_rerun import KernelRerun
from tests.simulator.machine import Machine
from tests.simulator.normal import by_speaker, without_progress

PLACES = sorted(place.parent for place in KERNEL.glob("*/cmd.json"))
WHOLE = [place for place in PLACES if KernelRecording(place).is_whole()]


def test_there_are_recordings() -> None:
    assert len(WHOLE) > 10


@pytest.mark.parametrize("place", WHOLE, ids=lambda place: place.name)
def test_kernel_scenario(machine: Machine, place: Path) -> None:
    rerun = KernelRerun(machine, KernelRecording(place))

    rerun.play()

    assert not kernel_differences(rerun)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_every_word_of_a_kernel_is_one_that_the_simulator_has(place: Path) -> None:
    """Also of what was recorded without its times."""
    recording = KernelRecording(place)
    for name in ("stderr", "second.stderr"):
        said = without_progress(recording.said(name))

        assert sum(len("".join(pieces)) for pieces in by_speaker(said).values()) == len(said)
