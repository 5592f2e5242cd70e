"""Starts, signals and reaps processes; the only file of the daemon that does.

Every child leads its own session and process group, because the unit that we own is the group: a
mirror-stream's halves outlive their parent (docs/hammer.md 4.4). Rules kept here:

- A leader is noticed dead with WNOWAIT and reaped only when its group is empty, so that its pid,
  which is the group's id, cannot be used again while we still signal the group.
- waitid() by pid, never "any child". The Popen of a child is kept until it is reaped and never
  polled: poll() would reap, and so would the next Popen() if one were dropped before.
"""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hammerd.core.errors import SpawnError
from hammerd.daemon.process import fd_limits
from hammerd.daemon.process.platform import has_shortcut
from hammerd.daemon.process.process_table import look_at


@dataclass(slots=True)
class Child:
    """A process group that we started: its leader, and the pipes to read from."""

    popen: subprocess.Popen[bytes]
    argv: tuple[str, ...]
    fds: tuple[int, ...]
    status: str | None = field(default=None)
    is_reaped: bool = field(default=False)

    @property
    def pid(self) -> int:
        """The leader's pid, which is the id of the group and of the session too."""
        return self.popen.pid


def spawn(argv: Sequence[str], env: Mapping[str, str], *, reads_stdout: bool) -> Child:
    """Start a group that ends with its command; it inherits nothing but the pipes.

    Raises:
        SpawnError: the program could not be started.
    """
    with _spawning(argv[0]) as (given, kept):
        pipes = [_pipe(given, kept) for _ in range(2 if reads_stdout else 1)]
        stdout = pipes[0].theirs if reads_stdout else subprocess.DEVNULL
        popen = _popen(argv, env, (subprocess.DEVNULL, stdout, pipes[-1].theirs))
        kept.pop_all()
    return Child(popen, tuple(argv), tuple(pipe.ours for pipe in pipes))


def spawn_stream(argv: Sequence[str], env: Mapping[str, str]) -> Child:
    """Start a group that goes on when we are killed; it inherits nothing but its own stderr.

    A half whose stderr has no reader dies at its next message, and one whose stderr is full
    waits for ever (docs/hammer.md 4.2). So the group inherits the end to read from, too: the pipe
    stays open for as long as the group lives. And the end to write to does not block: what
    does not fit is lost, and the stream goes on.

    Raises:
        SpawnError: the program could not be started.
    """
    with _spawning(argv[0]) as (given, kept):
        pipe = _pipe(given, kept)
        os.set_blocking(pipe.theirs, False)
        stdio = (subprocess.DEVNULL, subprocess.DEVNULL, pipe.theirs)
        popen = _popen(argv, env, stdio, inherited=(pipe.ours,))
        kept.pop_all()
    return Child(popen, tuple(argv), (pipe.ours,))


def spawn_answerer(argv: Sequence[str], env: Mapping[str, str]) -> Child:
    """Start a group that reads what it is asked and answers it, through one socket.

    It ends when we do: its input ends then.

    Raises:
        SpawnError: the program could not be started.
    """
    with _spawning(argv[0]) as (given, kept):
        ours, theirs = (one.detach() for one in socket.socketpair())
        given.callback(os.close, theirs)
        ours = fd_limits.out_of_the_way(ours)
        kept.callback(os.close, ours)
        os.set_blocking(ours, False)
        popen = _popen(argv, env, (theirs, theirs, subprocess.DEVNULL))
        kept.pop_all()
    return Child(popen, tuple(argv), (ours,))


@dataclass(frozen=True, slots=True)
class _Pipe:
    """A pipe: our end to read from, and the end that a child writes to."""

    ours: int
    theirs: int


@contextlib.contextmanager
def _spawning(program: str) -> Iterator[tuple[contextlib.ExitStack, contextlib.ExitStack]]:
    """Close what a child was given at the end, and what we keep of it unless it was started."""
    try:
        with contextlib.ExitStack() as given, contextlib.ExitStack() as kept:
            yield given, kept
    except (OSError, ValueError) as error:
        raise _not_started(program, error) from error


def _pipe(given: contextlib.ExitStack, kept: contextlib.ExitStack) -> _Pipe:
    ours, theirs = os.pipe()
    given.callback(os.close, theirs)
    ours = fd_limits.out_of_the_way(ours)
    kept.callback(os.close, ours)
    os.set_blocking(ours, False)
    return _Pipe(ours, theirs)


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
    with fd_limits.as_inherited():
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
    # ValueError: a word that no program can be given, with a NUL or a stray surrogate in it.
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    number = (error.errno if isinstance(error, OSError) else None) or 0
    hint = (
        "too many files are open" if number in fd_limits.SHORTAGE else "look at the key `hammer`"
    )
    return SpawnError(f"{program} could not be started: {reason}", hint, number)


def notice_death(child: Child) -> str | None:
    """Return how the leader ended, None while it lives; it is not reaped."""
    if child.status is None:
        child.status = _exit_status(child.pid)
    return child.status


def reap(child: Child) -> str:
    """Let a dead leader go and return how it ended; its pid may be anybody's from now on."""
    if child.is_reaped:
        return child.status or ""
    try:
        _, wait_status = os.waitpid(child.pid, 0)
        child.status = _describe(os.waitstatus_to_exitcode(wait_status))
    except ChildProcessError:
        child.status = "reaped by somebody else"
    child.is_reaped = True
    # So that Popen's own bookkeeping never waits for a pid that is no longer ours.
    child.popen.returncode = 0
    for fd in child.fds:
        with contextlib.suppress(OSError):
            os.close(fd)
    return child.status


def terminate_group(child: Child) -> None:
    """Ask a group to end; a stopped member would keep the TERM pending without the CONT."""
    _signal_group(child, signal.SIGTERM)
    _signal_group(child, signal.SIGCONT)


def kill_group(child: Child) -> None:
    """End a group by force."""
    _signal_group(child, signal.SIGKILL)


def terminate_strangers(pgid: int, *, by_force: bool) -> None:
    """End a group of a killed hammerd, whose leader is not our child.

    The caller has just seen a member that it knows by pid and start time.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, signal.SIGKILL if by_force else signal.SIGTERM)
        os.killpg(pgid, signal.SIGCONT)


def reset_signals() -> None:
    """Give every signal its default meaning and block none, whatever our parent left us.

    SIGCHLD ignored at entry survives exec and makes hammer spin (docs/hammer.md 4.3).
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        # A few numbers belong to the C library's threads and cannot be set.
        with contextlib.suppress(OSError, ValueError):
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
    # Our own writes to a peer that left must fail with EPIPE instead; spawn() restores it.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def _signal_group(child: Child, number: signal.Signals) -> None:
    if child.is_reaped:
        return
    # EPERM: on some systems a group of nothing but zombies may not be signalled.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _exit_status(pid: int) -> str | None:
    if not has_shortcut("waitid"):
        return "dead" if _is_zombie(pid) else None
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
        member = look_at(pid)
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
