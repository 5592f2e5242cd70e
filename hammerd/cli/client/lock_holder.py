"""Finds a hammerd that runs but does not answer, by its lock in state_dir.

The lock file's first line is the pid, the second the run_dir. The lock is held while that hammerd
runs, so another process with the same pid is not mistaken for it.
"""

import fcntl
import os
from dataclasses import dataclass

from hammerd.cli.output.failures import CommandFailed, DaemonUnreachable
from hammerd.core.exit_codes import Exit
from hammerd.core.lock_text import LONGEST_LOCK_BYTES, read_lock
from hammerd.core.paths import LOCK_FILE

MOST_SPECIAL_ID = 1
"""Of the ids up to this one, kill() takes 0 for the caller's group and -1 for all processes."""

LARGEST_ID = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A hammerd that runs; `run_dir` is "" if its lock file does not name it."""

    pid: int
    run_dir: str


def find_lock_holder(state_dir: str) -> LockHolder | None:
    """Return the hammerd that holds the lock of a state_dir, None if none is found."""
    try:
        fd = os.open(os.path.join(state_dir, LOCK_FILE), os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        pid, run_dir = read_lock(os.read(fd, LONGEST_LOCK_BYTES).decode())
        return LockHolder(int(pid), run_dir) if process_exists(int(pid)) and _is_held(fd) else None
    except (OSError, ValueError):
        return None
    finally:
        os.close(fd)


def unreachable_error(holder: LockHolder, run_dir: str, error: CommandFailed) -> DaemonUnreachable:
    """Return the error for a hammerd that runs but cannot be reached at `run_dir`."""
    pid, its_dir = holder.pid, holder.run_dir
    if its_dir and os.path.normpath(its_dir) != os.path.normpath(run_dir):
        message = f"hammerd lives as pid {pid}, but with another run_dir: {its_dir}"
        hint = f"ask it with --run-dir {its_dir}; to have {run_dir} used: kill {pid}, and start it"
    else:
        message = f"hammerd lives as pid {pid}, but cannot be asked: {error.message}"
        hint = (
            f"what is gone of {run_dir} it makes anew within a minute; "
            f"if it does not: kill {pid}, and start it"
        )
    return DaemonUnreachable(message, hint, code=Exit.UNAVAILABLE)


def process_exists(pid: int) -> bool:
    """Return whether a process has this pid; signal 0 has no effect on it."""
    return MOST_SPECIAL_ID < pid <= LARGEST_ID and _takes_signals(pid)


def group_exists(pgid: int) -> bool:
    """Return whether a process group has this id and a member; its leader may have exited."""
    return MOST_SPECIAL_ID < pgid <= LARGEST_ID and _takes_signals(-pgid)


def _takes_signals(target: int) -> bool:
    """Return whether a process exists, or a group whose id is given as a negative number."""
    try:
        os.kill(target, 0)
    except OSError as error:
        # EPERM: it exists and belongs to another user.
        return not isinstance(error, ProcessLookupError)
    return True


def _is_held(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
