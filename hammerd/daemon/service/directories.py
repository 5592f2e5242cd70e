"""The directories that the daemon needs, and what is said when one cannot be used.

Who may write to a directory can put anything in the place of a file in it: where root's hammerd
writes, or believes what it reads, nobody else may.
"""

import os
import stat
from dataclasses import replace
from pathlib import Path

from hammerd.core import paths
from hammerd.core.config.model import DaemonConfig
from hammerd.core.config.permissions import PathPermissions, permission_faults
from hammerd.core.errors import ConfigError

UMASK = 0o022
"""Ours, whatever that of who starts us: others may look at what we make, and write to none."""


def records_dir(settings: DaemonConfig) -> Path:
    """Return the directory of the records of running streams."""
    return Path(settings.run_dir) / paths.RECORDS_DIR


def make_log_dirs(settings: DaemonConfig) -> None:
    """Make the directories of the logs, where they are missing.

    Raises:
        OSError: one cannot be made.
    """
    for file in (settings.log_file, settings.lag_log_file):
        Path(file).parent.mkdir(mode=0o755, parents=True, exist_ok=True)


def make_directory(key: str, directory: Path) -> None:
    """Make a directory that is, or is below, what a key of the config names.

    Raises:
        OSError: it cannot be made.
        ConfigError: it is open to others.
    """
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    check_directory(key, directory)


def check_directory(key: str, directory: Path) -> None:
    """Make sure that nobody but root could change what is in a directory of root's hammerd.

    Raises:
        OSError: it cannot be looked at.
        ConfigError: somebody else could; `key` is what names the directory in the config.
    """
    found = os.stat(directory)
    # In a sticky directory anybody may still put a file or a link where ours is to be.
    mode = found.st_mode & ~stat.S_ISVTX
    permissions = PathPermissions(str(directory), found.st_uid, found.st_gid, mode, True)
    elsewhere = f'name another directory, or "chown root {directory}" if nobody else needs it'
    faults = permission_faults((permissions,), os.geteuid(), elsewhere)
    if faults:
        where = f"daemon.{key}"
        raise ConfigError(
            f"{directory} cannot be used", tuple(replace(one, where=where) for one in faults)
        )
