"""Puts the daemon into the background; who started it waits until it is ready, or hears why not.

    caller ── fork ──▶ keeper, in a session of its own ── fork ──▶ daemon
       │                  │                                          │ fd 2 is a pipe to the caller
       │ prints what      │ waits for the word "ready",              │ until it is ready, and
       │ is complained of │ or for the daemon's end                  │ /dev/null from then on
       ▼                  ▼                                          ▼
    exits as the       exits: 0 when ready, else as                serves
    keeper did         the daemon did

Two forks, so that the daemon is nobody's child and leads no session: it cannot be given a terminal
again. All of it comes before there is a loop, a thread or a kqueue, none of which outlives a fork.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterable

from hammerd.core.errors import HammerdError

Ready = Callable[[], None]
"""What the daemon calls once, when it is ready."""

STDIN, STDOUT, STDERR = 0, 1, 2
CHUNK_BYTES = 4096
MOST_FDS = 1 << 16
"""Up to which number fds are closed where the system names no limit."""


def detach(serve: Callable[[Ready], int]) -> int:
    """Serve in the background; return when it is ready, or cannot become so.

    This returns in two processes: in the one that called, with 0 or the status that the daemon
    failed with; and in the daemon, at its very end, with what `serve` returned. What is raised
    before the daemon is ready is raised in the daemon: to print it is to tell the caller.

    Raises:
        HammerdError: there can be no more processes.
    """
    _open_the_standard_fds()
    # Ignored, as our parent may have left it, it keeps a child's exit status from us.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    complaints, complain = os.pipe()
    # Held until somebody is there to pass it on: else it would leave a daemon behind.
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        keeper = _fork()
        if keeper:
            os.close(complain)
            return _wait_for(keeper, complaints, held)
        _leave_the_caller(complain)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
    heard, ready = os.pipe()
    daemon = _fork()
    if daemon:
        os.close(ready)
        os._exit(_keep(daemon, heard))
    os.close(heard)
    return serve(lambda: _say_ready(ready))


def _open_the_standard_fds() -> None:
    """Have 0, 1 and 2 be open, so that no pipe of ours gets one of these numbers."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        os.set_inheritable(fd, True)
    os.close(fd)


def _fork() -> int:
    for stream in (sys.stdout, sys.stderr):
        # What waits in a buffer would be printed twice; a stream that was closed at our start
        # is None, and one whose reader left is no concern of ours.
        with contextlib.suppress(AttributeError, OSError):
            stream.flush()
    try:
        return os.fork()
    except OSError as error:
        message = f"hammerd cannot go to the background: fork: {error.strerror}"
        hint = "end some processes, or raise maxproc in login.conf"
        raise HammerdError(message, hint) from error


def _wait_for(keeper: int, complaints: int, held: Iterable[int]) -> int:
    """Print what comes through the pipe until nobody writes to it; return the keeper's status.

    `held` is the signal mask to go back to, under which an interrupt may come.
    """
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        while said := os.read(complaints, CHUNK_BYTES):
            _print(said)
        _, status = os.waitpid(keeper, 0)
    except KeyboardInterrupt:
        # A daemon that nobody waits for any more is not to start after all; its process group
        # is the keeper's.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(keeper, signal.SIGTERM)
        raise
    finally:
        os.close(complaints)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 1


def _print(said: bytes) -> None:
    # Where nobody reads what we print, the daemon must still be waited for.
    with contextlib.suppress(OSError):
        while said:
            said = said[os.write(STDERR, said) :]


def _leave_the_caller(complain: int) -> None:
    """Keep nothing of who started us but the pipe to complain through, as stderr."""
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for fd, number in ((null, STDIN), (null, STDOUT), (complain, STDERR)):
        os.dup2(fd, number)
    # A lock or a pipe that the caller left open for us would never be closed by a daemon.
    most = os.sysconf("SC_OPEN_MAX")
    os.closerange(STDERR + 1, most if most > 0 else MOST_FDS)


def _keep(daemon: int, heard: int) -> int:
    """Wait until the daemon is ready or has ended; return the status to end with."""
    if os.read(heard, 1):
        return 0
    _, status = os.waitpid(daemon, 0)
    code = os.waitstatus_to_exitcode(status)
    if code > 0:
        return code
    how = f"was killed by signal {-code}" if code else "was told to stop"
    _print(f"hammerd {how} before it was ready\nhint: start it again\n".encode())
    return 1


def _say_ready(ready: int) -> None:
    # stdin is /dev/null. From now on the log is told, and nobody is left who reads a complaint.
    os.dup2(STDIN, STDERR)
    with contextlib.suppress(OSError):
        os.write(ready, b"!")
    os.close(ready)
