"""Tells whether a hammerd lives that cannot be asked: by its lock in state_dir.

The lock's first line is the pid, the second its run_dir. It is held as long as that hammerd lives,
whoever else has its pid later.
"""

import fcntl
import os
from dataclasses import dataclass

from hammerd.cli.output.failures import CommandFailed, DaemonUnreachable
from hammerd.core.paths import LOCK_FILE, LONGEST_LOCK_BYTES, read_lock


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A hammerd that lives; `run_dir` is "" where its lock does not tell."""

    pid: int
    run_dir: str


def find_lock_holder(state_dir: str) -> LockHolder | None:
    """Return the hammerd that holds the lock of a state_dir, None if nobody is seen to."""
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


def unreachable_error(living: LockHolder, run_dir: str, error: CommandFailed) -> DaemonUnreachable:
    """Return in words that a hammerd lives which nobody can ask at `run_dir`, and what to do."""
    pid, its_dir = living.pid, living.run_dir
    if its_dir and os.path.normpath(its_dir) != os.path.normpath(run_dir):
        message = f"hammerd lives as pid {pid}, but with another run_dir: {its_dir}"
        hint = f"ask it with --run-dir {its_dir}; to have {run_dir} used: kill {pid}, and start it"
    else:
        message = f"hammerd lives as pid {pid}, but cannot be asked: {error.message}"
        hint = (
            f"what is gone of {run_dir} it makes anew within a minute; "
            f"if it does not: kill {pid}, and start it"
        )
    return DaemonUnreachable(message, hint)


def process_exists(pid: int) -> bool:
    """Tell whether a process has this number; to signal one with 0 does nothing to it."""
    if not 1 < pid < 1 << 31:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _is_held(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
