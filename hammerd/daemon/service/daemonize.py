"""Puts the daemon into the background; the caller waits until it is ready, or prints its errors.

    caller ── fork ──▶ monitor, in a new session ── fork ──▶ daemon
       │                  │                                    │ fd 2 is a pipe to the caller
       │ prints what      │ waits for a byte: "ready",         │ until it is ready, and
       │ the pipe brings  │ or for the daemon's exit           │ /dev/null from then on
       ▼                  ▼                                    ▼
    exits with the     exits: 0 when ready, else             serves
    monitor's status   with the daemon's status

There are two forks, so that the daemon becomes a child of init and leads no session: it cannot get
a terminal again. Both come before there is a loop, a thread or a kqueue: none survives a fork.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterable

from hammerd.core.errors import HammerdError

Ready = Callable[[], None]
"""The function that the daemon calls once, when it is ready."""

STDIN, STDOUT, STDERR = 0, 1, 2
CHUNK_BYTES = 4096
MOST_FDS = 1 << 16
"""The number below which fds are closed, on a system that reports no limit."""


def detach(serve: Callable[[Ready], int]) -> int:
    """Run `serve` in the background; return when the daemon is ready or has failed.

    This returns in two processes: in the caller, with 0 or the status of a daemon that failed; and
    in the daemon, at its very end, with the result of `serve`. An error before the daemon is ready
    is raised in the daemon, whose stderr the caller prints.

    Raises:
        HammerdError: the system has no more processes.
    """
    _open_standard_fds()
    # If our parent left it ignored, wait() would not return a child's exit status.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    errors, stderr = os.pipe()
    # Blocked until _wait_for() can handle it: an interrupt before that would leave a daemon.
    old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        monitor = _fork()
        if monitor:
            os.close(stderr)
            return _wait_for(monitor, errors, old_mask)
        _leave_caller(stderr)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)
    is_ready, ready = os.pipe()
    daemon = _fork()
    if daemon:
        os.close(ready)
        os._exit(_monitor(daemon, is_ready))
    os.close(is_ready)
    return serve(lambda: _report_ready(ready))


def _open_standard_fds() -> None:
    """Open the fds 0, 1 and 2 if they are closed: no pipe may get one of these numbers."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        os.set_inheritable(fd, True)
    os.close(fd)


def _fork() -> int:
    for stream in (sys.stdout, sys.stderr):
        # After the fork a full buffer would be printed twice. A stream that was closed at our
        # start is None; one without a reader cannot be flushed.
        with contextlib.suppress(AttributeError, OSError):
            stream.flush()
    try:
        return os.fork()
    except OSError as error:
        message = f"hammerd cannot go to the background: fork: {error.strerror}"
        hint = "end some processes, or raise maxproc in login.conf"
        raise HammerdError(message, hint) from error


def _wait_for(monitor: int, errors: int, old_mask: Iterable[int]) -> int:
    """Print what the pipe `errors` brings until its end; return the monitor's status.

    `old_mask` is the signal mask to restore first; an interrupt may come then.
    """
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)
        while chunk := os.read(errors, CHUNK_BYTES):
            _print(chunk)
        _, status = os.waitpid(monitor, 0)
    except KeyboardInterrupt:
        # An interrupted start must leave no daemon; its process group is the monitor's.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(monitor, signal.SIGTERM)
        raise
    finally:
        os.close(errors)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 1


def _print(chunk: bytes) -> None:
    # An stderr without a reader must not keep us from waiting for the daemon.
    with contextlib.suppress(OSError):
        while chunk:
            chunk = chunk[os.write(STDERR, chunk) :]


def _leave_caller(stderr: int) -> None:
    """Leave the caller's session and directory, and close all its fds but the new stderr."""
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for fd, number in ((null, STDIN), (null, STDOUT), (stderr, STDERR)):
        os.dup2(fd, number)
    # A daemon would hold an inherited lock or pipe of the caller open for ever.
    most = os.sysconf("SC_OPEN_MAX")
    os.closerange(STDERR + 1, most if most > 0 else MOST_FDS)


def _monitor(daemon: int, is_ready: int) -> int:
    """Wait until the daemon is ready or has exited; return the status to exit with."""
    if os.read(is_ready, 1):
        return 0
    _, status = os.waitpid(daemon, 0)
    code = os.waitstatus_to_exitcode(status)
    if code > 0:
        return code
    how = f"was killed by signal {-code}" if code else "was told to stop"
    _print(f"hammerd {how} before it was ready\nhint: start it again\n".encode())
    return 1


def _report_ready(ready: int) -> None:
    # stdin is /dev/null. From now on errors go to the log, and stderr has no reader.
    os.dup2(STDIN, STDERR)
    with contextlib.suppress(OSError):
        os.write(ready, b"!")
    os.close(ready)
