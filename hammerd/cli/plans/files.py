"""Replaces a file of the system by a new text: atomically, and with a copy of the old one."""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hammerd.cli.output.failures import CommandFailed
from hammerd.core.plans.steps import WriteFile

KEEP_BYTES = "surrogateescape"
"""The codec error handler for bytes that are no text: they are written as they were read."""

READ_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""An open of a FIFO would wait for its writer."""

BACKUP_SUFFIX = ".before-hammerd"


def read_text(path: str) -> str | None:
    """Return the text of a file with its own ends of lines, None if it is missing.

    Raises:
        CommandFailed: it cannot be read, or is no regular file.
    """
    try:
        fd = os.open(path, READ_FLAGS)
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise CommandFailed(f"cannot read {path}: it is no regular file")
            return file.read().decode("utf-8", KEEP_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandFailed(f"cannot read {path}: {error.strerror}") from error


def write_file(action: WriteFile) -> str:
    """Write a file as an action says, and return the path of the copy, empty without one.

    Owner and mode stay. A symlink is followed: its file is replaced, not the link.

    Raises:
        CommandFailed: it cannot be written, or has changed since the plan was made.
    """
    path = Path(os.path.realpath(action.path))
    try:
        with _locked(path.parent):
            if read_text(str(path)) != action.expected_text:
                raise CommandFailed(
                    f"{action.path} has changed since this plan was made", "run the command again"
                )
            return _replace(path, action.text)
    except OSError as error:
        raise CommandFailed(f"cannot write {action.path}: {error.strerror}") from error


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep the plans of other pairs from files of a directory within a `with` block."""
    fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _replace(path: Path, text: str) -> str:
    backup = path.with_name(path.name + BACKUP_SUFFIX)
    fd, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(fd, "wb") as file:
            file.write(text.encode("utf-8", KEEP_BYTES))
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            found = path.stat()
            os.chown(new, found.st_uid, found.st_gid)
            shutil.copymode(path, new)
            shutil.copy2(path, backup)
        else:
            os.chmod(new, 0o644)
        os.replace(new, path)
        _sync_directory(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise
    return str(backup) if backup.exists() else ""


def _sync_directory(path: Path) -> None:
    """Bring a new name to the disk, where the file system can."""
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
