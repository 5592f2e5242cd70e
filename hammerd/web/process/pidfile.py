"""Writes a pid file that this process locks, and cannot change once it runs as another user.

The lock is on a descriptor for reading: with one for writing, a process without the rights of root
could put any pid there, to which `service hammerd_web stop` would send TERM.
"""

import fcntl
import os
import stat

from hammerd.core.errors import HammerdError

_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def hold_pid_file(path: str) -> None:
    """Write our pid, and hold the lock until this process ends.

    Raises:
        HammerdError: another process holds it, or the file cannot be written.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CREAT | _FLAGS, 0o644)
        _refuse_foreign_file(path, fd)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _write(path)
    except BlockingIOError as error:
        raise HammerdError(
            f"hammerd web is already running (lock on {path})",
            "stop it first: service hammerd_web stop",
        ) from error
    except OSError as error:
        reason = f"cannot write {path}: {error.strerror}"
        raise HammerdError(reason, "name another file with --pid-file") from error


def _write(path: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_TRUNC | _FLAGS), "w") as file:
        file.write(f"{os.getpid()}\n")


def _refuse_foreign_file(path: str, fd: int) -> None:
    found = os.fstat(fd)
    is_ours = found.st_uid in (0, os.geteuid()) and found.st_nlink == 1
    if not (stat.S_ISREG(found.st_mode) and is_ours):
        raise HammerdError(f"{path} is no pid file of hammerd", "look at what it is, and move it")
