"""Runs a short command of another program with a deadline, so that nothing that hangs can hang us.

Its output is read up to a limit. At the deadline its group is killed, and its result returned at
once: a process that hangs in the kernel cannot be killed.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

KILL_TIMEOUT_S = 0.5
MOST_OUTPUT_BYTES = 1 << 20
CHUNK_BYTES = 64 << 10

Child = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The output and the exit status of a command, negative for a signal.

    The status is None when the command was not started (`start_error`) or did not end in time
    (`is_late`).
    """

    status: int | None
    out: bytes = b""
    err: bytes = b""
    start_error: str = ""
    is_late: bool = False

    @property
    def text(self) -> str:
        """The output, with an escape for each byte that is no text."""
        return self.out.decode("utf-8", "backslashreplace")

    @property
    def error_text(self) -> str:
        """The same of stderr."""
        return self.err.decode("utf-8", "backslashreplace")


def run_command(
    argv: Sequence[str],
    timeout_s: float,
    env: Mapping[str, str] | None = None,
    given: bytes = b"",
) -> CommandResult:
    """Run a command with `given` as its input, and return its result at the deadline at most.

    Without `env` it has our environment.
    """
    child = start_command(argv, env, has_input=bool(given))
    if isinstance(child, CommandResult):
        return child
    if child.stdin:
        with contextlib.suppress(OSError):
            child.stdin.write(given)
            child.stdin.close()
    return wait_for(child, time.monotonic() + timeout_s)


def start_command(
    argv: Sequence[str], env: Mapping[str, str] | None, *, has_input: bool = False
) -> Child | CommandResult:
    """Start a command in a group of its own; return a result if that fails."""
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.PIPE if has_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            process_group=0,
        )
    except OSError as error:
        return CommandResult(None, start_error=f"cannot start {argv[0]}: {error.strerror}")


def wait_for(child: Child, deadline_at: float) -> CommandResult:
    """Return the result of a command; kill its group at the deadline (monotonic)."""
    out, err = bytearray(), bytearray()
    if _read({child.stdout: out, child.stderr: err}, deadline_at):
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = child.wait(max(deadline_at - time.monotonic(), 0.01))
            _close(child)
            return CommandResult(status, bytes(out), bytes(err))
    kill_group(child)
    return CommandResult(None, bytes(out), bytes(err), is_late=True)


def kill_group(child: Child) -> None:
    """Kill a child's group; wait only briefly, because a disk that hangs may hold the child."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    _close(child)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(KILL_TIMEOUT_S)


def _close(child: Child) -> None:
    for pipe in (child.stdout, child.stderr):
        if pipe:
            pipe.close()


def _read(output: Mapping[IO[bytes] | None, bytearray], deadline_at: float) -> bool:
    """Read pipes to their end; return False at the deadline or beyond the limit."""
    with selectors.DefaultSelector() as selector:
        for pipe, read in output.items():
            if pipe:
                selector.register(pipe, selectors.EVENT_READ, read)
        while selector.get_map():
            ready = selector.select(max(deadline_at - time.monotonic(), 0.0))
            if not ready or any(len(read) > MOST_OUTPUT_BYTES for read in output.values()):
                return False
            for key, _ in ready:
                data = os.read(key.fd, CHUNK_BYTES)
                key.data.extend(data)
                if not data:
                    selector.unregister(key.fileobj)
    return True
