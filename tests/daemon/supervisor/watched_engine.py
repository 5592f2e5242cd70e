"""The real engine among fakes, checked by rules after each event.

    WatchedInbox.take() ── before() ── the engine steps a pair ── after() ── next event

A pair's new state and effects must be those of step(), its deadline must be in the timer, its
claim must be that of a live group, and its observers must have been called.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hammerd.core.api.pair_report import Extras
from hammerd.core.hammer.commands import stream_argv
from hammerd.core.hammer.messages import Committed
from hammerd.core.hosts.host import Host
from hammerd.core.pair.events import (
    Context,
    DeadlinePassed,
    Event,
    GroupEmpty,
    Launch,
    MessageRead,
    ResourceFree,
    Spawned,
    Step,
)
from hammerd.core.pair.latches import active_latch, is_parked_latched
from hammerd.core.pair.machine import step
from hammerd.core.pair.state_table import deadline
from hammerd.core.pair.states import (
    Launching,
    PairLife,
    Stopped,
    Stopping,
    Streaming,
    WaitingForResource,
)
from hammerd.core.pairs import Pair
from hammerd.core.tid import Tid
from hammerd.daemon.supervisor.engine import RETRY_DELAY_S, Engine, EngineParts, Inbox
from hammerd.daemon.supervisor.far_halves import FarHalves
from tests.core.pair.never_delivered import why_never
from tests.daemon.supervisor.engine_config import CONFIG, ONE, ORPHAN, TURNED, End
from tests.daemon.supervisor.fake_parts import (
    Acts,
    Breaks,
    FakeJournal,
    FakeLog,
    FakeProber,
    FakeReadings,
    FakeStreams,
    WatchedClaims,
)
from tests.daemon.supervisor.step_rules import check_step, is_saved_again
from tests.daemon.supervisor.virtual_loop import VirtualLoop

HAMMER = "/sbin/hammer"
FAR = FarHalves("/root", "/usr/local/bin/hammerd-rsh", "here")


class WatchedInbox(Inbox):
    """An inbox that calls `before` and `after` around each event."""

    before: Callable[[str, Event], None]
    after: Callable[[str, Event], None]

    def take(self) -> Iterator[tuple[str, Event]]:
        for pair, event in super().take():
            self.before(pair, event)
            yield pair, event
            self.after(pair, event)


@dataclass(slots=True)
class Before:
    """The state before the current event, and the calls of observers since."""

    life: PairLife
    is_leaving: bool
    broken: int
    unwritten: int
    is_owing: bool
    states: int = 0
    memories: int = 0
    removed: str | None = None


class WatchedEngine:
    """An engine, its fakes, and the state that both must have by now."""

    def __init__(self, host: Host) -> None:
        self.loop = VirtualLoop(1000.0)
        self.breaks = Breaks()
        self.acts = Acts(self.breaks)
        self.slaves = WatchedClaims(acts=self.acts)
        self.log = FakeLog(self.breaks)
        self.readings = FakeReadings(self.breaks)
        self.ends: dict[str, End] = dict(CONFIG)
        self.read: dict[str, End] = {}
        self.is_turned = False
        inbox = WatchedInbox()
        inbox.before, inbox.after = self._before, self._after
        are_far = not host.shares_processes
        self.streams = FakeStreams(
            self.acts, inbox.post, self.end, self.read, self.loop.time, are_far
        )
        self.groups = self.streams.groups
        self.prober = FakeProber(self.acts, self.ends, self.read, host)
        self.journal = FakeJournal(self.acts, self.groups, self.log)
        self.engine = self._engine(inbox)
        self.leaving: set[str] = set()
        self.seen: Counter[type] = Counter()
        self.steps = 0
        self._due: dict[str, float | None] = {}
        self._without_group: set[str] = set()
        self._freed = 0
        self._at_hand: Before | None = None

    def _engine(self, inbox: Inbox) -> Engine:
        world = EngineParts(
            inbox,
            self.streams,
            self.prober,
            self.readings,
            self.slaves,
            self.journal,
            lambda _pair: Extras(),
            HAMMER,
            FAR.environment,
        )
        engine = Engine(self.loop.as_loop(), world, backoff)
        engine.on_memory_changed = self._memory_changed
        engine.on_state_changed = self._state_changed
        engine.on_slave_freed = self._slave_freed
        engine.on_removed = self._removed
        return engine

    # --- current values ------------------------------------------------------------------------

    def end(self, name: str) -> End:
        """Return a pair's true slave, which may differ from the last reading."""
        end = self.ends[name]
        return TURNED if self.is_turned and end == ONE else end

    def life(self, name: str) -> PairLife | None:
        """Return a pair's life, None for an unknown pair."""
        return self.engine._lives.get(name)

    def lives(self) -> dict[str, PairLife]:
        """Return the lives of all pairs, in the engine's order."""
        return {life.pair.name: life for life in self.engine.lives()}

    def taken_over(self, name: str) -> None:
        """Note that the engine was given another life of a pair."""
        self._due[name] = deadline(self.engine.life(name))

    # --- callbacks of the engine ---------------------------------------------------------------

    def _state_changed(self) -> None:
        assert self._at_hand
        self._at_hand.states += 1
        self.breaks.writing("observer")

    def _memory_changed(self) -> None:
        assert self._at_hand
        self._at_hand.memories += 1
        self.breaks.writing("observer")

    def _slave_freed(self, _pair: str) -> None:
        self._freed += 1

    def _removed(self, name: str) -> None:
        assert self._at_hand
        self._at_hand.removed = name
        self.leaving.discard(name)
        self.prober.probes.discard(name)
        self.prober.glances.discard(name)
        del self._due[name]

    # --- one event -----------------------------------------------------------------------------

    def _before(self, name: str, event: Event) -> None:
        if isinstance(event, ResourceFree):
            self._freed -= 1
        self._at_hand = None
        if (life := self.life(name)) is None:
            return
        assert why_never(life, event) is None, (life.state, event)
        if isinstance(event, DeadlinePassed):
            assert (self._due[name] or 0.0) <= self.loop.now_at, (life, "posted before its time")
        if isinstance(event, Spawned):
            assert event.pid == self.groups[name].pgid
        self.acts.done.clear()
        self.journal.lines.clear()
        self.readings.stepping = event
        self.readings.is_lost = False
        is_leaving, is_owing = (
            name in self.leaving,
            len(self.log.logged_faults) < len(self.breaks.owed),
        )
        broken, unwritten = self.breaks.unwritten, self.engine.unwritten
        self._at_hand = Before(life, is_leaving, broken, unwritten, is_owing)

    def _after(self, name: str, event: Event) -> None:
        self.readings.stepping = None
        if (was := self._at_hand) is None:
            return
        assert not self.acts.wrongs, self.acts.wrongs
        if self.readings.is_lost:
            self._check_lost(name, event, was)
            return
        context = Context(self.loop.now_at, backoff, self.readings.lags[name], Tid(9))
        done = step(was.life, event, context)
        self.steps += 1
        self.seen.update((type(was.life.state), type(event), *map(type, done.effects)))
        check_step(was.life, event, done, self.loop.now_at)
        self._check_deadline(was.life, event, done.life)
        self._check_life(name, was, done)
        self._check_effects(name, done)
        self._check_written(was, done.life)
        self._check_readings(was, event, done.life)

    def _check_lost(self, name: str, event: Event, was: Before) -> None:
        """Check an event whose step raised: nothing has changed except the deadline."""
        assert self.life(name) is was.life
        assert not self.acts.done
        if isinstance(event, GroupEmpty):
            self._without_group.add(name)
        if (at := self._due[name]) is not None:
            self._due[name] = max(at, self.loop.now_at + RETRY_DELAY_S)

    def _check_life(self, name: str, was: Before, done: Step) -> None:
        is_to_go = was.is_leaving and isinstance(done.life.state, Stopped)
        assert was.removed == (name if is_to_go else None), (was, done)
        assert self.life(name) == (None if is_to_go else done.life), "not what step() says"
        if not is_to_go:
            self._due[name] = deadline(done.life)

    def _check_deadline(self, before: PairLife, event: Event, after: PairLife) -> None:
        at, now_at = deadline(after), self.loop.now_at
        # After a shorter limit or a lost event, the deadline may lie in the past.
        is_left = at == deadline(before) and not isinstance(event, DeadlinePassed)
        if at is None or is_left:
            return
        # A pause may end at once; every other deadline lies ahead, or the timer would spin.
        is_ahead = at >= now_at if isinstance(after.state, Stopped) else at > now_at
        assert is_ahead, (after.state, at, now_at)

    def _check_effects(self, name: str, done: Step) -> None:
        asked = [(name, type(effect)) for effect in done.effects]
        assert self.acts.done == asked, (self.acts.done, done)
        group = self.groups.get(name)
        for effect in done.effects:
            if isinstance(effect, Launch) and group is not None:
                assert group.argv == stream_argv(HAMMER, done.life.pair, effect.gear)
                env = FAR.environment(done.life.pair, effect.gear)
                assert group.env == env

    def _check_written(self, was: Before, after: PairLife) -> None:
        before = was.life
        has_moved = after.state is not before.state
        lines = [(before, after, self.loop.now_at)] if has_moved else []
        assert self.journal.lines == lines, (self.journal.lines, before, after)
        if self.breaks.unwritten > was.broken:
            return
        is_shown = before.memory.hold != after.memory.hold
        assert was.states == (is_shown or type(after.state) is not type(before.state)), (
            "on_state_changed not called"
        )
        assert was.memories == is_saved_again(before.memory, after.memory), (
            "on_memory_changed not called"
        )
        assert was.is_owing or self.engine.unwritten == was.unwritten, (
            "counted, though nothing broke"
        )

    def _check_readings(self, was: Before, event: Event, after: PairLife) -> None:
        pair = was.life.pair
        latch = None if was.removed else active_latch(after)
        assert self.readings.latches[pair.name] == latch, "latch not recorded"
        if isinstance(event, MessageRead) and isinstance(event.message, Committed):
            assert self.readings.commits.pop() == (pair.slave, event.message.tid, self.loop.now_at)

    # --- all pairs -----------------------------------------------------------------------------

    def check(self) -> None:
        """Check all pairs against their groups, claims, deadlines and places in the queue."""
        lives, held = self.engine._lives, self.slaves._claims.keys() - {ORPHAN}
        assert self._freed == 0, "on_slave_freed not called"
        writers = {group.slave for group in self.groups.values()}
        assert len(writers) == len(self.groups), ("two groups on a slave", self.groups)
        assert held == self.groups.keys(), self.slaves
        assert self.slaves._queue.keys() <= lives.keys(), self.slaves
        assert self._due.keys() == lives.keys()
        assert self.engine._leaving == self.leaving
        self._check_timer()
        shaken = {name for name in self._without_group if self._is_shaken(name)}
        for name in lives.keys() - shaken:
            self._check_pair(name, lives[name])

    def _check_timer(self) -> None:
        earliest_at = min((at for at in self._due.values() if at is not None), default=None)
        assert self.engine._timer.at == earliest_at, self._due
        set_at = (self.engine._timer.at, self.engine._queue_timer.at)
        assert len(self.loop.timers) == sum(at is not None for at in set_at)

    def _check_pair(self, name: str, life: PairLife) -> None:
        state, queue, group = life.state, self.slaves._queue, self.groups.get(name)
        has_group = isinstance(state, Launching | Streaming | Stopping)
        assert has_group == (group is not None), (state, self.groups)
        is_ending = group is not None and group.is_ending
        assert isinstance(state, Stopping) == is_ending, (state, group)
        is_queued = isinstance(state, WaitingForResource)
        assert is_queued == (name in queue), (state, queue)
        is_woken = self.engine._queue_timer.at is not None
        assert not is_queued or is_woken or self.slaves.holder(queue[name]), "nobody wakes it"
        goes_on = is_queued or has_group or self._due[name] is not None
        assert goes_on or isinstance(state, Stopped) or is_parked_latched(life), state

    def _is_shaken(self, name: str) -> bool:
        """Return whether a pair still waits for the end of a group that has ended."""
        life = self.life(name)
        return life is not None and isinstance(life.state, Stopping) and name not in self.groups

    def check_reports(self) -> None:
        """Check the report of each pair against its group."""
        for name, life in self.lives().items():
            report, group = self.engine.report(name), self.groups.get(name)
            assert report.life is life
            assert (report.pid, report.half_pids) == (
                (group.pgid, tuple(group.halves)) if group else (None, ())
            )

    def check_logged(self) -> None:
        """Check that the log holds each kind of fault once."""
        assert set(self.log.logged_faults) == self.breaks.owed
        assert max(self.log.logged_faults.values(), default=1) == 1, self.log.logged_faults


def backoff(_pair: Pair, failures: int) -> float:
    assert failures >= 1
    return min(2.0 ** min(failures - 1, 10), 300.0)
