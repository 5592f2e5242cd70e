"""Runs the program that describes a tree, for an end here or on another host.

Each end is a process of its own, so both are read at once, and the same program runs on another
host, from which only digests come. It ends when its standard input does: a verification that is
killed leaves none behind.
"""

import contextlib
import queue
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import Thread

from hammerd.cli.output.failures import CommandFailed
from hammerd.core.characters import printable
from hammerd.core.exit_codes import Exit
from hammerd.core.verify.entries import END, REFUSED, TICK
from hammerd.core.verify.request import EndRequest, encode_request

MOST_LINES_AHEAD = 16
"""The lines of an end that wait for those of the other."""

GONE_HINT = (
    "is the PFS there, and its file system mounted? If so, the history of that moment was pruned:"
    " run it again after the next commit"
)
WAIT_S = 1.0
STOP_TIMEOUT_S, POLL_S = 5.0, 0.05
MOST_ERROR_BYTES = 4096


class EndRefused(CommandFailed):
    """There is no such tree at an end."""


@dataclass(frozen=True, slots=True)
class EndCommand:
    """An end: its name for people, and the command that describes its tree.

    `hint` is for a command that is cut off.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] | None = None
    hint: str = ""


class EndProcess:
    """A running end; used in a `with` block, which ends it."""

    def __init__(self, command: EndCommand, request: EndRequest) -> None:
        """Start an end.

        Raises:
            CommandFailed: it cannot be started.
        """
        self._command = command
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._lines: queue.Queue[bytes | None] = queue.Queue(MOST_LINES_AHEAD)
        self.read_bytes = 0
        """The bytes of contents that this end has read, as of its last report."""
        try:
            self._process = self._start(command)
        except OSError as error:
            self._errors.close()
            message = f"{command.name}: cannot start {command.argv[0]}: {error.strerror}"
            raise CommandFailed(message, code=Exit.UNAVAILABLE) from error
        self._ask(request)
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _start(self, command: EndCommand) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            command.argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=command.env,
            # An interrupt by the terminal is for us; the end then loses its input.
            process_group=0,
        )

    def __enter__(self) -> "EndProcess":
        """Return the end itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.stop()

    def stop(self) -> None:
        """End the process, however far it is."""
        self._close_input()
        deadline_at = time.monotonic() + STOP_TIMEOUT_S
        # The reader may wait for room: it reads on until the end of the output.
        while self._reader.is_alive() and time.monotonic() < deadline_at:
            with contextlib.suppress(queue.Empty):
                self._lines.get(timeout=POLL_S)
        # A read of a disk that hangs keeps the process for longer.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline_at - time.monotonic()))
        self._errors.close()

    def lines(self, on_wait: Callable[[], None]) -> Iterator[bytes]:
        """Yield the lines of the tree; call `on_wait` each second in which none comes.

        Raises:
            EndRefused: the tree cannot be read.
            CommandFailed: the end was cut off.
        """
        while True:
            try:
                line = self._lines.get(timeout=WAIT_S)
            except queue.Empty:
                on_wait()
                continue
            if line is None:
                raise self._cut_off()
            if line[0] == END:
                return
            if line[0] == REFUSED:
                reason = line[2:].decode(errors="replace").strip()
                raise EndRefused(
                    f"{self._command.name}: {reason}", GONE_HINT, code=Exit.UNAVAILABLE
                )
            yield line

    def _ask(self, request: EndRequest) -> None:
        assert self._process.stdin is not None, "a pipe"
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(encode_request(request))
            self._process.stdin.flush()

    def _close_input(self) -> None:
        assert self._process.stdin is not None, "a pipe"
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def _read(self) -> None:
        assert self._process.stdout is not None, "a pipe"
        with self._process.stdout as stdout:
            for line in stdout:
                if line[0] == TICK:
                    self.read_bytes = int(line[2:])
                else:
                    self._lines.put(line)
        self._lines.put(None)

    def _cut_off(self) -> CommandFailed:
        """Return the error of an end whose output stopped before its end."""
        self._close_input()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_TIMEOUT_S)
        said = self._said()
        last = said.splitlines()[-1] if said else f"exit {self._process.returncode}"
        return CommandFailed(
            f"{self._command.name}: cut off: {printable(last)}",
            self._command.hint or f"run it by hand: {' '.join(self._command.argv)} < /dev/null",
            code=Exit.UNAVAILABLE,
        )

    def _said(self) -> str:
        """Return what the end said on standard error."""
        try:
            self._errors.seek(0)
            said = self._errors.read(MOST_ERROR_BYTES)
        except ValueError:
            return ""  # another thread has stopped the end, and closed them
        return said.decode(errors="replace").strip()
