"""Replaces stdout and stderr by files that report a failed write, without a traceback.

stdout    a write that fails (a full disk, a reader that left, a closed descriptor) raises
          CommandFailed with Exit.IO_ERROR: one line on stderr, and no traceback
stderr    a write that fails is dropped: only the exit status can report it

Neither fails because of a character: one that the terminal's encoding lacks is escaped.
"""

import errno
import io
import os
import select
import sys
from typing import TextIO, cast

from hammerd.cli.output.failures import CommandFailed
from hammerd.core.exit_codes import Exit

STDIN, STDOUT, STDERR = 0, 1, 2


class _GuardedStream(io.FileIO):
    """stdout or stderr: a failed write raises CommandFailed on stdout and is dropped on stderr."""

    def write(self, data: object, /) -> int:
        # typeshed's type for writable data does not exist at run time.
        content = memoryview(cast("bytes", data))
        try:
            while (count := super().write(content)) is None:
                # Another process that shares the descriptor has made it non-blocking.
                select.select([], [self], [])
        except OSError as error:
            _redirect_to_devnull(self.fileno())
            if self.fileno() == STDERR:
                return len(content)
            because = "it is closed" if error.errno == errno.EBADF else error.strerror
            raise CommandFailed(
                f"cannot write to stdout: {because}", code=Exit.IO_ERROR
            ) from error
        return count


def guard_standard_streams() -> None:
    """Replace Python's own stdout and stderr; a stream that a program has set stays."""
    _occupy_closed_descriptors()
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        sys.stdout = _text(STDOUT, sys.stdout)
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        sys.stderr = _text(STDERR, sys.stderr)


def _redirect_to_devnull(number: int) -> None:
    """Redirect a descriptor to /dev/null, so that Python's last flush does not fail too."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)


def _occupy_closed_descriptors() -> None:
    """Occupy the numbers of streams that were closed at the start, so that no file gets them.

    A closed stdout is replaced by a descriptor that cannot be written: only a command that prints
    fails.
    """
    for number in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(number)
        except OSError:
            # open() takes the lowest free number, which is this one.
            os.open(os.devnull, os.O_WRONLY if number == STDERR else os.O_RDONLY)
            os.set_inheritable(number, True)


def _text(number: int, before: TextIO | None) -> TextIO:
    raw = _GuardedStream(number, "w", closefd=False)
    encoding = "utf-8" if before is None else before.encoding
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, errors="backslashreplace", line_buffering=raw.isatty()
    )
