"""A simulated pair whose true state is known, and the readings, messages and flushes of it.

Virtual time; tests/simulator/fixtures/history.py holds the truth, on the simulator's own model.
Chance decides what happens next, how long a reading takes, and how late a message is read. After
each move the claims of Readings are held against the truth. The intervals of flushes are those of
the simulator, never those of the code under test.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from hammerd.core.hammer.messages import Batch, Message, WentIdle
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.lag import Lag
from hammerd.core.replication.master_inference import MasterInference
from hammerd.core.replication.read_order import ReadSpan
from hammerd.core.replication.saved_moments import SavedMoment
from hammerd.core.tid import Tid
from hammerd.daemon.readings.store import MaxAges, ReadingStore
from hammerd.daemon.state import tid_clock_file
from hammerd.daemon.state.tid_clock_file import SavedClocks
from hammerd.daemon.timing.clock import Clock, Instant
from hammerd.simulator.admin import SYNCER_S
from hammerd.simulator.kernel.file_system.publishing import LONGEST_SYNC_S, Publishing
from tests.simulator.fixtures.history import MasterHistory, SlaveHistory

MASTER, SLAVE = Endpoint("/master"), Endpoint("/slave")
PAIR = Pair("pair", MASTER, SLAVE)
TRUSTED = MaxAges(here_s=1e9, remote_s=1e9)
WALL = 1.7e9


class TimedPublishing(Publishing):
    """Publishing that records when each TID was published."""

    __slots__ = ("moments",)

    def __init__(self, published: int) -> None:
        super().__init__(published)
        self.moments: list[tuple[int, float]] = []

    def settle(self, now: float) -> None:
        while self.groups and self.groups[0][0] <= now:
            ended_at, before = self.groups[0][0], self.published
            self.step()
            if self.published != before:
                self.moments.append((self.published, ended_at))

    def recover(self, now: float) -> int:
        self.settle(now)
        before, after = self.published, super().recover(now)
        if after != before:
            self.moments.append((after, now))
        return after


@dataclass
class SimulatedStream:
    """A stream whose pipe holds messages and their times; `emptied_at` is the last read."""

    inference: MasterInference
    idle_until: float = 0.0
    printed: list[tuple[float, Message]] = field(default_factory=list)
    emptied_at: float | None = None


@dataclass
class SafetyWorld:
    """A pair, its file systems, and the readings of one hammerd after another."""

    seed: int
    now: float = 0.0
    violations: list[str] = field(default_factory=list)
    checks: int = 0
    known: int = 0

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.master = MasterHistory(f"{self.seed}", period_s=SYNCER_S)
        self.master.publishing = TimedPublishing(self.master.published_at_first)
        self.slave = SlaveHistory(tid=self.master.published_at_first)
        self.slave.durable = self.slave.tid
        self.booted_at = 0.0
        self.readings = self._new_readings()
        self.saved: str | None = None
        self.stream: SimulatedStream | None = None
        # All readings, completed flushes with the TID that was read after them, and flushes after
        # which none was read: everything that hammerd could know.
        self.seen: list[tuple[int, float]] = []
        self.marks: list[tuple[int, float]] = []
        self.unread: list[float] = []

    def run(self, moves: int) -> None:
        """Make this many moves and check the claims after each."""
        every: tuple[Callable[[], None], ...] = (
            *(self.write,) * 4,
            *(self.sync,) * 3,
            *(self.read,) * 4,
            *(self.batch,) * 5,
            self.synctid,
            self.slave_flush,
            self.checkpoint,
            self.stop_stream,
            self.master_cut,
            self.slave_cut,
            self.restart,
        )
        for _ in range(moves):
            self.wait()
            self.chance.choice(every)()
            self.read_messages()
            self.check_claims()

    def wait(self) -> None:
        self.pass_s(self.chance.choice((0.01, 0.3, 1.0, 5.0, 30.0)))

    def pass_s(self, most_s: float) -> None:
        self.now += self.chance.random() * most_s

    # --- what happens ------------------------------------------------------------------------

    def write(self) -> None:
        self.master.write(self.now)

    def sync(self) -> None:
        self.master.sync(self.now)

    def synctid(self) -> None:
        """Flush the master's file system as flush_every does; the result may arrive late."""
        began = self.instant()
        done, _ = self.master.synctid(self.now)
        self.now = done
        self.pass_s(0.5)
        self.readings.record_master_flush(MASTER, began, self.instant())
        self.unread.append(self.booted_at + began.at)

    def slave_flush(self) -> None:
        began_at = self.at()
        self.now = self.slave.flush(self.now)
        self.pass_s(0.2)
        if self.chance.random() < 0.3:
            self.batch()
        self.readings.slaves.record_flush(SLAVE, began_at)

    def read(self) -> None:
        """Read both endpoints, the slave first, while both may move."""
        began = self.instant()
        slow_s = self.chance.choice((0.0, 0.05, 3.0))
        self.pass_s(slow_s)
        slave_tid = self.slave.tid
        self.between()
        self.pass_s(slow_s)
        master_tid = self.master.published(self.now)
        self.between()
        self.pass_s(slow_s)
        self.read_slave(slave_tid, began)
        self.read_master(master_tid, began)

    def read_slave(self, tid: int, began: Instant) -> None:
        self.readings.slaves.record_reading(SLAVE, Tid(tid), ReadSpan(began.at, self.at()))

    def read_master(self, tid: int, began: Instant) -> None:
        span = ReadSpan(began.at + 1e-6, self.at())
        back = self.readings.record_master_reading(
            MASTER, Tid(tid), replace(began, at=span.began_at), span
        )
        if back is not None:
            self.violations.append(f"{self.now}: the master never went back, {back}")
        self.seen.append((tid, self.booted_at + began.at))
        self.marks += [(tid, at) for at in self.unread]
        self.unread = []

    def between(self) -> None:
        """Make a random move while a reading is under way."""
        happen = self.chance.choice(
            (self.write, self.sync, self.batch, self.read_messages, lambda: None)
        )
        happen()

    def batch(self) -> None:
        """Let the stream copy a batch or a slice; launch a dead stream again."""
        if self.stream is None:
            self.stream = SimulatedStream(MasterInference(self.at()))
        stream = self.stream
        if self.now < stream.idle_until:
            return
        end = self.master.published(self.now)
        begin = self.slave.tid + 1
        if begin >= end:
            return
        is_whole = self.chance.random() < 0.8
        self.print(Batch(Tid(begin), Tid(end), None if is_whole else 100))
        self.pass_s(0.3)
        if self.chance.random() < 0.2:
            self.sync()
        # A slice ends at a TID that was not published, and a dying stream commits none.
        until = end if is_whole else self.chance.randint(begin, end)
        self.slave.commit(self.now, until)
        commit_read = self.chance.choice((0.0, 0.0, 2.0))
        self.happen_late(
            commit_read, lambda: self.readings.slaves.record_commit(SLAVE, Tid(until), self.at())
        )
        if until == end:
            self.print(WentIdle())
        stream.idle_until = self.now + 1.0

    def happen_late(self, most_s: float, happen: Callable[[], None]) -> None:
        self.pass_s(most_s)
        happen()

    def print(self, message: Message) -> None:
        if self.stream is not None:
            self.stream.printed.append((self.now, message))

    def read_messages(self) -> None:
        """Read the pipe, perhaps after a long delay; sometimes skip it."""
        stream = self.stream
        if stream is None or self.chance.random() < 0.2:
            return
        began_at, printed = self.at(), stream.printed
        stream.printed = []
        unwritten_at = self.unwritten_at(stream)
        if not printed:
            return
        stream.emptied_at = began_at
        for _, message in printed:
            known_at = stream.inference.reads_after_at if unwritten_at is None else unwritten_at
            stream.inference, observation = stream.inference.add(message, known_at)
            # As stream_observer.py does with a local master: slices are ignored.
            if observation is not None and isinstance(message, Batch):
                span = ReadSpan(observation.at, self.at())
                self.readings.record_master_tid(MASTER, observation.tid, observation.at, span)

    def unwritten_at(self, stream: SimulatedStream) -> float | None:
        """Return an instant before all messages in the pipe, as stderr_reader.py does."""
        return stream.emptied_at

    def stop_stream(self) -> None:
        self.read_messages()
        self.stream = None

    # --- crashes -----------------------------------------------------------------------------

    def master_cut(self) -> None:
        self.stream = None
        self.master.cut(self.now)
        self.pass_s(60.0)

    def slave_cut(self) -> None:
        """Cut the power of the host of the slave and of hammerd; it boots again after a while."""
        self.slave.cut(self.now)
        self.pass_s(120.0)
        self.booted_at = self.now - 20.0
        self.restart()

    def checkpoint(self) -> None:
        clocks, slaves = self.readings.saved()
        now = self.instant()
        moment = SavedMoment(now.time, now.at, WALL + self.booted_at)
        self.saved = "".join(
            tid_clock_file.pieces(SavedClocks(clocks, slaves, moment, now.time - now.at))
        )

    def restart(self) -> None:
        """Start hammerd again with its last saved state, in this boot or in the next."""
        self.stream = None
        self.readings = self._new_readings()
        self.seen, self.marks, self.unread = [], [], []
        if self.saved is None:
            return
        now = self.instant()
        moment = SavedMoment(now.time, now.at, WALL + self.booted_at)
        kept = tid_clock_file.rebase(tid_clock_file.parse(self.saved), moment, now.at)
        assert kept is not None
        self.readings.load(kept.clocks, kept.slaves, kept.before_boot)

    # --- what is claimed -----------------------------------------------------------------------

    def check_claims(self) -> None:
        """Compare the current claims with the truth."""
        lag = self.readings.lag(PAIR, self.at())
        self.checks += 1
        self.known += lag.safe_at is not None
        tid = self.slave.tid
        self._check_flushes("safe", lag.safe_at, tid)
        cut = replace(self.slave, _flushing=list(self.slave._flushing)).cut(self.now)
        self._check_flushes("durable", lag.durable_at, cut)
        self._check_lag(lag, tid)
        if lag.safe_at is not None:
            self._check_what_could_be_known(lag.safe_at)

    def _check_flushes(self, what: str, at: float | None, tid: int) -> None:
        if at is None:
            return
        moment = self.booted_at + at
        for write in self.master.writes:
            if write.flushed_at is None or write.flushed_at > moment or write.is_lost:
                continue
            if write.content_tid is None or write.content_tid > tid:
                self.violations.append(
                    f"{self.now}: {what} until {moment}, yet a flush of {write.flushed_at} is not"
                )
                return

    def _check_lag(self, lag: Lag, tid: int) -> None:
        self.master.published(self.now)
        publishing = self.master.publishing
        assert isinstance(publishing, TimedPublishing)
        missing = [at for published, at in publishing.moments if published > tid]
        if lag.seconds is not None and missing and lag.seconds < self.now - min(missing) - 1e-6:
            self.violations.append(f"{self.now}: lag {lag.seconds}, {self.now - min(missing)} old")

    def _check_what_could_be_known(self, safe_at: float) -> None:
        known = self.readings.slave(SLAVE)
        # A slave that was not read since the start may be missing.
        if known is None or not self.seen:
            return
        best = max(self._provable(known.tid), default=None)
        if best is not None and self.booted_at + safe_at < best - SYNCER_S - 1e-3:
            self.violations.append(f"{self.now}: safe until {safe_at}, known was {best}")

    def _provable(self, tid: int) -> list[float]:
        """Return everything that this run's own readings and flushes prove about a TID."""
        held = max((seen for seen, _ in self.seen if seen <= tid), default=None)
        if held is None:
            return [at for mark, at in self.marks if mark <= tid]
        before = [at - LONGEST_SYNC_S for seen, at in self.seen if seen < held]
        still = [at - SYNCER_S for seen, at in self.seen if seen == held]
        return [*before, *still, *(at for mark, at in self.marks if mark <= tid)]

    # --- clocks --------------------------------------------------------------------------------

    def _new_readings(self) -> ReadingStore:
        readings = ReadingStore(TRUSTED, Clock(self.at))
        readings.set_role(MASTER, is_master=True)
        return readings

    def at(self) -> float:
        """Return the monotonic time; it starts at the boot."""
        return self.now - self.booted_at

    def instant(self) -> Instant:
        return Instant(self.at(), WALL + self.now)
