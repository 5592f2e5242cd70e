"""Keeps the sockets, the pid file and the lock where others look for them.

Without them a hammerd that lives can be neither asked nor stopped: a sweeper of old files may take
run_dir away, and its disk may be full at the start.

Once a minute, with what else is due then, the pid file, the lock and the sockets are looked at;
what is gone is made anew and told of in the log.
"""

from collections.abc import Callable, Mapping

from hammerd.core.config.model import DaemonConfig
from hammerd.core.errors import HammerdError
from hammerd.daemon.control.server import ControlServer
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.service.lock_files import LockFiles
from hammerd.daemon.service.os_errors import FULL, explained
from hammerd.daemon.threads.blocking_calls import BlockingCalls

LOOK_S = 20.0
"""How long a look may take before its disk counts as one that hangs."""

SWEPT_HINT = "what removes files there? keep it from this directory"


class RunDirWatch:
    """The files and sockets of one daemon."""

    def __init__(
        self, files: LockFiles, server: ControlServer, settings: DaemonConfig, log: Logger
    ) -> None:
        self._files = files
        self._server = server
        self._status_group = settings.status_group
        self._log = log
        self._blocking_calls = BlockingCalls()
        self._trouble: HammerdError | None = None
        # Made anew, and not told of yet; a look that is given up leaves both to the next one.
        self._made: list[str] = []
        self._is_half_bound = False
        self.on_made: tuple[Callable[[], None], ...] = ()
        """What saves once more what was swept away with the directories."""

    @property
    def trouble(self) -> HammerdError | None:
        """Why hammerd cannot be found or asked as it should, None while it can."""
        return self._trouble

    async def bind(self) -> None:
        """Make the sockets; without room for them hammerd starts all the same.

        Raises:
            OSError: they cannot be made, and not for want of room.
        """
        try:
            await self._bind()
        except OSError as error:
            if error.errno not in FULL:
                raise
            self._fails(explained(error))
        else:
            self._say_what_lacks()

    async def look(self) -> None:
        """Make anew what is gone, and say so."""
        trouble: HammerdError | None = None
        try:
            are_sockets_there = await self._blocking_calls.run(self._look, LOOK_S)
            if not are_sockets_there or self._is_half_bound:
                await self._bind_anew()
        except TimeoutError:
            trouble = HammerdError("the disk of run_dir or state_dir does not answer")
        except HammerdError as error:
            trouble = error
        except OSError as error:
            trouble = explained(error)
        self._tell_what_was_made()
        if trouble is None:
            self._say_what_lacks()
        else:
            self._fails(trouble)

    def describe(self) -> Mapping[str, object]:
        """Return what status says of it."""
        return {"run_dir_unusable_because": self._trouble.message if self._trouble else None}

    def _look(self) -> bool:
        """Make the files, beside the loop; tell whether the sockets are there."""
        self._made.extend(self._files.make_missing())
        return self._server.are_there()

    async def _bind_anew(self) -> None:
        # Sockets may be there by their names, and nobody listens yet.
        self._is_half_bound = True
        await self._server.close_sockets()
        await self._bind()
        await self._server.listen()
        self._is_half_bound = False
        self._made += self._server.paths()

    def _tell_what_was_made(self) -> None:
        # A thread that was given up may add to them at any moment: the list stays the same one.
        made = tuple(self._made)
        del self._made[: len(made)]
        if made:
            self._log.warning("run_dir.made_anew", files=" ".join(made), hint=SWEPT_HINT)
            for save_again in self.on_made:
                save_again()

    async def _bind(self) -> None:
        if warning := await self._server.bind(self._status_group):
            self._log.warning("status_socket.closed_to_group", because=warning)

    def _say_what_lacks(self) -> None:
        lacking = self._files.lacking
        self._fails(None if lacking is None else explained(lacking))

    def _fails(self, trouble: HammerdError | None) -> None:
        before, self._trouble = self._trouble, trouble
        if trouble is not None and str(trouble) != str(before):
            self._log.error("run_dir.unusable", because=trouble.message, hint=trouble.hint or None)
