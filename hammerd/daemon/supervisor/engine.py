"""Steps each pair's machine with one event at a time, then carries out the effects.

    streams, probes, sampler, sockets ── post(pair, event) ── step() ── effects ── journal

Effects come first and the journal last, so that a failing log never keeps a stream running. One
timer covers the earliest deadline of all pairs; nothing else here wakes an idle daemon. An effect
that raises is a fault of hammerd: it is logged, a launch that raised counts as a failed start, and
the other effects, events and pairs go on.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from hammerd.core.api.pair_report import Extras, PairReport
from hammerd.core.errors import SpawnError
from hammerd.core.hammer.commands import stream_argv
from hammerd.core.hammer.messages import Committed
from hammerd.core.pair import events, states
from hammerd.core.pair.drains import claim_of, drain_s
from hammerd.core.pair.latches import active_latch, fit_latches
from hammerd.core.pair.machine import step
from hammerd.core.pair.slave_claims import SlaveClaims
from hammerd.core.pair.state_table import deadline
from hammerd.core.pair.states import Down, DownCause, Memory, PairLife, Stopped
from hammerd.core.pairs import Endpoint, Gear, Pair, slaves_of
from hammerd.daemon.logging.error_reports import Faults
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.stream.streams import Streams
from hammerd.daemon.supervisor.sampler import Sampler
from hammerd.daemon.timing.timers import Deadlines, Timer

RETRY_DELAY_S = 1.0
"""The delay before hammerd posts an event again whose step raised."""

Backoff = Callable[[Pair, int], float]
ExtrasOf = Callable[[Pair], Extras]
EnvironmentOf = Callable[[Pair, Gear], Mapping[str, str]]
"""Returns the environment of a pair's mirror-stream."""


class Inbox:
    """A queue of events for pairs; the engine that empties it sets `wake`."""

    def __init__(self) -> None:
        self._events: deque[tuple[str, events.Event]] = deque()
        self.wake: Callable[[], None] = lambda: None

    def post(self, pair: str, event: events.Event) -> None:
        """Add an event for a pair, then wake the engine."""
        self._events.append((pair, event))
        self.wake()

    def take(self) -> Iterator[tuple[str, events.Event]]:
        """Yield all events, also those that are added meanwhile."""
        while self._events:
            yield self._events.popleft()


@dataclass(frozen=True, slots=True)
class EngineParts:
    """The parts of the daemon that the engine reads from and acts on."""

    inbox: Inbox
    streams: Streams
    prober: Sampler
    readings: ReadingStore
    slaves: SlaveClaims
    journal: Journal
    extras: ExtrasOf
    hammer: str
    environment_of: EnvironmentOf


