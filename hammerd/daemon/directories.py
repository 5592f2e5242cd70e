"""The directories that the daemon needs, and what is said when the system refuses one."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from hammerd.core.daemon_config import DaemonConfig
from hammerd.core.errors import HammerdError


def make_directories(settings: DaemonConfig) -> None:
    """Make the directories of sockets, state and logs, as far as they are missing.

    Raises:
        OSError: one cannot be made.
    """
    files = (Path(settings.log_file), Path(settings.lag_log_file))
    parents = (file.parent for file in files)
    for directory in (Path(settings.run_dir), Path(settings.state_dir), *parents):
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)


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
