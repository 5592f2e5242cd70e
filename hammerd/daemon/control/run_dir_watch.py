"""Watches the sockets, the pid file and the lock, and makes missing ones again.

Without these files nobody can reach or stop a running hammerd. A cleaner of old files may remove
run_dir, and its disk may be full at the start. They are checked once a minute, together with
other periodic work; what was made again is logged.
"""

from collections.abc import Callable, Mapping

from hammerd.core.config.model import DaemonConfig
from hammerd.core.errors import HammerdError
from hammerd.daemon.control.server import ControlServer
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.service.lock_files import LockFiles
from hammerd.daemon.service.os_errors import FULL, explain
from hammerd.daemon.threads.blocking_calls import BlockingCalls

SCAN_TIMEOUT_S = 20.0
"""A scan that takes longer means that its disk hangs."""

SWEPT_HINT = "what removes files there? keep it from this directory"


class RunDirWatch:
    """Watches the files and sockets of one daemon."""

    def __init__(
        self, files: LockFiles, server: ControlServer, settings: DaemonConfig, log: Logger
    ) -> None:
        self._files = files
        self._server = server
        self._status_group = settings.status_group
        self._log = log
        self._blocking_calls = BlockingCalls()
        self.trouble: HammerdError | None = None
        """Why the files or sockets cannot be used, None while they can."""
        # Made again and not logged yet; a scan that is given up leaves both to the next one.
        self._made: list[str] = []
        self._is_half_bound = False
        self.on_made: tuple[Callable[[], None], ...] = ()
        """Functions that save again the files that were removed with the directories."""

    async def bind(self) -> None:
        """Make the sockets; on a full disk hammerd starts without them.

        Raises:
            OSError: they cannot be made for another reason.
        """
        trouble: HammerdError | None = None
        try:
            await self._bind()
        except OSError as error:
            if error.errno not in FULL:
                raise
            trouble = explain(error)
        self._set_trouble(trouble)

    async def scan(self) -> None:
        """Make missing files and sockets again, and log them."""
        trouble: HammerdError | None = None
        try:
            are_sockets_present = await self._blocking_calls.run(self._scan_files, SCAN_TIMEOUT_S)
            if not are_sockets_present or self._is_half_bound:
                await self._bind_again()
        except TimeoutError:
            trouble = HammerdError("the disk of run_dir or state_dir does not answer")
        except HammerdError as error:
            trouble = error
        except OSError as error:
            trouble = explain(error)
        self._log_made()
        self._set_trouble(trouble)

    def describe(self) -> Mapping[str, object]:
        """Return the status fields of run_dir."""
        return {"run_dir_unusable_because": self.trouble.message if self.trouble else None}

    def _scan_files(self) -> bool:
        """Make missing files, in a thread; return whether the sockets exist."""
        self._made.extend(self._files.make_missing())
        return self._server.are_present()

    async def _bind_again(self) -> None:
        # If an await below is cancelled, the sockets may exist without a listener.
        self._is_half_bound = True
        await self._server.close_sockets()
        await self._bind()
        await self._server.listen()
        self._is_half_bound = False
        self._made += self._server.paths()

    def _log_made(self) -> None:
        # The same list stays in use: a thread that was given up may add to it at any moment.
        made = tuple(self._made)
        del self._made[: len(made)]
        if made:
            self._log.warning("run_dir.made_anew", files=" ".join(made), hint=SWEPT_HINT)
            for save_again in self.on_made:
                save_again()

    async def _bind(self) -> None:
        if warning := await self._server.bind(self._status_group):
            self._log.warning("status_socket.closed_to_group", because=warning)

    def _set_trouble(self, trouble: HammerdError | None) -> None:
        if trouble is None and self._files.pid_file_error is not None:
            trouble = explain(self._files.pid_file_error)
        before, self.trouble = self.trouble, trouble
        if trouble is not None and str(trouble) != str(before):
            self._log.error("run_dir.unusable", because=trouble.message, hint=trouble.hint or None)