class Engine:
    """Holds every pair's life; only the engine steps a pair."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, parts: EngineParts, backoff: Backoff
    ) -> None:
        self._loop = loop
        self._parts = parts
        self._backoff = backoff
        self._lives: dict[str, PairLife] = {}
        self._deadlines = Deadlines()
        self._is_stepping = False
        self._timer = Timer(loop, self._post_due)
        self._queue_timer = Timer(loop, self.slaves_changed)
        self._faults = Faults(parts.journal.log)
        self.unwritten = 0
        self._leaving: set[str] = set()
        self.on_memory_changed: Callable[[], None] = lambda: None
        self.on_state_changed: Callable[[], None] = lambda: None
        self.on_removed: Callable[[str], None] = lambda _pair: None
        self.on_slave_freed: Callable[[str], None] = lambda _pair: None
        parts.inbox.wake = self._drain

    def drain(self, pair: Pair) -> None:
        """Let the slave of a pair drain: a writer may be left there that no lock shows."""
        until_at = self._loop.time() + pair.timing.remote_drain_s
        self._parts.slaves.drain(self._parts.prober.slave_keys(pair), until_at)

    def add(self, life: PairLife) -> None:
        """Add a pair; it stays as it is until its first event."""
        self._lives[life.pair.name] = life
        self._deadlines.put(life.pair.name, deadline(life))
        self._parts.readings.set_latch(life.pair, active_latch(life))
        self._set_timer()

    def change(self, pair: Pair) -> None:
        """Replace the config of a known pair, and keep it if it was to be removed."""
        self._leaving.discard(pair.name)
        life = self._lives[pair.name]
        self.add(replace(life, pair=pair, memory=fit_latches(life.memory, pair)))

    def take_turn(self, pair: str, slave: Endpoint) -> Pair | None:
        """Make another slave that of a pair without a stream; return the pair, None without one.

        A latch stays with its slave: a person must decide first.
        """
        life = self._lives.get(pair)
        if life is None:
            return None
        before, has_group = life.pair.slave, isinstance(life.state, states.WITH_GROUP)
        if slave == before or slave not in slaves_of(life.pair) or has_group:
            return life.pair
        if active_latch(life) is not None:
            return life.pair
        self.add(replace(life, pair=replace(life.pair, slave=slave)))
        self._parts.journal.log.info("slave.turn", pair=pair, end=str(slave), before=str(before))
        return self._lives[pair].pair

    def remove(self, pair: str) -> None:
        """Stop a pair, then remove it once its group is empty.

        A second call stops it again: the step of the first StopAsked may have raised.
        """
        self._leaving.add(pair)
        self.post(pair, events.StopAsked(Down(DownCause.REMOVED)))

    def set_order(self, names: Iterable[str]) -> None:
        """Put these pairs first, in the order of the config; leaving pairs follow."""
        first = {name: self._lives[name] for name in names}
        self._lives = {**first, **self._lives}

    def post(self, pair: str, event: events.Event) -> None:
        """Queue an event for a pair; handle it at once unless a step is under way."""
        self._parts.inbox.post(pair, event)

    def lives(self) -> Iterable[PairLife]:
        """Return every pair's life, in the order of the config."""
        return tuple(self._lives.values())

    def find(self, pair: str) -> PairLife | None:
        """Return a pair's life, None for an unknown pair."""
        return self._lives.get(pair)

    def life(self, pair: str) -> PairLife:
        """Return a pair's life."""
        return self._lives[pair]

    def since_at(self, pair: str) -> float | None:
        """Return since when a pair is in its state (monotonic), None for an unknown pair."""
        life = self._lives.get(pair)
        return life.state.since_at if life else None

    def report(self, pair: str) -> PairReport:
        """Return the state, lag, TIDs, processes and extras of a pair."""
        life, readings = self._lives[pair], self._parts.readings
        stream = self._parts.streams.of(pair)
        newest = readings.clock(life.pair.master).newest
        slave, lag = readings.slave(life.pair.slave), readings.lag(life.pair, self._loop.time())
        return PairReport(
            life,
            lag,
            newest.tid if newest else None,
            slave.tid if slave else None,
            stream.pgid if stream else None,
            tuple(stream.halves) if stream else (),
            readings.why_unknown(life.pair),
            self._parts.extras(life.pair),
            readings.why_unsafe(life.pair, lag),
            master_seen_at=newest.at if newest else None,
            slave_seen_at=slave.at if slave else None,
        )

    def memories(self) -> dict[str, Memory]:
        """Return the memory of each pair."""
        return {name: life.memory for name, life in self._lives.items()}

    # --- one event at a time ---------------------------------------------------------------

    def _drain(self) -> None:
        if self._is_stepping:
            return
        self._is_stepping = True
        try:
            for pair, event in self._parts.inbox.take():
                if pair in self._lives:
                    self._step(pair, event)
        finally:
            self._is_stepping = False
            self._set_timer()

    def _step(self, pair: str, event: events.Event) -> None:
        before = self._lives[pair]
        if isinstance(event, events.GroupEmpty):
            # Before the step, which may raise: a pair that queues for this slave has no deadline.
            span_s = drain_s(self._parts.slaves.held_by(pair), before.state)
            drains_until_at = self._loop.time() + span_s if span_s else None
            self._parts.slaves.release(pair, drains_until_at=drains_until_at)
            self.slaves_changed()
        try:
            context = self._context(before.pair, event)
            done = step(before, event, context)
        except Exception as error:
            self._event_failed(before, event, error)
            return
        self._lives[pair] = done.life
        self._deadlines.put(pair, deadline(done.life))
        self._parts.readings.set_latch(done.life.pair, active_latch(done.life))
        for effect in done.effects:
            try:
                self._act(done.life, effect)
            except Exception as error:
                self._effect_failed(done.life, effect, error)
        self._record(before, done.life, context.now_at)
        if pair in self._leaving and isinstance(done.life.state, Stopped):
            self._remove_now(pair)

    def _remove_now(self, pair: str) -> None:
        self._leaving.discard(pair)
        self._deadlines.put(pair, None)
        self._parts.readings.set_latch(self._lives[pair].pair, None)
        del self._lives[pair]
        self.on_removed(pair)

    def _record(self, before: PairLife, after: PairLife, now_at: float) -> None:
        name = after.pair.name
        try:
            if after.state is not before.state:
                self._parts.journal.stepped(before, after, now_at)
                self._faults.report_pending()
            if _shown(before) != _shown(after):
                self.on_state_changed()
            if _durable(before.memory) != _durable(after.memory):
                self.on_memory_changed()
        except Exception as error:
            self.unwritten += 1
            kind, hint = f"unwritten {type(error)}", "status counts these as writes_failed"
            self._faults.report(kind, "journal.failed", error, pair=name, hint=hint)

    def slaves_changed(self) -> None:
        """Post ResourceFree to each pair that queues for a slave which is free now."""
        self._parts.slaves.end_drains(self._loop.time())
        for owner in tuple(self._parts.slaves.unblocked()):
            self.on_slave_freed(owner)
            self.post(owner, events.ResourceFree())
        self._wake_when_drained()

    def _wake_when_drained(self) -> None:
        if (at := self._parts.slaves.drained_at()) is not None:
            self._queue_timer.set_no_later(at)

    def _context(self, pair: Pair, event: events.Event) -> events.Context:
        now_at, readings = self._loop.time(), self._parts.readings
        if isinstance(event, events.MessageRead) and isinstance(event.message, Committed):
            readings.slaves.record_commit(pair.slave, event.message.tid, now_at)
        slave = readings.slave(pair.slave)
        lag = readings.lag(pair, now_at)
        return events.Context(now_at, self._backoff, lag, slave.tid if slave else None)

    # --- effects -----------------------------------------------------------------------------

    def _act(self, life: PairLife, effect: events.Effect) -> None:  # noqa: C901 - a flat table
        name = life.pair.name
        match effect:
            case events.Probe():
                self._parts.prober.probe(life.pair)
            case events.Glance():
                self._parts.prober.glance(life.pair)
            case events.Launch(gear):
                self._launch(life.pair, gear)
            case events.LeaveQueue():
                self._parts.slaves.leave_queue(name)
            case events.Terminate():
                self._parts.streams.terminate(name)
            case events.Kill():
                self._parts.streams.kill(name)
            case events.CheckHalves():
                self._parts.streams.check_halves(name)
            case events.Note():
                self._parts.journal.noted(life, effect)
            case _:
                assert_never(effect)

    def _launch(self, pair: Pair, gear: Gear) -> None:
        parts = self._parts
        claim = claim_of(pair, parts.prober.slave_keys(pair))
        parts.slaves.end_drains(self._loop.time())
        if (busy := parts.slaves.take(claim)) is not None:
            self.post(pair.name, events.ResourceBusy(busy.resource, busy.owner))
            self._wake_when_drained()
            return
        argv = stream_argv(parts.hammer, parts.prober.as_targets(pair), gear)
        env = parts.environment_of(pair, gear)
        try:
            pid = parts.streams.launch(pair.name, argv, env, claim)
        except SpawnError as error:
            parts.slaves.release(pair.name)
            self.post(pair.name, events.SpawnFailed(error.errno, error.message))
        else:
            self.post(pair.name, events.Spawned(pid))

    # --- faults ------------------------------------------------------------------------------

    def _event_failed(self, life: PairLife, event: events.Event, error: Exception) -> None:
        self._log_fault(life.pair.name, "event_failed", type(event).__name__, error)
        at, again_at = deadline(life), self._loop.time() + RETRY_DELAY_S
        if at is not None:
            # The timer would call again at once, for ever.
            self._deadlines.put(life.pair.name, max(at, again_at))
        if isinstance(event, events.ResourceFree):
            # The pair still queues, without a deadline: no other event would wake it.
            self._queue_timer.set_no_later(again_at)

    def _effect_failed(self, life: PairLife, effect: events.Effect, error: Exception) -> None:
        pair = life.pair.name
        self._log_fault(pair, "effect_failed", type(effect).__name__, error)
        # A failed probe runs into its deadline. A group that exists is swept anyway.
        if isinstance(effect, events.Launch) and self._parts.streams.of(pair) is None:
            self._parts.slaves.release(pair)
            self.post(pair, events.SpawnFailed(0, f"hammerd itself failed: {error!r}"))

    def observer_failed(self, pair: str, error: Exception) -> None:
        """Log a fault of the stream observer; the pair gets its event all the same."""
        self._log_fault(pair, "observer_failed", "event", error)

    def _log_fault(self, pair: str, what: str, of: str, error: Exception) -> None:
        kind = f"{pair} {what} {of} {type(error)}"
        if not self._faults.report(kind, f"pair.{what}", error, pair=pair, of=of):
            self.unwritten += 1

    # --- time --------------------------------------------------------------------------------

    def _set_timer(self) -> None:
        self._timer.set(self._deadlines.earliest_at())

    def _post_due(self) -> None:
        for name in self._deadlines.take_due(self._loop.time()):
            self.post(name, events.DeadlinePassed())
        self._set_timer()


def _shown(life: PairLife) -> tuple[object, ...]:
    return type(life.state), life.memory.hold


def _durable(memory: Memory) -> tuple[object, ...]:
    # Counts of complaints are left out: a complaint may come a thousand times a second.
    names = tuple(complaint.name for complaint in memory.complaints)
    latches = memory.is_diverged, memory.promotion, memory.latched_endpoints
    return memory.wanted, *latches, memory.is_far_unlocked, memory.failures > 0, names
