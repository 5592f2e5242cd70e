"""Makes and checks the directories that the daemon needs.

A user who may write to a directory can replace any file in it. So in the directories where root's
hammerd writes, or reads files that it trusts, no other user may write.
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
"""The daemon's umask, whatever the inherited one: others may read our files, not write to them."""


def records_dir(settings: DaemonConfig) -> Path:
    """Return the directory of the records of running streams."""
    return Path(settings.run_dir) / paths.RECORDS_DIR


def make_log_dirs(settings: DaemonConfig) -> None:
    """Make the directories of the logs that are missing.

    Raises:
        OSError: a directory cannot be made.
    """
    for file in (settings.log_file, settings.lag_log_file):
        Path(file).parent.mkdir(mode=0o755, parents=True, exist_ok=True)


def make_directory(key: str, directory: Path) -> None:
    """Make a directory; `key` is the config key that names it, or a directory above it.

    Raises:
        OSError: it cannot be made.
        ConfigError: other users may write to it.
    """
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    check_directory(key, directory)


def check_directory(key: str, directory: Path) -> None:
    """Check that only root can change the files in a directory of root's hammerd.

    Raises:
        OSError: the directory cannot be read.
        ConfigError: others can change them; `key` is the config key that names the directory.
    """
    found = os.stat(directory)
    # Even in a sticky directory any user may make a file or a link with the name of ours.
    mode = found.st_mode & ~stat.S_ISVTX
    permissions = PathPermissions(str(directory), found.st_uid, found.st_gid, mode, True)
    elsewhere = f'name another directory, or "chown root {directory}" if nobody else needs it'
    faults = permission_faults((permissions,), os.geteuid(), elsewhere)
    if faults:
        where = f"daemon.{key}"
        raise ConfigError(
            f"{directory} cannot be used", tuple(replace(fault, where=where) for fault in faults)
        )
