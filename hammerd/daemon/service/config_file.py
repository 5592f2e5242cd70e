"""Reads the config file; refuses a file that others than root could change, when we are root.

`run`, `reload` and `check` use it. For `check` it must not load other modules of the daemon: it
imports only core and the standard library.
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
        ConfigError: we are root, and others could change it.
    """
    with open_file(path) as file:
        # fstat() of the open file: another file may get its name meanwhile.
        opened = _permissions_of(os.path.realpath(path), os.fstat(file.fileno()))
        if faults := permission_faults((opened, *_permissions_above(path)), os.geteuid()):
            raise ConfigError(path, faults)
        return file.read()


def open_file(path: str) -> BinaryIO:
    """Open a config file for reading; never wait for the writer of a FIFO.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    fd = os.open(path, FLAGS)
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode):
        return open(fd, "rb")
    os.close(fd)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise OSError(errno.EINVAL, "it is no file but a FIFO, a socket or a device", path)


def _permissions_above(path: str) -> Iterator[PathPermissions]:
    """Yield the owners and modes of the link and the directories that lead to a file.

    Those that cannot be read are left out.
    """
    named, real = os.path.abspath(path), os.path.realpath(path)
    with contextlib.suppress(OSError):
        if os.path.islink(named):
            # A link has no mode: its owner, and writers of its directory, can change it.
            yield PathPermissions(named, os.lstat(named).st_uid, 0, 0, is_link=True)
    for directory in dict.fromkeys((os.path.dirname(named), os.path.dirname(real))):
        with contextlib.suppress(OSError):
            yield _permissions_of(directory, os.stat(directory), is_directory=True)


def _permissions_of(
    path: str, found: os.stat_result, *, is_directory: bool = False
) -> PathPermissions:
    return PathPermissions(path, found.st_uid, found.st_gid, found.st_mode, is_directory)
