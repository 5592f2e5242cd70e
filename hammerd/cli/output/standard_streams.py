"""Puts stdout and stderr behind files of our own, so that one that cannot be written is told.

stdout    a write that fails (a full disk, a reader that left, a closed descriptor) is a
          CommandFailed with Exit.IO_ERROR: one line on stderr, and no traceback
stderr    a write that fails is dropped: nobody is left to be told, and the exit status says it

Neither ever fails for a character: what a terminal's encoding does not have is escaped.
"""

import errno
import io
import os
import select
import sys
from collections.abc import Callable
from typing import TextIO, cast

from hammerd.cli.output.failures import CommandFailed
from hammerd.core.exit_codes import Exit

STDIN, STDOUT, STDERR = 0, 1, 2


class _Told(io.FileIO):
    """A descriptor whose failures carry the exit status of a command."""

    def write(self, data: object, /) -> int:
        try:
            return _written(STDOUT, super().write, _bytes(data))
        except OSError as error:
            because = "it is closed" if error.errno == errno.EBADF else error.strerror
            give_up(STDOUT)
            raise CommandFailed(
                f"cannot write to stdout: {because}", code=Exit.IO_ERROR
            ) from error


class _Dropped(io.FileIO):
    """A descriptor whose failures nobody can be told of."""

    def write(self, data: object, /) -> int:
        try:
            return _written(STDERR, super().write, _bytes(data))
        except OSError:
            give_up(STDERR)
            return len(_bytes(data))


def guard_standard_streams() -> None:
    """Stand in for stdout and stderr as Python has them; what a program put there stays."""
    _hold_open()
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        sys.stdout = _text(_Told(STDOUT, "w", closefd=False), sys.stdout)
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        sys.stderr = _text(_Dropped(STDERR, "w", closefd=False), sys.stderr)


def give_up(number: int) -> None:
    """Point a descriptor nowhere, so that Python's last flush does not fail on it too."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)


def _hold_open() -> None:
    """Have no file of ours get the number of a stream that was closed at our start.

    A closed stdout is held by what cannot be written to: whoever prints is told, and nobody else.
    """
    for number in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(number)
        except OSError:
            # The lowest that is free is this one.
            os.open(os.devnull, os.O_WRONLY if number == STDERR else os.O_RDONLY)
            os.set_inheritable(number, True)


def _text(raw: io.FileIO, before: TextIO | None) -> TextIO:
    encoding = "utf-8" if before is None else before.encoding
    is_terminal = raw.isatty()
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, errors="backslashreplace", line_buffering=is_terminal
    )


def _bytes(data: object) -> memoryview:
    # typeshed's name for what can be written is not there when we run.
    return memoryview(cast("bytes", data))


def _written(number: int, write: Callable[[memoryview], int | None], data: memoryview) -> int:
    while (count := write(data)) is None:
        # It does not block, because somebody else who has it wants it so.
        select.select([], [number], [])
    return count
