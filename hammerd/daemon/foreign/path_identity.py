"""Identifies the PFS that a foreign process writes to, and the crontab line that starts it.

One read of paths for all new writers; for a path that is no PFS softlink (a null mount, a
directory in the PFS) a pfs-status as well. A path that hangs is not read again. A command with a
deadline reads crontabs, and only when a foreign stream parks a pair.
"""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass

from hammerd.core.characters import printable
from hammerd.core.hammer.process_args import scheduled_slave
from hammerd.core.pairs import Endpoint
from hammerd.daemon.foreign.slave_writers import SlaveWriter, find_writers
from hammerd.daemon.paths.path_state import PathState
from hammerd.daemon.paths.prober import PathProber
from hammerd.daemon.probe.pfs_status import PfsStatusCommands
from hammerd.daemon.process.commands import Commands
from hammerd.daemon.process.long_args import LongArgs
from hammerd.daemon.process.platform import SYSTEM

STATUS_TIMEOUT_S = CRONTAB_TIMEOUT_S = 5.0
LONGEST_LINE = 200

FindWriters = Callable[[Collection[int], LongArgs], AsyncIterator[SlaveWriter]]


@dataclass(frozen=True, slots=True)
class PathIdentity:
    """The real path of a writer's slave, and its unique-uuid where only that identifies it."""

    real: str | None = None
    unique_uuid: str | None = None


UNIDENTIFIED = PathIdentity()


class PathIdentities:
    """The slaves of running foreign writers; `crontabs` finds the line that starts one again."""

    def __init__(
        self,
        commands: Commands,
        statuses: PfsStatusCommands,
        prober: PathProber,
        find: FindWriters = find_writers,
    ) -> None:
        self._long_commands = LongArgs(commands)
        self.crontabs = Crontabs(commands)
        self._statuses = statuses
        self._prober = prober
        self._find = find
        self._known: dict[tuple[int, str], PathIdentity] = {}

    def find_writers(self, but: Collection[int]) -> AsyncIterator[SlaveWriter]:
        """Yield every process that writes to a slave, except members of these groups."""
        return self._find(but, self._long_commands)

    def get(self, writer: SlaveWriter) -> PathIdentity:
        """Return what is known of a writer's slave."""
        return self._known.get(_key(writer), UNIDENTIFIED)

    async def identify(self, writers: Collection[SlaveWriter]) -> None:
        """Identify the slaves of new writers, and forget writers that have exited."""
        here = {_key(one): one.slave.path for one in writers if one.slave.host.shares_paths}
        self._known = {key: found for key, found in self._known.items() if key in here}
        new = {key: path for key, path in here.items() if key not in self._known}
        answers = await self._prober.probe(new.values())
        for key, path in new.items():
            if (state := answers.get(path)) is not None:
                await self._identify(key, state)
            elif path in answers:
                self._known[key] = UNIDENTIFIED

    async def unique_uuid(self, slave: Endpoint) -> str | None:
        """Return the unique-uuid of a slave on this machine, None when it cannot be read now."""
        result = await self._statuses.status([slave], STATUS_TIMEOUT_S)
        return result.statuses[0].unique_uuid if result.statuses else None

    async def on_same_file_system(
        self, slave: Endpoint, others: Collection[Endpoint]
    ) -> set[Endpoint]:
        """Return the endpoints that are on the file system of a slave, or may be on it."""
        answers = await self._prober.probe([slave.path, *(one.path for one in others)])
        here = _file_system(answers.get(slave.path))
        there = {one: _file_system(answers.get(one.path)) for one in others}
        return {one for one, found in there.items() if None in (here, found) or found == here}

    async def _identify(self, key: tuple[int, str], state: PathState) -> None:
        if state.is_pfs_link:
            self._known[key] = PathIdentity(state.real)
            return
        result = await self._statuses.status([Endpoint(state.operand)], STATUS_TIMEOUT_S)
        if result.statuses:
            self._known[key] = PathIdentity(state.real, result.statuses[0].unique_uuid)
        elif result.hung_pid:
            self._known[key] = PathIdentity(state.real)


class Crontabs:
    """The files that may start a stream at boot."""

    def __init__(self, commands: Commands, paths: Sequence[str] = SYSTEM.crontabs) -> None:
        self._commands = commands
        self._paths = paths

    async def line_for(self, operand: str) -> str:
        """Return the file and the line that writes to a slave; empty where there is none."""
        for path in self._paths:
            result = await self._commands.run(("/bin/cat", path), {}, CRONTAB_TIMEOUT_S)
            for line in result.stdout.splitlines():
                if scheduled_slave(line) == operand:
                    return f"{path}: {printable(' '.join(line.split())[:LONGEST_LINE])}"
        return ""


def _file_system(state: PathState | None) -> int | None:
    """Return the id that all PFSs of a file system share; their device numbers differ."""
    if state is None or not state.file_system:
        return None
    _, fsid = state.file_system
    return fsid if fsid is not None else state.device


def _key(writer: SlaveWriter) -> tuple[int, str]:
    """Return the key that the three processes of one stream share."""
    return (writer.pgid, writer.slave.path)
