"""What streams say that is of use beyond their own pair's machine.

First signs of life call for a look at foreign streams; TIDs announced and set explain how a slave
moves; each step of a master is a sample of its clock, and one on another host is seen by nothing
else. Called before the machine hears of it.
Nothing here raises: the machine must get every event, GroupEmpty above all.
"""

from collections.abc import Callable, Iterable
from typing import assert_never

from hammerd.core.hammer.messages import (
    Batch,
    Committed,
    Complaint,
    LostLink,
    Message,
    NoWork,
    Prescan,
    PrescanDone,
    Progress,
    Remark,
    SliceWritten,
    WentIdle,
)
from hammerd.core.pair.events import Event, GroupEmpty, MessageRead
from hammerd.core.pair.states import PairLife, Streaming
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.core.replication.master_inference import MasterInference, Observation
from hammerd.core.replication.read_order import ReadSpan
from hammerd.core.tid import Tid
from hammerd.daemon.foreign.watch import ForeignWatch
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.readings.unknowns import WentBack
from hammerd.daemon.timing.clock import Clock, Instant

LifeOf = Callable[[str], PairLife]
UnsaidAt = Callable[[str], float | None]
"""Tells a moment at which what a pair's stream says now was not said; None if unknown."""

OnRolledBack = Callable[[Endpoint, WentBack], None]
OnFailed = Callable[[str, Exception], None]


class StreamObserver:
    """Listens to all streams."""

    def __init__(
        self,
        life_of: LifeOf,
        foreign: ForeignWatch,
        readings: ReadingStore,
        anomaly_detector: AnomalyDetector,
        clock: Clock,
    ) -> None:
        self._life_of = life_of
        self._foreign = foreign
        self._readings = readings
        self._anomaly_detector = anomaly_detector
        self._clock = clock
        self.unwritten_at: UnsaidAt = lambda _pair: None
        self.on_rolled_back: OnRolledBack = lambda _slave, _back: None
        self.on_failed: OnFailed = lambda _pair, _error: None
        self._listening: dict[str, MasterInference] = {}

    def heard(self, pair: str, event: Event) -> None:
        """Take note of what a stream said or did."""
        try:
            self._observe(pair, event)
        except Exception as error:
            self.on_failed(pair, error)

    def _observe(self, pair: str, event: Event) -> None:
        self._foreign.observe(pair, event)
        if isinstance(event, GroupEmpty):
            self._listening.pop(pair, None)
        elif isinstance(event, MessageRead):
            self._note(self._life_of(pair), event.message)

    def still_resting(self, lives: Iterable[PairLife]) -> None:
        """Take note of masters on other hosts whose streams rest: they seem to stay as they were.

        A half that stands still, or a stream that is being ended, tells nothing.
        """
        now_at = self._clock.now().at
        for life in lives:
            listening = self._listening.get(life.pair.name)
            if listening is None or not life.pair.master.is_remote or not _lives(life):
                continue
            at = listening.held_until_at(now_at)
            if at is not None:
                self._rests(life.pair, listening, at)

    def _rests(self, pair: Pair, listening: MasterInference, at: float) -> None:
        newest, slave = self._readings.clock(pair.master).newest, self._readings.slave(pair.slave)
        if (newest is None or newest.is_approximate) and slave is not None:
            # It found nothing to copy: the master held no more than the slave holds.
            self._sighted(pair, Observation(slave.tid, listening.reads_after_at))
        self._readings.master_rests(pair.master, at)

    def _note(self, life: PairLife, message: Message) -> None:
        match message:
            case Committed(tid):
                self._anomaly_detector.add_committed(life.pair.slave, tid)
            case Batch(begin, end):
                if end > begin:
                    self._anomaly_detector.add_announced(life.pair.slave, end)
                if life.pair.slave.is_remote:
                    self._begun(life.pair.slave, begin)
            case Prescan() | PrescanDone() | NoWork() | Progress() | SliceWritten() | WentIdle():
                pass
            case LostLink() | Complaint() | Remark():
                pass
            case _:
                assert_never(message)
        # Of slices a lost line would pass for the last one; a master that is here is read, too.
        is_slice = isinstance(message, Batch) and message.bulk_bytes is not None
        if life.pair.master.is_remote or not is_slice:
            self._listen(life, message)

    def _begun(self, slave: Endpoint, begin: Tid) -> None:
        back = self._readings.slaves.begun_at(slave, begin, self._clock.now().at)
        if back is not None:
            self.on_rolled_back(slave, back)

    def _listen(self, life: PairLife, message: Message) -> None:
        name = life.pair.name
        # The first word of a stream finds its pair launching, since the launch.
        listening = self._listening.get(name) or MasterInference(
            life.state.since_at, life.pair.master.is_remote
        )
        unwritten_at = self.unwritten_at(name)
        known_at = listening.reads_after_at if unwritten_at is None else unwritten_at
        self._listening[name], seen = listening.add(message, known_at)
        if seen is not None:
            self._sighted(life.pair, seen)

    def _sighted(self, pair: Pair, seen: Observation) -> None:
        span = ReadSpan(seen.at, self._clock.now().at)
        if pair.master.is_remote:
            began = Instant(seen.at, self._clock.wall_time(seen.at))
            self._readings.master_read(pair.master, seen.tid, began, span)
        else:
            # It is no answer: a master that does not answer stays unread.
            self._readings.master_seen(pair.master, seen.tid, seen.at, span)


def _lives(life: PairLife) -> bool:
    return isinstance(life.state, Streaming) and life.state.stopped_half is None
