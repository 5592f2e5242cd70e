"""The command lines that the kernel does not tell: those that DragonFly finds too long to keep.

    no words ── known already? ── one ps for all that are not ── known until the process is gone

ps(1) reads them in the memory of each process, through /proc, where a disk may hold it up: it is
a command with a deadline, and while one is not back there is no second one. Where it tells nothing
either, a process has no words and stops no mirror.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from hammerd.core.hammer.commands import environment
from hammerd.core.hammer.process_args import PS_ARGV, parse_ps
from hammerd.daemon.process.commands import Commands

PS_TIMEOUT_S = 5.0


class Process(NamedTuple):
    """A process that tells no words; its name changes when it runs another program."""

    pid: int
    started_time: float
    name: str


class LongCommands:
    """What ps told of the processes that are there."""

    def __init__(self, calls: Commands) -> None:
        self._calls = calls
        self._known: dict[Process, tuple[str, ...]] = {}
        self._late_pid = 0

    async def words_of(self, processes: Collection[Process]) -> Mapping[Process, tuple[str, ...]]:
        """Return the words of processes as far as ps tells them; forget all others."""
        self._known = {one: words for one, words in self._known.items() if one in processes}
        if self._known.keys() != set(processes) and not self._calls.is_under_way(self._late_pid):
            answer = await self._calls.run(PS_ARGV, environment("/"), PS_TIMEOUT_S)
            self._late_pid = answer.pid
            if answer.is_good:
                told = parse_ps(answer.stdout)
                self._known = {one: told.get(one.pid, ()) for one in processes}
        return self._known
