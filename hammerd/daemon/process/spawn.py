"""Starts, signals and reaps processes; once the daemon serves, no other module of it does.

Before, daemonize.py forks the daemon, and sends TERM to its group if the start is interrupted.

Every child leads its own session and process group, because the unit that we own is the group: a
mirror-stream's halves outlive their parent (docs/hammer.md 4.4). Rules of this module:

- waitid() with WNOWAIT finds a dead leader; it is reaped only when its group is empty, so that its
  pid, which is the group's id, cannot be used again while we still signal the group.
- waitid() by pid, never "any child". The Popen of a child is stored until the child is reaped, and
  never polled: poll() would reap, and so would the next Popen() after one was deleted early.
"""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hammerd.core.errors import SpawnError
from hammerd.daemon.process import fd_limits
from hammerd.daemon.process.platform import shortcuts_allowed
from hammerd.daemon.process.process_table import read_member

DEAD = "dead"
"""The status of a leader whose exit status is known only after it was reaped."""


@dataclass(slots=True)
class Child:
    """A process group that we started: its leader, the pipes to read from, and one to write to.

    Who writes closes `input_fd`.
    """

    popen: subprocess.Popen[bytes]
    argv: tuple[str, ...]
    fds: tuple[int, ...]
    status: str | None = None
    input_fd: int | None = None
    is_reaped: bool = False

    @property
    def pid(self) -> int:
        """The leader's pid, which is the id of the group and of the session too."""
        return self.popen.pid


def spawn(argv: Sequence[str], env: Mapping[str, str], *, has_input: bool = False) -> Child:
    """Start a group that ends with its command; it inherits only the pipes.

    Without `has_input` its input is empty.

    Raises:
        SpawnError: the program could not be started.
    """
    with _spawning(argv[0]) as take_over:
        (stdout, their_stdout), (stderr, their_stderr) = take_over(os.pipe()), take_over(os.pipe())
        given, stdin = take_over(os.pipe()[::-1]) if has_input else (None, subprocess.DEVNULL)
        popen = _popen(argv, env, (stdin, their_stdout, their_stderr))
    return Child(popen, tuple(argv), (stdout, stderr), input_fd=given)


def spawn_stream(argv: Sequence[str], env: Mapping[str, str]) -> Child:
    """Start a group that survives a kill of the daemon; it inherits only its own stderr.

    A half whose stderr has no reader dies at its next message, and one whose stderr is full
    waits for ever (docs/hammer.md 4.2). So the group inherits the read end of the pipe, too: the
    pipe stays open as long as the group lives. And the write end does not block: a message that
    does not fit is lost, and the stream goes on.

    Raises:
        SpawnError: the program could not be started.
    """
    with _spawning(argv[0]) as take_over:
        ours, theirs = take_over(os.pipe())
        os.set_blocking(theirs, False)
        stdio = (subprocess.DEVNULL, subprocess.DEVNULL, theirs)
        popen = _popen(argv, env, stdio, inherited=(ours,))
    return Child(popen, tuple(argv), (ours,))


def spawn_with_socket(argv: Sequence[str], env: Mapping[str, str]) -> Child:
    """Start a group that reads requests and writes answers through one socket.

    It ends with the daemon, as its input ends then.

    Raises:
        SpawnError: the program could not be started.
    """
    with _spawning(argv[0]) as take_over:
        one, other = socket.socketpair()
        ours, theirs = take_over((one.detach(), other.detach()))
        popen = _popen(argv, env, (theirs, theirs, subprocess.DEVNULL))
    return Child(popen, tuple(argv), (ours,))


@contextlib.contextmanager
def _spawning(program: str) -> Iterator[Callable[[tuple[int, int]], tuple[int, int]]]:
    """Yield a function that takes over a pipe or socket: our end and the child's.

    It returns both, ours without blocking. The child's are closed at the end, and ours as well
    unless the child was started.
    """
    with contextlib.ExitStack() as their_fds, contextlib.ExitStack() as our_fds:

        def take_over(fds: tuple[int, int]) -> tuple[int, int]:
            ours, theirs = fds
            their_fds.callback(os.close, theirs)
            ours = fd_limits.move_fd_up(ours)
            our_fds.callback(os.close, ours)
            os.set_blocking(ours, False)
            return ours, theirs

        try:
            yield take_over
        except (OSError, ValueError) as error:
            raise _not_started(program, error) from error
        our_fds.pop_all()


