"""Tells whether anything mirrors a pair: a running hammerd, or else any stream onto its slave."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace

from hammerd.cli.check.bounded_command import run_command
from hammerd.cli.client.status_types import PairStatus, read_status
from hammerd.cli.options.location import Location
from hammerd.cli.output.failures import NoDaemon
from hammerd.cli.wait.obstacles import Obstacle, obstacle_of
from hammerd.core.api.protocol import Request, Verb
from hammerd.core.errors import HammerdError
from hammerd.core.hammer.process_args import written_slave
from hammerd.core.pairs import Pair, slaves_of

LIST_PROCESSES = ("ps", "-axww", "-o", "command=")
PS_TIMEOUT_S = 10.0

ABSENT_S = 10.0
"""The time for which a hammerd that answered before may be absent: it is restarted."""


class Supervision:
    """The status of the pairs, asked for at most once in a while."""

    def __init__(self, location: Location, pairs: tuple[Pair, ...]) -> None:
        self._location = location
        self._pairs = pairs
        self._statuses: dict[str, PairStatus] = {}
        self._measured_time: str | None = None
        self._answered_at: float | None = None

    def update(self) -> None:
        """Ask hammerd for the status.

        Raises:
            HammerdError: a hammerd runs that cannot be asked.
        """
        try:
            status = read_status(self._location.send(Request(Verb.STATUS)))
        except HammerdError as error:
            if not isinstance(error, NoDaemon):
                raise
            self._statuses = {}
            return
        self._answered_at = time.monotonic()
        self._measured_time = status.get("measured_time")
        self._statuses = {pair["pair"]: pair for pair in status["pairs"]}

    def with_present_slave(self, pair: Pair) -> Pair:
        """Return a pair whose slaves take turns with the slave whose turn it is."""
        status = self.status(pair)
        for slave in slaves_of(pair):
            is_its_turn = str(slave) == status["slave"] if status else os.path.lexists(slave.path)
            if is_its_turn:
                return replace(pair, slave=slave)
        return pair

    def status(self, pair: Pair) -> PairStatus | None:
        """Return the last status of a pair, None if no hammerd told of it."""
        return self._statuses.get(pair.name)

    def obstacle(self, pair: Pair, left_s: float) -> Obstacle | None:
        """Return why a pair will not catch up, None if it may."""
        if (status := self.status(pair)) is not None:
            return obstacle_of(status, left_s, self._measured_time)
        if self._statuses:
            return Obstacle("the running hammerd does not have the pair", '"hammerd reload"')
        at = self._answered_at
        if (at is not None and time.monotonic() - at < ABSENT_S) or _is_streamed(pair):
            return None
        hint = "start it with: service hammerd start"
        return Obstacle("no hammerd answers, and no stream writes to the slave", hint)


def _is_streamed(pair: Pair) -> bool:
    """Return whether a process of this machine mirrors to the slave of a pair."""
    return str(pair.slave) in set(_written())


def _written() -> Iterator[str]:
    for line in run_command(LIST_PROCESSES, PS_TIMEOUT_S).text.splitlines():
        if (slave := written_slave(line.split())) is not None:
            yield slave
