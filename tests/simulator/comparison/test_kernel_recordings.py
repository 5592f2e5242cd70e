"""Replays the recordings of a real DragonFly kernel and compares (docs/simulator.md).

A folder that is added to tests/data/kernel is replayed without further changes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulator.comparison.kernel import kernel_differences
from tests.simulator.fixtures.machine import Machine
from tests.simulator.replay.kernel_recording import KERNEL, KernelRecording
from tests.simulator.replay.kernel_rerun import KernelRerun
from tests.simulator.replay.normalise import by_process, without_progress

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
def test_simulator_has_every_message_of_a_kernel(place: Path) -> None:
    """Covers recordings without times, too."""
    recording = KernelRecording(place)
    for name in ("stderr", "second.stderr"):
        output = without_progress(recording.output(name))

        assert sum(len("".join(pieces)) for pieces in by_process(output).values()) == len(output)
