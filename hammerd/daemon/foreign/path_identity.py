"""Finds out which PFS a stranger writes to, when his path is not written as ours is.

One look for all strangers that are new; for one that names no PFS softlink (a null mount, a
directory in the PFS) a pfs-status of its own. Whose path hangs is not looked at again.
"""

from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass

from hammerd.core.pairs import Endpoint
from hammerd.daemon.foreign.crontabs import Crontabs
from hammerd.daemon.foreign.slave_writers import SlaveWriter, writers
from hammerd.daemon.paths.path_state import PathState
from hammerd.daemon.paths.prober import PathProber
from hammerd.daemon.probe.pfs_status import PfsStatusCommands
from hammerd.daemon.process.commands import Commands
from hammerd.daemon.process.long_args import LongArgs

STATUS_TIMEOUT_S = 5.0


Scan = Callable[[Collection[int], LongArgs], AsyncIterator[SlaveWriter]]
"""Yields every process that writes to a slave, but members of these groups."""


@dataclass(frozen=True, slots=True)
class PathIdentity:
    """The real path of what somebody writes to, and its unique-uuid where only that tells."""

    real: str | None = None
    unique_uuid: str | None = None


NOTHING = PathIdentity()


class PathIdentities:
    """What was found out about the strangers that are there.

    `crontabs` tells what starts one again.
    """

    def __init__(
        self,
        calls: Commands,
        statuses: PfsStatusCommands,
        looks: PathProber,
        scan: Scan = writers,
    ) -> None:
        self._commands = LongArgs(calls)
        self.crontabs = Crontabs(calls)
        self._statuses = statuses
        self._looks = looks
        self._scan = scan
        self._known: dict[tuple[int, str], PathIdentity] = {}

    def writers(self, but: Collection[int]) -> AsyncIterator[SlaveWriter]:
        """Yield every process that writes to a slave, but members of these groups."""
        return self._scan(but, self._commands)

    def get(self, writer: SlaveWriter) -> PathIdentity:
        """Return what is known of what a stranger writes to."""
        return self._known.get(_identity(writer), NOTHING)

    async def learn(self, writers: Collection[SlaveWriter]) -> None:
        """Find out about those that are new, and forget those that are gone."""
        here = {_identity(one): one for one in writers if not one.slave.is_remote}
        self._known = {key: found for key, found in self._known.items() if key in here}
        new = [key for key in here if key not in self._known]
        answers = await self._looks.look(here[key].slave.path for key in new)
        for key in new:
            if (seen := answers.get(here[key].slave.path)) is not None:
                await self._keep(key, seen)
            elif here[key].slave.path in answers:
                self._known[key] = NOTHING

    async def unique_uuid(self, slave: Endpoint) -> str | None:
        """Return the unique-uuid of a slave on this machine, None when it cannot be read now."""
        answer = await self._statuses.status([slave], STATUS_TIMEOUT_S)
        return answer.statuses[0].unique_uuid if answer.statuses else None

    async def beside(self, slave: Endpoint, others: Collection[Endpoint]) -> set[Endpoint]:
        """Return those that are on the file system of a slave, or may be for all that is told."""
        answers = await self._looks.look([slave.path, *(one.path for one in others)])
        here = _file_system(answers.get(slave.path))
        there = {one: _file_system(answers.get(one.path)) for one in others}
        return {one for one, of_it in there.items() if None in (here, of_it) or of_it == here}

    async def _keep(self, key: tuple[int, str], seen: PathState) -> None:
        if seen.is_pfs_link:
            self._known[key] = PathIdentity(seen.real)
            return
        answer = await self._statuses.status([Endpoint(seen.operand)], STATUS_TIMEOUT_S)
        if answer.statuses:
            self._known[key] = PathIdentity(seen.real, answer.statuses[0].unique_uuid)
        elif answer.hung_pid:
            self._known[key] = PathIdentity(seen.real)


def _file_system(seen: PathState | None) -> int | None:
    """Return what is the same of all that is on one file system, a PFS's own device is not."""
    if seen is None or not seen.file_system:
        return None
    _, fsid = seen.file_system
    return fsid if fsid is not None else seen.device


def _identity(writer: SlaveWriter) -> tuple[int, str]:
    """Return what is the same of all that write to one slave in a group: they are three."""
    return (writer.pgid, writer.slave.path)
