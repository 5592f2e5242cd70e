"""Reads the config's file, and refuses one that others than root could change under root.

The one place for `run`, `reload` and `check`, which alone of all commands reaches for it here: it
stands on core and the standard library, and loads nothing of the daemon.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from hammerd.core.config.permissions import PathPermissions, permission_faults
from hammerd.core.errors import ConfigError

FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read(path: str) -> bytes:
    """Return the bytes of a config file.

    Raises:
        OSError: it cannot be read.
        ConfigError: we are root, and others could change what it says.
    """
    with open_file(path) as file:
        # Of the file that is open, so that nobody can change it for another one in between.
        opened = _standing(os.path.realpath(path), os.fstat(file.fileno()))
        if faults := permission_faults((opened, *_around(path)), os.geteuid()):
            raise ConfigError(path, faults)
        return file.read()


def open_file(path: str) -> BinaryIO:
    """Open a config file for reading; to open a FIFO would wait for who writes to it.

    Raises:
        OSError: it cannot be opened, or is no file.
    """
    fd = os.open(path, FLAGS)
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode):
        return open(fd, "rb")
    os.close(fd)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise OSError(errno.EINVAL, "it is no file but a FIFO, a socket or a device", path)


def _around(path: str) -> Iterator[PathPermissions]:
    """Look at what decides which file a path leads to; what cannot be looked at is passed over."""
    named, real = os.path.abspath(path), os.path.realpath(path)
    with contextlib.suppress(OSError):
        if os.path.islink(named):
            # A link has no mode: only its owner, and who may write to its directory, can turn it.
            yield PathPermissions(named, os.lstat(named).st_uid, 0, 0, is_link=True)
    for directory in dict.fromkeys((os.path.dirname(named), os.path.dirname(real))):
        with contextlib.suppress(OSError):
            yield _standing(directory, os.stat(directory), is_directory=True)


def _standing(path: str, found: os.stat_result, *, is_directory: bool = False) -> PathPermissions:
    return PathPermissions(path, found.st_uid, found.st_gid, found.st_mode, is_directory)
