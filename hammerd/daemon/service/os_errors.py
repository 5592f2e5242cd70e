"""Turns OSErrors into messages for the administrator: which file, why, what to do."""

import contextlib
import errno
import os
from collections.abc import Iterator

from hammerd.core.errors import HammerdError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The errors of a full disk, which may have free space again while we mirror."""

_FREE_SPACE = "make room on its disk"
_IN_THE_WAY = "move it away"
_LINKED = "hammerd follows no link there, and none in a circle: put the file itself there"
_NO_ROOT = "run hammerd as root"
_NOT_EVEN_ROOT = "root itself is refused: look at file flags, mount options, and a jail's limits"
_HINTS = {
    errno.ENOSPC: _FREE_SPACE,
    errno.EDQUOT: _FREE_SPACE,
    errno.EROFS: "its file system is mounted read-only: mount it for writing",
    errno.EEXIST: _IN_THE_WAY,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EISDIR: _IN_THE_WAY,
    errno.ENXIO: _IN_THE_WAY,
    errno.EOPNOTSUPP: _IN_THE_WAY,
    errno.ELOOP: _LINKED,
    errno.EMLINK: _LINKED,
    errno.ENAMETOOLONG: "its path is too long",
    errno.EIO: "its disk fails: look into the kernel's log (dmesg)",
    errno.EMFILE: "end some processes, or raise the limit of open files",
    errno.ENFILE: "end some processes, or raise the limit of open files",
    errno.ENOENT: "make the directory that it is to be in",
}


def hint_for(error: OSError) -> str:
    """Return the hint for an OSError."""
    if error.errno in (errno.EACCES, errno.EPERM):
        do = _NOT_EVEN_ROOT if os.geteuid() == 0 else _NO_ROOT
    else:
        do = _HINTS.get(error.errno or 0, "look at what is there")
    return f"{do}, or name another path"


@contextlib.contextmanager
def naming_path(path: str | os.PathLike[str]) -> Iterator[None]:
    """Add a path to an OSError of the block that names none."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


@contextlib.contextmanager
def explaining_os_errors() -> Iterator[None]:
    """Turn an OSError of the block into a HammerdError.

    Raises:
        HammerdError: the block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        raise explain(error) from error


def explain(error: OSError) -> HammerdError:
    """Return an OSError as a HammerdError, with a message and a hint."""
    reason = error.strerror or str(error)
    return HammerdError(f"{error.filename or 'the system'}: {reason}", hint_for(error))
