"""What streams say that is of use beyond their own pair's machine.

First signs of life call for a look at foreign streams; TIDs announced and set explain how a slave
moves; a master on another host is seen by nothing else. Called before the machine hears of it.
Nothing here raises: the machine must get every event, GroupEmpty above all.
"""

from collections.abc import Callable, Iterable

from hammerd.core.anomalies import Anomalies
from hammerd.core.master_sightings import Listening, Sighting
from hammerd.core.pair_events import Event, GroupEmpty, Said
from hammerd.core.pair_states import PairLife, Streaming
from hammerd.core.pairs import Pair
from hammerd.core.read_spans import ReadSpan
from hammerd.core.stream_sayings import Batch, Committed, Saying
from hammerd.core.tid import Tid
from hammerd.daemon.clock import Clock, Instant
from hammerd.daemon.foreign_watch import ForeignWatch
from hammerd.daemon.readings import Readings

LifeOf = Callable[[str], PairLife]
OnFailed = Callable[[str, Exception], None]


class Hearsay:
    """Listens to all streams."""

    def __init__(
        self,
        life_of: LifeOf,
        foreign: ForeignWatch,
        readings: Readings,
        anomalies: Anomalies,
        clock: Clock,
    ) -> None:
        self._life_of = life_of
        self._foreign = foreign
        self._readings = readings
        self._anomalies = anomalies
        self._clock = clock
        self.on_failed: OnFailed = lambda _pair, _error: None
        self._listening: dict[str, Listening] = {}

    def heard(self, pair: str, event: Event) -> None:
        """Take note of what a stream said or did."""
        try:
            self._observe(pair, event)
        except Exception as error:
            self.on_failed(pair, error)

    def _observe(self, pair: str, event: Event) -> None:
        self._foreign.heard(pair, event)
        if isinstance(event, GroupEmpty):
            self._listening.pop(pair, None)
        elif isinstance(event, Said):
            self._note(self._life_of(pair), event.saying)

    def still_resting(self, lives: Iterable[PairLife]) -> None:
        """Take note of masters on other hosts whose streams rest: their TIDs stay what they were.

        A half that stands still, or a stream that is being ended, proves nothing.
        """
        for life in lives:
            listening = self._listening.get(life.pair.name)
            if listening is None or not _lives(life):
                continue
            tid, at = self._held_tid(life.pair), listening.proven_at(self._clock.now().at)
            if tid is not None and at is not None:
                self._sighted(life.pair, Sighting(tid, at), at)

    def _held_tid(self, pair: Pair) -> Tid | None:
        """Return the TID of a master whose stream rests, None where nobody knows it."""
        newest, slave = self._readings.clock(pair.master).newest, self._readings.slave(pair.slave)
        if newest is not None and not newest.is_approximate:
            return newest.tid
        # It found nothing to copy: the master holds what the slave holds.
        return slave.tid if slave else None

    def _note(self, life: PairLife, saying: Saying) -> None:
        match saying:
            case Committed(tid):
                self._anomalies.committed(life.pair.slave, tid)
            case Batch(begin, end) if end > begin:
                self._anomalies.announced(life.pair.slave, end)
            case _:
                pass
        if life.pair.master.is_remote:
            self._listen(life, saying)

    def _listen(self, life: PairLife, saying: Saying) -> None:
        name, now_at = life.pair.name, self._clock.now().at
        # The first word of a stream finds its pair launching, since the launch.
        listening = self._listening.get(name) or Listening(life.state.since_at)
        self._listening[name], seen = listening.hear(saying, now_at)
        if seen is not None:
            self._sighted(life.pair, seen, now_at)

    def _sighted(self, pair: Pair, seen: Sighting, now_at: float) -> None:
        began = Instant(seen.at, self._clock.wall_time(seen.at))
        self._readings.master_read(pair.master, seen.tid, began, ReadSpan(seen.at, now_at))


def _lives(life: PairLife) -> bool:
    return isinstance(life.state, Streaming) and life.state.stopped_half is None
