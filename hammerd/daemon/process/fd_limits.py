"""Raises the limit of open files for the daemon, and keeps the inherited limit for its children.

A program that closes every fd it may have, or that uses select(), suffers from a high soft limit,
so each fork happens under the inherited one. The limit is about the numbers of fds, not their
count: fds that stay open long are moved to numbers above the inherited limit, so that the numbers
below are free for the fork. preexec_fn is no alternative: it would run Python in a forked child
while another thread may hold any lock.
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

OTHER_FDS = 128
"""For stdio, the loop, logs, locks, 64 clients, samples, a fork, the reserve, and a margin."""

RESERVED_FDS = 2
SHORTAGE = (errno.EMFILE, errno.ENFILE)

_inherited: int | None = None
"""The soft limit at our start; None as long as it was not raised."""


def raise_limit(pairs: int, source: str) -> None:
    """Raise the soft limit to the hard one; `source` names the config that has these pairs.

    Raises:
        ConfigError: the hard limit is too low for this number of pairs.
    """
    granted = _raise_soft_limit()
    needed = pairs * FDS_PER_PAIR + OTHER_FDS
    if granted < needed:
        what = (
            f"{pairs} pairs need {needed} open files ({FDS_PER_PAIR} a pair and "
            f"{OTHER_FDS} besides), the hard limit is {granted}"
        )
        hint = "raise the hard limit (ulimit -Hn, openfiles in login.conf) or have fewer pairs"
        raise ConfigError(source, (Fault("pairs", what, hint=hint),))


@contextlib.contextmanager
def inherited_limit() -> Iterator[None]:
    """Restore the soft limit that we were started with, for the time of a fork."""
    if _inherited is None:
        yield
        return
    own, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_inherited, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (own, hard))


def move_fd_up(fd: int) -> int:
    """Move an fd that stays open long to a number above the inherited limit; return that number.

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
    """Fds that are open without use, to be closed when the process has no others left."""

    def __init__(self) -> None:
        self._fds: list[int] = []
        self.refill()

    def refill(self) -> None:
        """Open the fds that the reserve lacks, as far as the limit allows."""
        with contextlib.suppress(OSError):
            while len(self._fds) < RESERVED_FDS:
                self._fds.append(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))

    def release(self) -> None:
        """Close the fds of the reserve, so that others can be opened."""
        while self._fds:
            os.close(self._fds.pop())


def _raise_soft_limit() -> int:
    global _inherited  # noqa: PLW0603 - the limit is one of the process as well
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft
        _inherited = soft
    return hard if hard != resource.RLIM_INFINITY else 1 << 30
