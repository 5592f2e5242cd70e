"""Finds out which PFS a stranger writes to, when his path is not written as ours is.

One look for all strangers that are new; for one that names no PFS softlink (a null mount, a
directory in the PFS) a pfs-status of its own. Whose path hangs is not looked at again.
"""

from collections.abc import Collection
from dataclasses import dataclass

from hammerd.core.pairs import Endpoint
from hammerd.daemon.foreign import Writer
from hammerd.daemon.looks import Looks
from hammerd.daemon.seen import Seen
from hammerd.daemon.status_calls import StatusCalls

STATUS_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Written:
    """The real path of what somebody writes to, and its unique-uuid where only that tells."""

    real: str | None = None
    unique_uuid: str | None = None


NOTHING = Written()


class WrittenSlaves:
    """What was found out about the strangers that are there."""

    def __init__(self, calls: StatusCalls, looks: Looks) -> None:
        self._calls = calls
        self._looks = looks
        self._known: dict[tuple[int, str], Written] = {}

    def get(self, writer: Writer) -> Written:
        """Return what is known of what a stranger writes to."""
        return self._known.get(_identity(writer), NOTHING)

    async def learn(self, writers: Collection[Writer]) -> None:
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

    async def _keep(self, key: tuple[int, str], seen: Seen) -> None:
        if seen.is_pfs_link:
            self._known[key] = Written(seen.real)
            return
        answer = await self._calls.status([Endpoint(seen.operand)], STATUS_TIMEOUT_S)
        if answer.statuses:
            self._known[key] = Written(seen.real, answer.statuses[0].unique_uuid)
        elif answer.hung_pid:
            self._known[key] = Written(seen.real)


def _identity(writer: Writer) -> tuple[int, str]:
    """Return what is the same of all that write to one slave in a group: they are three."""
    return (writer.pgid, writer.slave.path)
