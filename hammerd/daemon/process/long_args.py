"""Reads command lines that the kernel does not return: DragonFly does not keep long ones.

    no arguments ── in the cache? ── one ps for all that are not ── cached until the process ends

ps(1) reads them in the memory of each process, through /proc, where a disk may hold it up: so it
is a command with a deadline, and no second ps starts before the first has exited. A process of
which ps prints nothing either has no arguments for us, and stops no mirror.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from hammerd.core.hammer.commands import environment
from hammerd.core.hammer.process_args import PS_ARGV, parse_ps
from hammerd.daemon.process.commands import Commands

PS_TIMEOUT_S = 5.0


class ProcessKey(NamedTuple):
    """A process without arguments in the process table; `name` changes with its program."""

    pid: int
    started_time: float
    name: str


class LongArgs:
    """The arguments that ps printed of processes that still run."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._cache: dict[ProcessKey, tuple[str, ...]] = {}
        self._late_pid = 0

    async def argv_of(
        self, processes: Collection[ProcessKey]
    ) -> Mapping[ProcessKey, tuple[str, ...]]:
        """Return the arguments of processes as far as ps prints them; forget all others."""
        self._cache = {key: argv for key, argv in self._cache.items() if key in processes}
        is_late = self._commands.is_under_way(self._late_pid)
        if self._cache.keys() != set(processes) and not is_late:
            result = await self._commands.run(PS_ARGV, environment("/"), PS_TIMEOUT_S)
            self._late_pid = result.pid
            if result.is_good:
                printed = parse_ps(result.stdout)
                self._cache = {key: printed.get(key.pid, ()) for key in processes}
        return self._cache
