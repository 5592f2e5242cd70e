"""The lines of one turn of the loop, handed to the writer thread as one job.

A sample says something of every pair: a job for each line would wake the writer as often, and
have it wait for the interpreter each time while the loop goes on with the next pair.
"""

import asyncio
from functools import partial

from hammerd.daemon.logging.files import LogFile
from hammerd.daemon.threads.writer_thread import Job, WriterThread


class LineBatch:
    """Lines for one file that are not handed over yet."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, writer: WriterThread, file: LogFile, kind: Job
    ) -> None:
        self._loop = loop
        self._writer = writer
        self._file = file
        self._kind = kind
        self._lines: list[str] = []

    def put(self, line: str) -> None:
        """Add a line, which is handed over with all others of this turn of the loop."""
        if not self._lines:
            self._loop.call_soon(self.hand_over)
        self._lines.append(line)

    def hand_over(self) -> None:
        """Hand over what is there now."""
        lines, self._lines = self._lines, []
        if lines:
            write = partial(self._file.write_lines, lines)
            self._writer.submit(write, self._kind, len(lines))
