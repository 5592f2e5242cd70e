"""Replaces a file of the system by a new text: atomically, and with a copy of the old one."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from hammerd.cli.output.failures import CommandFailed
from hammerd.core.plans.steps import WriteFile

KEEP_BYTES = "surrogateescape"
"""How bytes that are no text are read, so that they are written as they were."""

BACKUP_SUFFIX = ".before-hammerd"


def read_text(path: str) -> str | None:
    """Return the text of a file, None if it is missing.

    Raises:
        CommandFailed: it cannot be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8", errors=KEEP_BYTES)
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
        if read_text(str(path)) != action.expected_text:
            raise CommandFailed(
                f"{action.path} has changed since this plan was made", "run the command again"
            )
        return _replace(path, action.text)
    except OSError as error:
        raise CommandFailed(f"cannot write {action.path}: {error.strerror}") from error


def _replace(path: Path, text: str) -> str:
    backup = path.with_name(path.name + BACKUP_SUFFIX)
    fd, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(fd, "w", encoding="utf-8", errors=KEEP_BYTES) as file:
            file.write(text)
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
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise
    return str(backup) if backup.exists() else ""
