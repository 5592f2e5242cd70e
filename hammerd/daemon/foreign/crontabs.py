"""Finds the line of a crontab that starts a foreign stream, or it is back at the next boot.

Read by a command with a deadline, and only when a stream parks a pair.
"""

from collections.abc import Sequence

from hammerd.core.hammer.process_args import scheduled_slave
from hammerd.daemon.process.commands import Commands
from hammerd.daemon.process.platform import SYSTEM

TIMEOUT_S = 5.0
LONGEST_LINE = 200


class Crontabs:
    """The files that may start a stream at boot."""

    def __init__(self, calls: Commands, paths: Sequence[str] = SYSTEM.crontabs) -> None:
        self._calls = calls
        self._paths = paths

    async def line_for(self, operand: str) -> str:
        """Return the file and the line that writes to a slave; empty where none can be found."""
        for path in self._paths:
            answer = await self._calls.run(("/bin/cat", path), {}, TIMEOUT_S)
            for line in answer.stdout.splitlines():
                if scheduled_slave(line) == operand:
                    return f"{path}: {_shown(line)}"
        return ""


def _shown(line: str) -> str:
    text = " ".join(line.split())[:LONGEST_LINE]
    return "".join(char if char.isprintable() else "?" for char in text)
