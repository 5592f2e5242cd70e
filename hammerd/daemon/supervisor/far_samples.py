"""Samples other hosts in the background, each host by itself: none delays this machine.

The host of a master waits a moment for that of its slave. Only a master that was read later than
its slave can show that the slave is ahead.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from hammerd.core.hosts.host import Host
from hammerd.core.pairs import Pair
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.probe.far_probes import FarProbes
from hammerd.daemon.probe.reading import EndpointReading

SLAVES_FIRST_S = 2.0
"""The longest time for which the host of a master waits for the host of its slave."""

OnAnswer = Callable[[Host, Sequence[Pair], Sequence[EndpointReading]], None]
"""Called with the readings of a host and its pairs; without readings if ssh failed."""


class FarSamples:
    """The samples of other hosts that are under way, one for each host."""

    def __init__(self, far: FarProbes, log: Logger, on_answer: OnAnswer) -> None:
        self._far = far
        self._log = log
        self._on_answer = on_answer
        self._tasks: dict[Host, asyncio.Task[None]] = {}

    def to_start(self, pairs: Collection[Pair]) -> Mapping[Host, Sequence[Pair]]:
        """Return the hosts that can be sampled now, with their pairs."""
        found = self._far.to_sample(pairs)
        return {host: own for host, own in found.items() if host not in self._tasks}

    def start(self, hosts: Mapping[Host, Sequence[Pair]]) -> None:
        """Start a sample of each of these hosts."""
        for host, pairs in hosts.items():
            task = asyncio.get_running_loop().create_task(self._sample(host, pairs))
            self._tasks[host] = task
            task.add_done_callback(partial(self._sampled, host))

    async def close(self) -> None:
        """End the samples under way; they answer no more."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _sample(self, host: Host, pairs: Sequence[Pair]) -> None:
        if slaves := self._samples_of_slaves(host, pairs):
            await asyncio.wait(slaves, timeout=SLAVES_FIRST_S)
        self._on_answer(host, pairs, await self._far.sample(host, pairs))

    def _samples_of_slaves(self, host: Host, pairs: Collection[Pair]) -> set[asyncio.Task[None]]:
        """Return the samples of other hosts that have the slaves of masters on this one."""
        hosts = {pair.slave.host for pair in pairs if pair.master.host == host} - {host}
        return {task for one, task in self._tasks.items() if one in hosts}

    def _sampled(self, host: Host, task: asyncio.Task[None]) -> None:
        del self._tasks[host]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("probe.broke", host=host.login, error=repr(error))
