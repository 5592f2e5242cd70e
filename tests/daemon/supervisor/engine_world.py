"""Simulates the surroundings of the real engine: pairs that share slaves, and all events.

A launch gets its slave or finds it held, a group may take long to end, a probe is answered late
or never. In a faulty run the functions that the engine calls raise now and then.
watched_engine.py checks the rules after each event.
"""

from collections.abc import Callable, Iterator
from functools import partial

from hammerd.core.hosts.host import THIS_HOST, Host
from hammerd.core.pair.config_diff import events_for
from hammerd.core.pair.events import (
    Acknowledged,
    DivergedSeen,
    Event,
    Glanced,
    GroupEmpty,
    GroupLives,
    HalfContinued,
    HalfDied,
    HalfStopped,
    HalvesGone,
    HalvesWorked,
    HoldReleased,
    MessageRead,
    Misdirected,
    ParentDied,
    ProbeAnswered,
    Sampled,
    SlaveMoved,
    StartAsked,
    StopAsked,
)
from hammerd.core.pair.latches import fit_latches
from hammerd.core.pair.machine import new_life
from hammerd.core.pair.probe_verdict import Go
from hammerd.core.pair.slave_claims import Claim, Resource
from hammerd.core.pair.states import (
    Down,
    Launching,
    Memory,
    Paused,
    Probing,
    Stopped,
    Stopping,
    Streaming,
    Trouble,
    WaitingForBackoff,
    WaitingForResource,
)
from hammerd.core.pairs import Endpoint, Pair, Timing
from hammerd.core.replication.lag import Lag, LagVerdict
from hammerd.core.tid import Tid
from hammerd.daemon.supervisor.engine import RETRY_DELAY_S
from tests.daemon.supervisor.engine_config import (
    ASKS,
    CONFIG,
    CONFIGS,
    FIVE_BEHIND,
    FOREIGN,
    JUDGEMENTS,
    LAGS,
    MESSAGES,
    NAMES,
    ORPHAN,
    OTHER,
    PROGRESS,
    SIGN_OF_LIFE,
    STEPS_S,
    End,
)
from tests.daemon.supervisor.fake_parts import BREAKS, FakeGroup
from tests.daemon.supervisor.watched_engine import WatchedEngine

Move = Callable[[], None]


