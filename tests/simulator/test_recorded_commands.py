"""Every recorded command that ended by itself ends the same way here, byte for byte."""

from __future__ import annotations

import pytest

from tests.simulator.machine import Machine
from tests.simulator.recording import TRANSCRIPTS, Recording, Replay, arguments_in, normalised

RESUMED_AFTER_SECONDS = "08z-copy-resume-after-interrupt"  # has a test of its own
BINARY_STDOUT = "16-two-commands-match"
SURVIVOR_MAY_BE_SILENT = {"12-rsh-255-copy", "12-rsh-with-args-in-var"}
SHORT_READ = "hammer: validate_mrec_header: short read\n"


def _names() -> list[str]:
    places = sorted(place.parent for place in TRANSCRIPTS.glob("*/cmd.json"))
    recordings = [Recording(place.name) for place in places]
    return [recording.place.name for recording in recordings if _is_plain(recording)]


def _is_plain(recording: Recording) -> bool:
    timed = [what for _, what in recording.actions]
    plain = all(what.startswith(("started pid", "process ended")) for what in timed)
    skipped = {BINARY_STDOUT, RESUMED_AFTER_SECONDS}
    return plain and recording.status() is not None and recording.place.name not in skipped


@pytest.mark.parametrize("name", _names())
def test_command_says_what_the_real_one_said(machine: Machine, name: str) -> None:
    recording = Recording(name)
    replay = Replay(machine, recording)
    replay.set_up()

    done = machine.run(
        replay.argv(), stdin=replay.stdin, cwd=replay.directory(), extra=replay.environment()
    )

    said, recorded = replay.there(done.stderr), recording.text("stderr")
    if name in SURVIVOR_MAY_BE_SILENT:
        said, recorded = said.replace(SHORT_READ, ""), recorded.replace(SHORT_READ, "")
    assert normalised(recorded) == normalised(said)
    assert normalised(recording.text("stdout")) == normalised(replay.there(done.stdout))
    assert recording.status() == done.returncode
    if (recording.place / "rsh.log").exists():
        assert arguments_in(recording.text("rsh.log")) == replay.calls_of_rsh()
