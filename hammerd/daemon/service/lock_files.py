"""By what others see that this hammerd lives: the pid file in run_dir, the lock in state_dir.

    run_dir/hammerd.pid      its pid: where the service script looks
    state_dir/hammerd.lock   its pid, and its run_dir on a second line: what is left to be found by
                             when run_dir was swept away or is another one now

Both are locked while we live. Who sweeps directories takes them away under us: then both are made
anew, their directories too, before a second hammerd could take its place beside us. A run_dir
that is full is no reason not to mirror: what it lacks is made as soon as there is room.
"""

import os
from collections.abc import Callable
from pathlib import Path

from hammerd.core import paths
from hammerd.core.config.model import DaemonConfig
from hammerd.daemon.service.directories import make_directory, records_dir
from hammerd.daemon.service.os_errors import FULL
from hammerd.daemon.service.pidfile import PidFile


class LockFiles:
    """The two files, from `take()` on."""

    def __init__(self, settings: DaemonConfig) -> None:
        self._settings = settings
        self._run_dir, self._state_dir = Path(settings.run_dir), Path(settings.state_dir)
        self._pid_file: PidFile | None = None
        self._lock: PidFile | None = None
        self.lacking: OSError | None = None
        """Why run_dir lacks the pid file, None while it is there."""

    def __enter__(self) -> "LockFiles":
        """Make both files and their directories.

        Raises:
            AlreadyRunning: another hammerd holds one of them.
            HammerdError: what is in their place is not ours.
            OSError: they cannot be made, and not because run_dir is full.
        """
        try:
            self.make_missing()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Remove both, and let their locks go."""
        for file in (self._pid_file, self._lock):
            if file is not None:
                file.__exit__()
        self._pid_file = self._lock = None

    def make_missing(self) -> tuple[str, ...]:
        """Make what is not there, or no longer, or is not whole; return the files made.

        Blocks as long as the disks do.

        Raises:
            AlreadyRunning, HammerdError, OSError: as at the start.
        """
        made: list[str] = []
        try:
            made += self._make_pid_file()
            make_directory("run_dir", records_dir(self._settings))
            self.lacking = None
        except OSError as error:
            if error.errno not in FULL:
                raise
            self.lacking = error
        return (*made, *self._make_lock())

    def _make_pid_file(self) -> list[str]:
        make_directory("run_dir", self._run_dir)
        path = self._run_dir / paths.PID_FILE
        was, self._pid_file = self._pid_file, _kept(self._pid_file, lambda: PidFile(path))
        return [] if was is self._pid_file else [str(path)]

    def _make_lock(self) -> list[str]:
        make_directory("state_dir", self._state_dir)
        path = self._state_dir / paths.LOCK_FILE
        text = paths.lock_text(os.getpid(), self._run_dir)
        was, self._lock = (
            self._lock,
            _kept(self._lock, lambda: PidFile(path, is_lock_only=True, text=text)),
        )
        return [] if was is self._lock else [str(path)]


def _kept(file: PidFile | None, make: Callable[[], PidFile]) -> PidFile:
    """Return the file if it is still there, else a new one."""
    if file is not None and file.is_there():
        file.write()
        return file
    # The new lock is held before the old one is let go.
    new = make()
    if file is not None:
        file.let_go()
    return new
