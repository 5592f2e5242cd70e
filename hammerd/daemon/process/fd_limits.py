"""How many files may be open: for us as many as the system grants, for children as many as before.

A program that closes every fd it may have, or that select()s, suffers from a high soft limit, so a
child is forked while ours is the old one. The limit is about numbers, not counts: what we keep
open long is moved to numbers above the old limit, so that those below stay free for the fork.
preexec_fn, the other way, runs Python in a forked child beside a thread that may hold any lock.
"""

import contextlib
import errno
import fcntl
import os
import resource
from collections.abc import Iterator

from hammerd.core.errors import ConfigError, Fault

FDS_PER_PAIR = 3
"""A stream has its stderr and a pidfd for each half; a probe has two pipes and no stream."""

FDS_BESIDES = 128
"""stdio, the loop, logs, locks, 64 clients, samples, a fork, the reserve, and some to spare."""

RESERVED_FDS = 2
SHORTAGE = (errno.EMFILE, errno.ENFILE)

_inherited: int | None = None
"""The soft limit that we were started with; None while ours is not another one."""


def make_room(pairs: int, source: str) -> None:
    """Raise the soft limit to the hard one; `source` names the config that asks for so many pairs.

    Raises:
        ConfigError: so many pairs cannot fit even then.
    """
    granted = _raised()
    needed = pairs * FDS_PER_PAIR + FDS_BESIDES
    if granted < needed:
        what = (
            f"{pairs} pairs need {needed} open files ({FDS_PER_PAIR} a pair and "
            f"{FDS_BESIDES} besides), the hard limit is {granted}"
        )
        hint = "raise the hard limit (ulimit -Hn, openfiles in login.conf) or have fewer pairs"
        raise ConfigError(source, (Fault("pairs", what, hint=hint),))


@contextlib.contextmanager
def as_inherited() -> Iterator[None]:
    """While this holds the soft limit is the one that we were started with: fork now."""
    if _inherited is None:
        yield
        return
    own, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_inherited, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (own, hard))


def out_of_the_way(fd: int) -> int:
    """Give an fd that we keep long a number above the inherited limit; returns that number.

    Raises:
        OSError: no such number is free; the fd is closed.
    """
    if _inherited is None:
        return fd
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _inherited)
    finally:
        os.close(fd)


class Reserve:
    """Fds that are held for nothing, so that there are some when all others are used up."""

    def __init__(self) -> None:
        self._fds: list[int] = []
        self.hold()

    def hold(self) -> None:
        """Take what the reserve lacks, as far as there is any."""
        with contextlib.suppress(OSError):
            while len(self._fds) < RESERVED_FDS:
                self._fds.append(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))

    def give(self) -> None:
        """Let others have the reserve."""
        while self._fds:
            os.close(self._fds.pop())


def _raised() -> int:
    global _inherited  # noqa: PLW0603 - a limit of the process, as it is one of the kernel's
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft
        _inherited = soft
    return hard if hard != resource.RLIM_INFINITY else 1 << 30
