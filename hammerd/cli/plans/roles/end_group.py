"""Ends the stream that a dead hammerd left: TERM to its group, and KILL after a grace.

The planner asks for it only right after a process of the group was found in the record of that
stream, and no hammerd runs that could do it.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from hammerd.cli.output.failures import CommandFailed

GRACE_S, LONGEST_S = 5.0, 15.0
DELAY_S = 0.05


def end_group(pgid: int, has_ended: Callable[[int], bool]) -> None:
    """End a group, and return when it has no living process.

    Raises:
        CommandFailed: it lives on.
    """
    began_at = time.monotonic()
    _send(pgid, signal.SIGTERM)
    is_killed = False
    while not has_ended(pgid):
        spent_s = time.monotonic() - began_at
        if spent_s > LONGEST_S:
            hint = "a process that hangs in the kernel ends when its disk answers"
            raise CommandFailed(f"process group {pgid} does not end", hint)
        if spent_s > GRACE_S and not is_killed:
            is_killed = True
            _send(pgid, signal.SIGKILL)
        time.sleep(DELAY_S)


def _send(pgid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pgid, number)
        # A stopped process would keep a TERM pending.
        os.killpg(pgid, signal.SIGCONT)