def _popen(
    argv: Sequence[str],
    env: Mapping[str, str],
    stdio: tuple[int, int, int],
    *,
    inherited: tuple[int, ...] = (),
) -> subprocess.Popen[bytes]:
    """Start a session without a terminal.

    stdin and stdout must be open for hammer, or its halves fail for ever (docs/hammer.md 4.2).
    """
    with fd_limits.inherited_limit():
        return subprocess.Popen(
            argv,
            stdin=stdio[0],
            stdout=stdio[1],
            stderr=stdio[2],
            pass_fds=inherited,
            cwd="/",
            env=env,
            start_new_session=True,
            umask=0o077,
        )


def _not_started(program: str, error: OSError | ValueError) -> SpawnError:
    # ValueError: no program can get this argument, with a NUL or a stray surrogate in it.
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    number = (error.errno if isinstance(error, OSError) else None) or 0
    hint = (
        "too many files are open" if number in fd_limits.SHORTAGE else "look at the key `hammer`"
    )
    return SpawnError(f"{program} could not be started: {reason}", hint, number)


def notice_death(child: Child) -> str | None:
    """Return the exit status of the leader, None while it lives; do not reap it."""
    if child.status is None:
        child.status = _exit_status(child.pid)
    return child.status


def reap(child: Child) -> str:
    """Reap a dead leader and return its exit status; another process may get its pid now."""
    if child.is_reaped:
        return child.status or ""
    try:
        _, wait_status = os.waitpid(child.pid, 0)
        child.status = _describe(os.waitstatus_to_exitcode(wait_status))
    except ChildProcessError:
        child.status = "reaped by somebody else"
    child.is_reaped = True
    # Popen must not wait for a pid that is no longer ours.
    child.popen.returncode = 0
    for fd in child.fds:
        with contextlib.suppress(OSError):
            os.close(fd)
    return child.status


def terminate_group(child: Child) -> None:
    """Send TERM to a group, then CONT: a stopped member would keep the TERM pending."""
    if not child.is_reaped:
        _signal_group(child.pid, signal.SIGTERM, signal.SIGCONT)


def kill_group(child: Child) -> None:
    """Send KILL to a group."""
    if not child.is_reaped:
        _signal_group(child.pid, signal.SIGKILL)


def terminate_orphan_group(pgid: int, *, by_force: bool) -> None:
    """Send TERM, or KILL, to a group that a killed hammerd left; its leader is not our child.

    The caller must have just read a member that is on record, by pid and start time or by argv.
    """
    _signal_group(pgid, signal.SIGKILL if by_force else signal.SIGTERM, signal.SIGCONT)


def reset_signals() -> None:
    """Reset every signal to its default action and block none, whatever we inherited.

    An inherited SIGCHLD that is ignored survives exec and makes hammer spin (docs/hammer.md 4.3).
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        # A few numbers belong to the C library's threads and cannot be set.
        with contextlib.suppress(OSError, ValueError):
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
    # Our own writes to a closed socket must fail with EPIPE instead; spawn() restores it.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def _signal_group(pgid: int, *numbers: signal.Signals) -> None:
    # EPERM: on some systems a group of nothing but zombies may not be signalled.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        for number in numbers:
            os.killpg(pgid, number)


def _exit_status(pid: int) -> str | None:
    if not (shortcuts_allowed() and hasattr(os, "waitid")):
        return DEAD if _is_zombie(pid) else None
    try:
        result = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return "reaped by somebody else"
    if result is None:
        return None
    is_exit = result.si_code == os.CLD_EXITED
    return _describe(result.si_status if is_exit else -result.si_status)


def _is_zombie(pid: int) -> bool:
    try:
        member = read_member(pid)
    except OSError:
        return False
    return member is None or member.is_zombie


def _describe(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exit {exit_code}"
    try:
        return f"signal {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"signal {-exit_code}"
