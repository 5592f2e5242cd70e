"""Holds the two files that show that hammerd runs: the pid file in run_dir, the lock in state_dir.

    run_dir/hammerd.pid      its pid: read by the service script
    state_dir/hammerd.lock   its pid, and its run_dir on a second line: identifies the daemon when
                             run_dir was deleted or changed in the config

The process locks both while it lives. When a cleanup deletes them, both are made again, with their
directories, before a second hammerd can start. A full run_dir is no reason not to mirror: its
files are made as soon as the disk has space.
"""

import os
from collections.abc import Callable
from pathlib import Path

from hammerd.core import paths
from hammerd.core.config.model import DaemonConfig
from hammerd.core.lock_text import lock_text
from hammerd.daemon.service.directories import make_directory, records_dir
from hammerd.daemon.service.os_errors import FULL
from hammerd.daemon.service.pidfile import PidFile


class LockFiles:
    """The pid file and the lock, held within a `with` block."""

    def __init__(self, settings: DaemonConfig) -> None:
        self._settings = settings
        self._run_dir, self._state_dir = Path(settings.run_dir), Path(settings.state_dir)
        self._pid_file: PidFile | None = None
        self._lock: PidFile | None = None
        self.pid_file_error: OSError | None = None
        """The reason why files in run_dir could not be made, None if all exist."""

    def __enter__(self) -> "LockFiles":
        """Make both files and their directories.

        Raises:
            AlreadyRunning: another hammerd holds one of them.
            HammerdError: a file of these names is not ours.
            OSError: they cannot be made, for another reason than a full run_dir.
        """
        try:
            self.make_missing()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Remove both files, and release their locks."""
        for file in (self._pid_file, self._lock):
            if file is not None:
                file.__exit__()
        self._pid_file = self._lock = None

    def make_missing(self) -> tuple[str, ...]:
        """Make the files that are missing or incomplete; return the paths of those made.

        Blocks as long as the disks do.

        Raises:
            AlreadyRunning, HammerdError, OSError: as at the start.
        """
        made: list[str] = []
        try:
            made += self._make_pid_file()
            make_directory("run_dir", records_dir(self._settings))
            self.pid_file_error = None
        except OSError as error:
            if error.errno not in FULL:
                raise
            self.pid_file_error = error
        return (*made, *self._make_lock())

    def _make_pid_file(self) -> list[str]:
        make_directory("run_dir", self._run_dir)
        path = self._run_dir / paths.PID_FILE
        old, self._pid_file = self._pid_file, _current(self._pid_file, lambda: PidFile(path))
        return [] if old is self._pid_file else [str(path)]

    def _make_lock(self) -> list[str]:
        make_directory("state_dir", self._state_dir)
        path = self._state_dir / paths.LOCK_FILE
        text = lock_text(os.getpid(), self._run_dir)
        old, self._lock = (
            self._lock,
            _current(self._lock, lambda: PidFile(path, is_lock_only=True, text=text)),
        )
        return [] if old is self._lock else [str(path)]


def _current(file: PidFile | None, make: Callable[[], PidFile]) -> PidFile:
    """Return the file if its name is still ours, else a new one."""
    if file is not None and file.is_present():
        file.write()
        return file
    # The new lock is taken before the old one is released.
    new = make()
    if file is not None:
        file.release()
    return new
