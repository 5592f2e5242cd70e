"""Recorded streams say the same here, through kills, faults and the quirk of the steady state."""

from __future__ import annotations

import pytest

from tests.simulator.machine import Machine
from tests.simulator.recording import Recording, normalised
from tests.simulator.stream_replay import LAST_WORDS, StreamReplay

# Process starts do not shrink: beyond this a start-up is longer than a delay of one second.
TIME_SCALE = 20.0

NAMES = [
    "09-B-start-insync-v2-i5",
    "09-start-insync-v1-i5",
    "10-int-parent-idle-v2",
    "10-int-source-idle-v2",
    "10-kill9-parent-idle-v2",
    "10-kill9-source-idle-v1",
    "10-kill9-source-idle-v2",
    "10-kill9-target-idle-v1",
    "10-read-eio-v0",
    "10-source-destroyed-while-streaming-v0",
    "10-stop-source-idle-v2",
    "10-stop-target-idle-v2",
    "10-target-upgraded-while-streaming-v0",
    "10-term-group-idle-v2",
    "10-term-parent-during-restart-sleep",
    "10-term-parent-idle-v0",
    "10-term-target-idle-v2",
    "10-wai-eperm-v0",
    "11-same-path-v0",
    "11-source-missing-v2",
    "11-target-missing-y-v2",
    "11-uuid-mismatch-v2",
    "12-stream-target-user-host-v2",
    "14-timeout-stream-t10-idle",
]


@pytest.mark.parametrize("name", NAMES)
def test_stream_says_what_the_real_one_said(machine: Machine, name: str) -> None:
    recording = Recording(name)
    replay = StreamReplay(machine, recording, time_scale=TIME_SCALE)

    stream = replay.run()

    recorded, said = normalised(recording.text("stderr")), normalised(replay.said(stream))
    # The harness cut the recording off: there may be one message more or less.
    assert recorded.startswith(said) or said.startswith(recorded)
    assert len(recorded) - len(said) < LAST_WORDS
