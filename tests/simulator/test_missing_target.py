"""The dialogue with the terminal about a slave that does not exist."""

from __future__ import annotations

import os
import pty

import pytest

from tests.simulator.machine import Machine, wait_for
from tests.simulator.recording import Recording, Replay, normalised

# A session leader without a terminal gets the one that it opens.
WITH_TERMINAL = 'exec 3<>"$TERMINAL"; exec "$@" 3>&-'


@pytest.mark.parametrize(
    "name",
    [
        "08o-copy-target-missing-tty-y",
        "08p-copy-target-missing-tty-n",
        "08q-copy-target-missing-tty-garbage",
    ],
)
def test_answer_is_read_from_the_terminal(machine: Machine, name: str) -> None:
    recording = Recording(name)
    replay = Replay(machine, recording)
    replay.set_up()
    typed = next(what for _, what in recording.actions if what.startswith("typed"))
    answer = typed.split("'")[1].replace("\\n", "\n").encode()
    ours, terminal = pty.openpty()
    words = ["/bin/sh", "-c", WITH_TERMINAL, "sh", *replay.argv()]

    stream = machine.start(words, extra={"TERMINAL": os.ttyname(terminal)})
    stream.wait_until_said("[y/n] ")
    os.write(ours, answer)
    status = stream.parent.wait()
    wait_for(lambda: not stream.group())
    os.close(ours)
    os.close(terminal)

    assert normalised(recording.text("stderr")) == normalised(
        replay.there(stream.stderr_path.read_bytes())
    )
    assert recording.status() == status