class EngineWorld:
    """All pairs, their groups and probes, and the claims on slaves."""

    def __init__(self, *, is_faulty: bool, host: Host = THIS_HOST) -> None:
        self.host = host
        self.watched = watched = WatchedEngine(host)
        self.engine, self.loop, self.breaks = watched.engine, watched.loop, watched.breaks
        self.groups, self.prober, self.read = watched.groups, watched.prober, watched.read
        self.silent: set[str] = set()
        self.is_faulty = is_faulty
        self.timing = Timing()
        for name in CONFIG:
            self._add(name)
        assert watched.slaves.take(Claim(ORPHAN, self.prober.keys("c"))) is None
        for name in CONFIG:
            self.post(name, StartAsked())

    def _add(self, name: str) -> None:
        self.watched.readings.lags[name] = FIVE_BEHIND
        self.engine.add(new_life(self._pair(name), Memory(wanted=Down()), self.loop.now_at))
        self.watched.taken_over(name)

    def _pair(self, name: str) -> Pair:
        slave = Endpoint(self.watched.ends[name].path, self.host)
        return Pair(name, Endpoint(f"/master/{name}"), slave, timing=self.timing)

    def post(self, name: str, event: Event) -> None:
        group = self.groups.get(name)
        self.engine.post(name, event)
        if group and isinstance(event, MessageRead) and not self.watched.readings.is_lost:
            group.note(event.message)
        self.watched.check()

    # --- what may happen next ------------------------------------------------------------------

    def move(self, choice: int) -> None:
        """Make one of the possible moves; likely ones are in the list more than once."""
        what, which = divmod(choice, len(NAMES) + 2)
        name = (*NAMES, "", "")[which]
        is_there = self.watched.life(name) is not None
        moves = tuple(self._moves_of(name) if is_there else self._moves_of_all())
        moves[what % len(moves)]()

    def _moves_of_all(self) -> Iterator[Move]:
        yield from (partial(self.pass_time, seconds) for seconds in STEPS_S)
        yield from [self.wait_for_a_deadline] * 3
        yield partial(self.breaks.next, "spawn", 3)
        yield self.turn
        yield from (self.end_orphan, partial(self.end_orphan, is_locked=True))
        yield from (partial(self.reload, config) for config in CONFIGS)
        if self.is_faulty:
            yield from (partial(self.breaks.next, what, 2) for what in BREAKS)
            yield from [partial(self.breaks.next, "note", 2)] * 2

    def _moves_of(self, name: str) -> Iterator[Move]:
        now_at = self.loop.now_at
        yield from (partial(self.post, name, event) for event in ASKS)
        yield partial(self.post, name, StopAsked(Paused(now_at + 30)))
        yield partial(self.post, name, StopAsked(Paused(now_at - 30)))
        yield from (partial(self.sample, name, lag) for lag in LAGS)
        yield from (partial(self.post, name, Sampled(one)) for one in JUDGEMENTS[2:5])
        yield partial(self.fall_silent_or_speak, name)
        yield partial(self.post, name, DivergedSeen())
        yield partial(self.post, name, SlaveMoved(Tid(3), Tid(9)))
        yield partial(self.post, name, Acknowledged())
        yield partial(self.post, name, FOREIGN)
        if name in self.prober.probes:
            yield from [partial(self.answer, name, ProbeAnswered(Go()))] * 20
            yield from (partial(self.answer, name, ProbeAnswered(one)) for one in JUDGEMENTS)
            yield partial(self.answer, name, FOREIGN)
        if name in self.prober.glances:
            yield from [partial(self.answer_glance, name)] * 20
            yield partial(self.answer_glance, name, is_late=True)
        if name in self.groups:
            yield from self._moves_of_group(name, self.groups[name])

    def _moves_of_group(self, name: str, group: FakeGroup) -> Iterator[Move]:
        now_at = self.loop.now_at
        yield from (partial(self.post, name, MessageRead(message)) for message in MESSAGES)
        if self._is(name, Launching):
            yield from [partial(self.post, name, MessageRead(SIGN_OF_LIFE))] * 20
        yield partial(self.post, name, Misdirected(Trouble("end_repointed")))
        for event in (HalvesWorked(), HalfStopped(8, "target"), HalfContinued(8)):
            yield from [partial(self.post, name, event)] * 5
        if group.parent_lives:
            yield from [partial(self.kill_parent, name)] * 4
        if group.is_ending:
            yield from [partial(self.empty, name)] * 60
            yield partial(self.hang, name)
            yield from [partial(self.post, name, GroupLives(now_at))] * 20
            yield from [partial(self.post, name, GroupLives(now_at - 61))] * 5
        else:
            yield from [partial(self.post, name, HalfDied(8))] * 6
            yield from [partial(self.post, name, HalvesGone())] * 3

    # --- moves ---------------------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        self.settle()
        until_at = self.loop.now_at + seconds
        while (at := self.loop.next_at()) is not None and at <= until_at:
            self.ring()
            self.settle()
        self.loop.now_at = until_at

    def settle(self) -> None:
        """Answer for probes and new streams of all pairs that are not silent."""
        for name in sorted(self.watched.lives().keys() - self.silent):
            if name in self.prober.probes:
                self.answer(name, ProbeAnswered(Go()))
            if name in self.prober.glances:
                self.answer_glance(name)
            if name in self.groups and self._is(name, Launching):
                self.post(name, MessageRead(SIGN_OF_LIFE))
                self.post(name, MessageRead(PROGRESS))

    def fall_silent_or_speak(self, name: str) -> None:
        self.silent ^= {name}

    def wait_for_a_deadline(self) -> None:
        if self.loop.timers:
            self.ring()

    def ring(self) -> None:
        self.loop.run_next()
        self.watched.check()
        for name in [name for name, group in self.groups.items() if group.is_killed]:
            self.empty(name)

    def turn(self) -> None:
        """Turn a link on the first path, or turn it back; running streams do not follow it."""
        self.watched.is_turned = not self.watched.is_turned

    def reload(self, config: dict[str, End]) -> None:
        """Add, remove and change pairs as daemon/supervisor/reload.py does."""
        for name in self.watched.lives().keys() - config.keys():
            self.leave(name)
        # A new limit moves the deadline of a stream that goes on.
        is_default = self.timing == Timing()
        self.timing = Timing(prescan_timeout_s=1800.0) if is_default else Timing()
        for name, end in config.items():
            self.watched.ends[name] = end
            if (life := self.watched.life(name)) is None:
                self._add(name)
                self.post(name, StartAsked(lifts_latch=False))
                continue
            pair = self._pair(name)
            events = events_for(life, pair, Memory())
            self.engine.change(pair)
            now = self.engine.life(name)
            assert (now.pair, now.state) == (pair, life.state)
            assert now.memory == fit_latches(life.memory, pair)
            self.watched.leaving.discard(name)
            self.watched.taken_over(name)
            self.watched.check()
            for event in events:
                self.post(name, event)
        self.engine.set_order(config)
        assert [*self.watched.lives()][: len(config)] == [*config], "not the order of the config"
        self.watched.check()

    def leave(self, name: str) -> None:
        self.watched.leaving.add(name)
        self.engine.remove(name)
        self.watched.check()

    def end_orphan(self, *, is_locked: bool = False) -> None:
        is_free = is_locked or self.host.shares_processes
        until_at = None if is_free else self.loop.now_at + Timing().remote_drain_s
        if until_at and self.watched.slaves.held_by(ORPHAN) is not None:
            self.watched.streams.drained_at[OTHER.slave] = until_at
        self.watched.slaves.release(ORPHAN, drains_until_at=until_at)
        self.engine.slaves_changed()
        self.watched.check()

    def sample(self, name: str, lag: Lag) -> None:
        self.watched.readings.lags[name] = lag
        self.post(name, Sampled(Go(ahead=lag.verdict is LagVerdict.AHEAD)))

    def answer(self, name: str, event: Event) -> None:
        self.prober.probes.discard(name)
        self.read[name] = self.watched.end(name)
        self.post(name, event)

    def answer_glance(self, name: str, *, is_late: bool = False) -> None:
        """Answer a glance: whether the slave is the one that was read last; no if it is late."""
        self.prober.glances.discard(name)
        is_as_read = self.read.get(name) == self.watched.end(name)
        self.post(name, Glanced(are_as_read=is_as_read and not is_late))

    def kill_parent(self, name: str) -> None:
        self.groups[name].parent_lives = False
        self.post(name, ParentDied("signal 9"))

    def hang(self, name: str) -> None:
        self.groups[name].hangs = not self.groups[name].hangs

    def empty(self, name: str) -> None:
        """Let the last member die, unless it hangs in the kernel."""
        if self.groups[name].hangs:
            return
        self.watched.streams.empty(name)
        self.post(name, GroupEmpty())

    def _is(self, name: str, state: type) -> bool:
        life = self.watched.life(name)
        return life is not None and isinstance(life.state, state)

    # --- a benign end --------------------------------------------------------------------------

    def heal(self) -> None:
        """Let nothing fail any more, and wait until every slave has a stream."""
        self.breaks.left.clear()
        self.silent.clear()
        self.watched.is_turned = False
        self.end_orphan()
        self.reload(CONFIG)
        self.pass_time(RETRY_DELAY_S)
        for name in CONFIG:
            self.watched.readings.lags[name] = FIVE_BEHIND
            self.post(name, HoldReleased())
            self.post(name, StartAsked())
        for name in CONFIG:
            if self.read.get(name) != self.watched.end(name):
                self.post(name, Misdirected(Trouble("end_repointed")))
        self._help_until(self.is_well)

    def end(self) -> None:
        """Remove all pairs; nothing of them may be left, and every fault must be in the log."""
        self.reload({})
        self._help_until(lambda: not self.watched.lives())
        assert not self.watched.slaves._queue
        assert not self.loop.timers
        self.watched.check_logged()

    def is_well(self) -> bool:
        """Return whether each slave has one stream, and every other pair waits for its slave."""
        lives = self.watched.lives()
        is_so = [self._is(name, Streaming) or self._is(name, WaitingForResource) for name in lives]
        return all(is_so) and len(self.groups) == 2 and lives.keys() == CONFIG.keys()

    def _help_until(self, is_done: Callable[[], bool]) -> None:
        for _ in range(20):
            for name in self.watched.lives():
                self._help(name)
            self.watched.check_reports()
            if is_done():
                return
        raise AssertionError({name: life.state for name, life in self.watched.lives().items()})

    def _help(self, name: str) -> None:
        if name in self.groups and self.groups[name].is_ending:
            self.groups[name].hangs = False
            self.empty(name)
        if name in self.prober.probes:
            self.answer(name, ProbeAnswered(Go()))
        if name in self.prober.glances:
            self.answer_glance(name)
        if self._is(name, Launching):
            self.post(name, MessageRead(SIGN_OF_LIFE))
        if self._is(name, WaitingForBackoff) or self._is(name, Stopped):
            self.pass_time(3.0)
        if self._is_draining(name):
            self.pass_time(self.timing.remote_drain_s)
        is_probe_forbidden = self._is(name, Probing) and not self._is_asked(name)
        if is_probe_forbidden or (self._is(name, Stopping) and name not in self.groups):
            self.pass_time(25.0)

    def _is_draining(self, name: str) -> bool:
        life = self.watched.life(name)
        state = life.state if life else None
        return isinstance(state, WaitingForResource) and state.resource is Resource.DRAIN

    def _is_asked(self, name: str) -> bool:
        return name in self.prober.probes | self.prober.glances
