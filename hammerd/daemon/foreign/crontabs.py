"""Finds the line of a crontab that starts a foreign stream, or it is back at the next boot.

A command with a deadline reads the files, and only when a foreign stream parks a pair.
"""

from collections.abc import Sequence

from hammerd.core.characters import printable
from hammerd.core.hammer.process_args import scheduled_slave
from hammerd.daemon.process.commands import Commands
from hammerd.daemon.process.platform import SYSTEM

TIMEOUT_S = 5.0
LONGEST_LINE = 200


class Crontabs:
    """The files that may start a stream at boot."""

    def __init__(self, commands: Commands, paths: Sequence[str] = SYSTEM.crontabs) -> None:
        self._commands = commands
        self._paths = paths

    async def line_for(self, operand: str) -> str:
        """Return the file and the line that writes to a slave; empty where there is none."""
        for path in self._paths:
            result = await self._commands.run(("/bin/cat", path), {}, TIMEOUT_S)
            for line in result.stdout.splitlines():
                if scheduled_slave(line) == operand:
                    return f"{path}: {printable(' '.join(line.split())[:LONGEST_LINE])}"
        return ""
