"""Gives the turn to one slave of a pair whose slaves take turns, and records all of them.

    probe  ── all paths are read ── the slave whose turn it is becomes that of the pair
    sample ── all paths are read ── another slave gets old: the stream is ended, a probe follows

A pair without such slaves has one turn, that of its slave.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair.events import Misdirected
from hammerd.core.pair.probe_verdict import Go, ProbeResult, is_away
from hammerd.core.pair.states import (
    MisdirectedCause,
    PairLife,
    Streaming,
    Trouble,
    WaitingForMount,
)
from hammerd.core.pairs import Endpoint, Pair, turns_of
from hammerd.core.rotation.choice import choose_turn, judge_turn, next_turn
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.readings.rotations import Rotations
from hammerd.daemon.readings.store import ReadingStore

LifeOf = Callable[[str], PairLife | None]
TakeTurn = Callable[[str, Endpoint], Pair | None]
"""Makes a slave that of a pair, and returns the pair; None if there is no such pair."""


class Turns:
    """The turns of all pairs."""

    def __init__(self, rotations: Rotations, readings: ReadingStore) -> None:
        self.rotations = rotations
        self._readings = readings
        self.life_of: LifeOf = lambda _pair: None
        self.take_turn: TakeTurn = lambda _pair, _slave: None

    def choose(self, pair: Pair, readings: Iterable[EndpointReading]) -> Pair | None:
        """Give the turn to a slave of a pair that was just read; None if the pair is gone."""
        if not pair.rotate.takes_turns:
            return pair
        life = self.life_of(pair.name)
        seen = {reading.endpoint: reading.seen for reading in readings}
        self.rotations.record(pair, seen)
        chosen = choose_turn(pair, seen, life.memory.failures if life else 0)
        return self.take_turn(pair.name, chosen.slave)

    def may_begin(self, pair: Pair, readings: Mapping[Endpoint, EndpointReading]) -> bool:
        """Return whether a slave is there for which a pair waits."""
        life = self.life_of(pair.name)
        if life is None or not isinstance(life.state, WaitingForMount):
            return False
        seen = {one: reading.seen for one, reading in readings.items()}
        is_waiting = is_away(pair, life.state.trouble.because)
        return is_waiting and any(_is_there(turn, seen) for turn in turns_of(pair))

    def sampled(
        self, pair: Pair, readings: Mapping[Endpoint, EndpointReading]
    ) -> Misdirected | None:
        """Record a sample of a pair; return the event that ends the turn of its slave, if any."""
        if not pair.rotate.takes_turns:
            return None
        seen = {one: reading.seen for one, reading in readings.items()}
        others = [turn for turn in turns_of(pair) if turn.slave != pair.slave]
        waiting = [turn for turn in others if _is_there(turn, seen)]
        for turn in waiting:
            self._readings.set_slave(turn.slave)
        self.rotations.record(pair, seen)
        now_at, life = asyncio.get_running_loop().time(), self.life_of(pair.name)
        for turn in turns_of(pair):
            self._readings.remember(turn, self._readings.lag(turn, now_at))
        if life is None or not isinstance(life.state, Streaming):
            return None
        lags = [(turn.slave, self._readings.lag(turn, now_at)) for turn in waiting]
        slave = next_turn(pair, self._readings.lag(pair, now_at), lags)
        if slave is None:
            return None
        hint = f"slave {slave} is there too and gets old; slave {pair.slave} is in sync"
        return Misdirected(Trouble(MisdirectedCause.SLAVE_TURN, hint))


def _is_there(pair: Pair, seen: Mapping[Endpoint, ProbeResult]) -> bool:
    slave = seen.get(pair.slave)
    is_go = isinstance(judge_turn(pair, seen.get(pair.master), slave), Go)
    return is_go and isinstance(slave, PfsStatus)
