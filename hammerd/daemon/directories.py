"""The directories that the daemon needs, and what is said when one cannot be used.

Who may write to a directory can put anything in the place of a file in it: where root's hammerd
writes, or believes what it reads, nobody else may.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hammerd.core.config_trust import Standing, distrust
from hammerd.core.daemon_config import DaemonConfig
from hammerd.core.errors import ConfigError, HammerdError

UMASK = 0o022
"""Ours, whatever that of who starts us: others may look at what we make, and write to none."""

RECORDS = "streams"
"""Where below run_dir the records of running streams are."""


def records_dir(settings: DaemonConfig) -> Path:
    """Return the directory of the records of running streams."""
    return Path(settings.run_dir) / RECORDS


def make_directories(settings: DaemonConfig) -> None:
    """Make the directories of sockets, state and logs, as far as they are missing.

    Raises:
        OSError: one cannot be made.
        ConfigError: one that we write in, or read from, is open to others.
    """
    files = (Path(settings.log_file), Path(settings.lag_log_file))
    parents = (file.parent for file in files)
    ours = (
        ("run_dir", Path(settings.run_dir)),
        ("run_dir", records_dir(settings)),
        ("state_dir", Path(settings.state_dir)),
    )
    for directory in (*(path for _, path in ours), *parents):
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    for key, directory in ours:
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
    standing = Standing(str(directory), found.st_uid, found.st_gid, mode, True)
    faults = distrust((standing,), os.geteuid())
    if faults:
        where = f"daemon.{key}"
        raise ConfigError(
            f"{directory} cannot be used", tuple(replace(one, where=where) for one in faults)
        )


@contextlib.contextmanager
def os_errors_explained() -> Iterator[None]:
    """Turn an OSError into words for whoever starts hammerd.

    Raises:
        HammerdError: something below raised an OSError.
    """
    try:
        yield
    except OSError as error:
        message = f"{error.filename or 'the system'}: {error.strerror}"
        in_the_way = isinstance(error, FileExistsError | NotADirectoryError)
        do = "move it away" if in_the_way else "run hammerd as root"
        raise HammerdError(message, f"{do}, or name another path") from error
