"""Opens the PFS or file system that a path names, by the rules of docs/hammer.md 1.4."""

import errno
import os
import stat

from hammerd.simulator.kernel.file_system.null_mounts import pfs_of
from hammerd.simulator.kernel.file_system.pfs_info import PfsInfo
from hammerd.simulator.kernel.file_system.pfs_links import parse_link_text
from hammerd.simulator.kernel.file_system.volume import FileSystem, find_file_system
from hammerd.simulator.kernel.ioctls.pfs import OpenPfs, get_pfs
from hammerd.simulator.runtime.console import CommandError


def _not_hammer_error(real: str) -> OSError:
    """Return the error of an ioctl on another file system: EIO on devfs, else ENOTTY."""
    # Linux mounts another file system at /dev/shm.
    is_devfs = os.stat(real).st_dev == os.stat("/dev").st_dev
    code = errno.EIO if is_devfs else errno.ENOTTY
    return OSError(code, os.strerror(code))


def open_pfs(path: str) -> tuple[OpenPfs, PfsInfo]:
    """Open the PFS that a path names and read its info, or fail as hammer does."""
    pfs_id = None if _is_other_than_directory(path) else parse_link_text(_link_text(path))
    opened = path if pfs_id is None else directory_of(path)
    real = _open(opened)
    fs = find_file_system(real)
    if fs is None:
        raise CommandError(f"Cannot access {opened}", _not_hammer_error(real))
    pfs = OpenPfs(fs, pfs_of(fs, real) if pfs_id is None else pfs_id)
    try:
        return pfs, get_pfs(pfs)
    except OSError as error:
        raise CommandError(f"Cannot access {opened}", error) from error


def _is_other_than_directory(path: str) -> bool:
    try:
        return not stat.S_ISDIR(os.stat(path).st_mode)
    except OSError:
        return False  # a slave before its first mirroring


def _link_text(path: str) -> str:
    for name in (path, path.rstrip("/")):
        try:
            found = os.lstat(name)
        except OSError:
            break
        if stat.S_ISLNK(found.st_mode):
            return os.readlink(name)
        if not stat.S_ISDIR(found.st_mode):
            break
    return path


def _open(path: str) -> str:
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError as error:
        raise CommandError(f"Failed to open {path}", error) from error
    real = os.path.realpath(path)
    return real if os.path.isdir(real) else os.path.dirname(real)


def directory_of(path: str) -> str:
    """Return the directory of a path as dirname(3) does."""
    return os.path.dirname(path.rstrip("/")) or ("/" if path.startswith("/") else ".")


def open_file_system(path: str, unopened: str, refused: str) -> FileSystem:
    """Open a path without PFS rules; the texts are the errors if it cannot, or is not HAMMER."""
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError as error:
        raise CommandError(unopened, error) from error
    real = os.path.realpath(path)
    fs = find_file_system(real)
    if fs is None:
        raise CommandError(refused, _not_hammer_error(real))
    return fs
