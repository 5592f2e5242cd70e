"""What the system refuses, in words for whoever starts hammerd: which file, why, what to do."""

import contextlib
import errno
import os
from collections.abc import Iterator

from hammerd.core.errors import HammerdError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""A disk that is full may have room again while we mirror."""

_MAKE_ROOM = "make room on its disk"
_IN_THE_WAY = "move it away"
_LINKED = "hammerd follows no link there, and none in a circle: put the file itself there"
_NO_ROOT = "run hammerd as root"
_NOT_EVEN_ROOT = "root itself is refused: look at file flags, mount options, and a jail's limits"
_HINTS = {
    errno.ENOSPC: _MAKE_ROOM,
    errno.EDQUOT: _MAKE_ROOM,
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
    """Return what to do about an error of the system."""
    if error.errno in (errno.EACCES, errno.EPERM):
        do = _NOT_EVEN_ROOT if os.geteuid() == 0 else _NO_ROOT
    else:
        do = _HINTS.get(error.errno or 0, "look at what is there")
    return f"{do}, or name another path"


@contextlib.contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Have an OSError from below name this path, where it names none itself."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


@contextlib.contextmanager
def os_errors_explained() -> Iterator[None]:
    """Turn an OSError into words for whoever starts hammerd.

    Raises:
        HammerdError: something below raised an OSError.
    """
    try:
        yield
    except OSError as error:
        raise explained(error) from error


def explained(error: OSError) -> HammerdError:
    """Return an error of the system in words for people."""
    reason = error.strerror or str(error)
    return HammerdError(f"{error.filename or 'the system'}: {reason}", hint_for(error))
