"""Forwards stream output to anomaly detection, the foreign-stream watch and TID readings.

A stream's first message starts a foreign-stream scan. Its TIDs explain how a slave moves. Each
batch is a sample of the master's TID clock: the only one of a master on another host.
The observer is called before the pair's machine gets the event, and raises nothing: the machine
must get every event, above all GroupEmpty.
"""

from collections.abc import Callable, Iterable
from typing import assert_never

from hammerd.core.hammer import messages
from hammerd.core.hammer.diagnostics import is_guard_refusal
from hammerd.core.pair.events import Event, GroupEmpty, MessageRead
from hammerd.core.pair.states import PairLife, Streaming
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.core.replication.master_inference import MasterInference, idle_proves_s
from hammerd.core.replication.read_order import ReadSpan
from hammerd.core.replication.tid_clock import TidSample
from hammerd.core.tid import Tid
from hammerd.daemon.foreign.watch import ForeignWatch
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.readings.unknowns import WentBack
from hammerd.daemon.timing.clock import Clock, Instant

LifeOf = Callable[[str], PairLife]
UnwrittenAt = Callable[[str], float | None]
"""Returns an instant at which a pair's last message was not written yet; None if unknown."""

OnRolledBack = Callable[[Endpoint, WentBack], None]
OnFailed = Callable[[str, Exception], None]


class StreamObserver:
    """Observes the messages and ends of all streams."""

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
        self.unwritten_at: UnwrittenAt = lambda _pair: None
        self.on_rolled_back: OnRolledBack = lambda _slave, _back: None
        self.on_failed: OnFailed = lambda _pair, _error: None
        self.on_guard_refused: Callable[[Pair], None] = lambda _pair: None
        self._inferences: dict[str, MasterInference] = {}

    def observe(self, pair: str, event: Event) -> None:
        """Record what an event of a stream shows."""
        try:
            self._foreign.observe(pair, event)
            if isinstance(event, GroupEmpty):
                self._inferences.pop(pair, None)
                self._observe_end(self._life_of(pair).pair)
            elif isinstance(event, MessageRead):
                if is_guard_refusal(event.message):
                    self.on_guard_refused(self._life_of(pair).pair)
                self._observe_message(self._life_of(pair), event.message)
        except Exception as error:
            self.on_failed(pair, error)

    def _observe_end(self, pair: Pair) -> None:
        self._readings.slaves.record_cut(pair.slave)
        if not (pair.master.host.shares_paths or pair.slave.host.shares_paths):
            # What the source half announced last may be lost with its link.
            self._anomaly_detector.add_known_move(pair.slave)

    def observe_idle(self, lives: Iterable[PairLife]) -> None:
        """Record that masters on other hosts whose streams are idle seem to hold their TID.

        A stream with a stopped half, or one that is being ended, proves nothing.
        """
        now_at = self._clock.now().at
        for life in lives:
            inference, state = self._inferences.get(life.pair.name), life.state
            is_running = isinstance(state, Streaming) and state.stopped_half is None
            if inference is None or life.pair.master.host.shares_paths or not is_running:
                continue
            at = inference.held_until_at(now_at, idle_proves_s(life.pair))
            if at is not None:
                self._record_idle(life.pair, inference, at)

    def _record_idle(self, pair: Pair, inference: MasterInference, at: float) -> None:
        newest, slave = self._readings.clock(pair.master).newest, self._readings.slave(pair.slave)
        if (newest is None or newest.is_approximate) and slave is not None:
            # The stream found nothing to copy: the master held no more than the slave holds.
            self._record_master(pair, TidSample(slave.tid, inference.reads_after_at))
        self._readings.record_idle_master(pair.master, at)

    def _observe_message(self, life: PairLife, message: messages.Message) -> None:
        match message:
            case messages.Committed(tid):
                self._anomaly_detector.add_committed(life.pair.slave, tid)
            case messages.Batch(begin, end):
                if end > begin:
                    self._anomaly_detector.add_announced(life.pair.slave, end)
                if not life.pair.slave.host.shares_paths:
                    self._check_rollback(life.pair, begin)
            case messages.FarLocked():
                # An earlier writer may have written until the lock was taken from it.
                now_at = self._clock.now().at
                self._anomaly_detector.add_earlier_writer(life.pair.slave, now_at)
            case (
                messages.Prescan()
                | messages.PrescanDone()
                | messages.NoWork()
                | messages.Progress()
                | messages.SliceWritten()
                | messages.WentIdle()
                | messages.LostLink()
                | messages.Connecting()
                | messages.Complaint()
                | messages.Remark()
            ):
                pass
            case _:
                assert_never(message)
        # After a lost line an earlier slice would count as the last; a local master is read.
        is_slice = isinstance(message, messages.Batch) and message.bulk_bytes is not None
        if not life.pair.master.host.shares_paths or not is_slice:
            self._infer_master(life, message)

    def _check_rollback(self, pair: Pair, begin: Tid) -> None:
        now_at, unwritten_at = self._clock.now().at, self.unwritten_at(pair.name)
        written_after_at = now_at if unwritten_at is None else unwritten_at
        slaves = self._readings.slaves
        back = slaves.record_begin(pair.slave, begin, now_at, written_after_at)
        if back is not None:
            self.on_rolled_back(pair.slave, back)

    def _infer_master(self, life: PairLife, message: messages.Message) -> None:
        name = life.pair.name
        # At a stream's first message its pair is launching: since_at is the launch.
        inference = self._inferences.get(name) or MasterInference(
            life.state.since_at, not life.pair.master.host.shares_paths
        )
        unwritten_at = self.unwritten_at(name)
        known_at = inference.reads_after_at if unwritten_at is None else unwritten_at
        self._inferences[name], observation = inference.add(message, known_at)
        if observation is not None:
            self._record_master(life.pair, observation)

    def _record_master(self, pair: Pair, seen: TidSample) -> None:
        span = ReadSpan(seen.at, self._clock.now().at)
        if not pair.master.host.shares_paths:
            began = Instant(seen.at, self._clock.wall_time(seen.at))
            self._readings.record_master_reading(pair.master, seen.tid, began, span)
        else:
            # Not a reading: a master that cannot be read stays unread.
            self._readings.record_master_tid(pair.master, seen.tid, seen.at, span)
