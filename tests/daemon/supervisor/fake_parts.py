"""Fakes of the parts that the engine acts on: streams, prober, readings, journal and log.

They record each call and raise where a test wants it. The engine goes on after an effect that
raises, an assertion in here too: `wrongs` collects the failures instead.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hammerd.core.errors import SpawnError
from hammerd.core.hammer.messages import FarLocked, Message, is_sign_of_life
from hammerd.core.hosts.host import Host
from hammerd.core.pair.events import (
    CheckHalves,
    Effect,
    Event,
    Glance,
    GroupEmpty,
    Kill,
    Launch,
    LeaveQueue,
    Note,
    NoteName,
    Probe,
    ResourceBusy,
    SpawnFailed,
    Terminate,
)
from hammerd.core.pair.latches import Latch
from hammerd.core.pair.slave_claims import Claim, SlaveClaims, slave_keys
from hammerd.core.pair.states import PairLife
from hammerd.core.pairs import Endpoint, Pair, Timing
from hammerd.core.replication.lag import Lag, SlaveReading
from hammerd.core.replication.tid_clock import TidClock
from hammerd.core.tid import Tid
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.logging.setup import Logger
from tests.daemon.supervisor.engine_config import End

WRITING = ("journal", "log", "observer")
BREAKS = (
    *("launch", "launch, group there", "slave_keys", "as_targets", "probe", "signal", "note"),
    *("leave_queue", "readings", *WRITING),
)
"""All calls that may raise; "spawn" fails as a failed start of hammer does."""

LoggedFault = tuple[str, str, str]
"""A line that the log must hold: its event, the pair, and the effect or event that raised."""


class BrokenError(RuntimeError):
    """Raised by a fake that a test has broken."""


@dataclass(slots=True)
class Breaks:
    """The calls that raise next, how often each has raised, and the lines the log must hold."""

    left: dict[str, int] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    owed: set[LoggedFault] = field(default_factory=set)
    unwritten: int = 0

    def next(self, what: str, times: int) -> None:
        self.left[what] = times

    def is_due(self, what: str) -> bool:
        if not self.left.get(what):
            return False
        self.left[what] -= 1
        self.done[what] += 1
        return True

    def effect(self, what: str, pair: str, effect: type[Effect]) -> None:
        """Raise in an effect of a pair, if that is due."""
        if self.is_due(what):
            self.owed.add(("pair.effect_failed", pair, effect.__name__))
            raise BrokenError(what)

    def writing(self, what: str) -> None:
        """Raise in a call that records a step, if that is due."""
        if self.is_due(what):
            self.unwritten += 1
            raise BrokenError(what)


@dataclass(slots=True)
class Acts:
    """The effects of the current step, in order, and what is wrong with them."""

    breaks: Breaks
    done: list[tuple[str, type[Effect]]] = field(default_factory=list)
    wrongs: list[object] = field(default_factory=list)

    def effect(self, pair: str, effect: type[Effect]) -> None:
        self.done.append((pair, effect))

    def check(self, *, is_so: bool, wrong: object) -> None:
        if not is_so:
            self.wrongs.append(wrong)


@dataclass(slots=True)
class FakeGroup:
    """The processes of a stream."""

    slave: int
    argv: tuple[str, ...]
    env: Mapping[str, str]
    pgid: int
    halves: dict[int, str]
    is_ending: bool = False
    is_killed: bool = False
    parent_lives: bool = True
    has_lived: bool = False
    is_far_locked: bool = False
    hangs: bool = False
    is_called_unkillable: bool = False

    def note(self, message: Message) -> None:
        """Note what a message shows of the group."""
        self.has_lived |= is_sign_of_life(message)
        self.is_far_locked |= isinstance(message, FarLocked)


@dataclass(slots=True)
class FakeStreams:
    """Streams whose groups live until a test empties them."""

    acts: Acts
    post: Callable[[str, Event], None]
    end_of: Callable[[str], End]
    read: Mapping[str, End]
    now: Callable[[], float]
    are_far: bool
    groups: dict[str, FakeGroup] = field(default_factory=dict)
    launched: int = 0
    drained_at: dict[int, float] = field(default_factory=dict)
    """When a slave is free again, after a half on another host that had no lock."""

    def launch(
        self, pair: str, argv: tuple[str, ...], env: Mapping[str, str], claim: Claim
    ) -> int:
        end, pgid = self.end_of(pair), 1000 + 10 * self.launched
        self.launched += 1
        self.acts.check(is_so=pair not in self.groups, wrong="a second group of a pair")
        self.acts.check(is_so=self.read.get(pair) == end, wrong="launched onto an end not read")
        is_drained = self.now() >= self.drained_at.get(end.slave, 0.0)
        self.acts.check(is_so=is_drained, wrong="launched onto a slave that drains")
        self.acts.breaks.effect("launch", pair, Launch)
        if self.acts.breaks.is_due("spawn"):
            raise SpawnError("no more processes", errno=11)
        halves = {pgid + 1: "source", pgid + 2: "target"}
        self.groups[pair] = FakeGroup(end.slave, argv, env, pgid, halves)
        self.acts.breaks.effect("launch, group there", pair, Launch)
        return pgid

    def empty(self, pair: str) -> None:
        """Let a group end; on another host a half without a lock may write on for a while."""
        group = self.groups.pop(pair)
        if self.are_far and group.has_lived and not group.is_far_locked:
            self.drained_at[group.slave] = self.now() + Timing().remote_drain_s

    def of(self, pair: str) -> FakeGroup | None:
        return self.groups.get(pair)

    def terminate(self, pair: str) -> None:
        self.acts.effect(pair, Terminate)
        group = self.groups.get(pair)
        if group is not None:
            self.acts.check(is_so=not group.is_ending, wrong="ended twice")
            group.is_ending = True
        self._signal(pair, Terminate)

    def kill(self, pair: str) -> None:
        self.acts.effect(pair, Kill)
        group = self.groups.get(pair)
        if group is not None:
            self.acts.check(is_so=group.is_ending, wrong="killed before TERM")
        self._signal(pair, Kill)
        if group is not None:
            group.is_killed = True

    def check_halves(self, pair: str) -> None:
        self.acts.effect(pair, CheckHalves)

    def _signal(self, pair: str, effect: type[Effect]) -> None:
        self.acts.breaks.effect("signal", pair, effect)
        if pair not in self.groups:
            self.post(pair, GroupEmpty())


@dataclass(slots=True)
class FakeProber:
    """Probes and glances that a test answers."""

    acts: Acts
    ends: Mapping[str, End]
    read: Mapping[str, End]
    host: Host
    probes: set[str] = field(default_factory=set)
    glances: set[str] = field(default_factory=set)

    def probe(self, pair: Pair) -> None:
        self.acts.effect(pair.name, Probe)
        self.acts.breaks.effect("probe", pair.name, Probe)
        self.probes.add(pair.name)

    def glance(self, pair: Pair) -> None:
        self.acts.effect(pair.name, Glance)
        self.acts.breaks.effect("probe", pair.name, Glance)
        self.glances.add(pair.name)

    def slave_keys(self, pair: Pair) -> frozenset[str]:
        self.acts.effect(pair.name, Launch)
        self.acts.breaks.effect("slave_keys", pair.name, Launch)
        return self.keys(pair.name)

    def as_targets(self, pair: Pair) -> Pair:
        self.acts.breaks.effect("as_targets", pair.name, Launch)
        return pair

    def keys(self, name: str) -> frozenset[str]:
        end = self.read.get(name, self.ends[name])
        return slave_keys((Endpoint(end.path, self.host),), end.uuid)


@dataclass(slots=True)
class WatchedClaims(SlaveClaims):
    """The daemon's own claims, which may raise once a pair has left the queue."""

    acts: Acts = field(kw_only=True)

    def leave_queue(self, owner: str) -> None:
        self.acts.effect(owner, LeaveQueue)
        SlaveClaims.leave_queue(self, owner)
        self.acts.breaks.effect("leave_queue", owner, LeaveQueue)


@dataclass(slots=True)
class FakeReadings:
    """Lags that a test sets; `stepping` is the current event, which may be lost here."""

    breaks: Breaks
    lags: dict[str, Lag] = field(default_factory=dict)
    latches: dict[str, Latch | None] = field(default_factory=dict)
    commits: list[tuple[Endpoint, Tid, float]] = field(default_factory=list)
    stepping: Event | None = None
    is_lost: bool = False

    @property
    def slaves(self) -> "FakeReadings":
        return self

    def record_commit(self, slave: Endpoint, tid: Tid, at: float) -> None:
        self.commits.append((slave, tid, at))

    def set_latch(self, pair: Pair, latch: Latch | None) -> None:
        self.latches[pair.name] = latch

    def clock(self, master: Endpoint) -> TidClock:
        return TidClock()

    def slave(self, slave: Endpoint) -> SlaveReading | None:
        return SlaveReading(Tid(9), 1.0)

    def lag(self, pair: Pair, now_at: float) -> Lag:
        # The engine posts these two within a step; a pair without them waits for its deadline
        # and stays in the queue meanwhile, so that fewer rules would hold for it.
        is_step = self.stepping is not None
        is_step = is_step and not isinstance(self.stepping, SpawnFailed | ResourceBusy)
        if is_step and self.breaks.is_due("readings"):
            self.is_lost = True
            self.breaks.owed.add(("pair.event_failed", pair.name, type(self.stepping).__name__))
            raise BrokenError("readings")
        return self.lags[pair.name]

    def why_unknown(self, pair: Pair) -> str | None:
        return None

    def why_unsafe(self, pair: Pair, lag: Lag) -> str | None:
        return None


@dataclass(slots=True)
class FakeLog:
    """Keeps its lines and how often each fault was logged; raises while it is broken."""

    breaks: Breaks
    lines: list[dict[str, object]] = field(default_factory=list)
    logged_faults: Counter[LoggedFault] = field(default_factory=Counter)

    def debug(self, event: str, **fields: object) -> None:
        self._take("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        self._take("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._take("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        self._take("error", event, fields)
        if event in ("pair.effect_failed", "pair.event_failed"):
            self.logged_faults[event, str(fields["pair"]), str(fields["of"])] += 1

    def _take(self, level: str, event: str, fields: dict[str, object]) -> None:
        self.breaks.writing("log")
        self.lines.append({"event": event, "level": level, **fields})


@dataclass(slots=True)
class FakeJournal:
    """The daemon's own journal, which may raise; keeps the transitions of the current step."""

    acts: Acts
    groups: Mapping[str, FakeGroup]
    log: Logger
    lines: list[tuple[PairLife, PairLife, float]] = field(default_factory=list)
    journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        self.journal = Journal(self.log, self.log)

    def stepped(self, before: PairLife, life: PairLife, now_at: float) -> None:
        self.lines.append((before, life, now_at))
        self.acts.breaks.writing("journal")
        self.journal.stepped(before, life, now_at)

    def noted(self, life: PairLife, note: Note) -> None:
        self.acts.effect(life.pair.name, Note)
        if note.name is NoteName.UNKILLABLE:
            group = self.groups[life.pair.name]
            self.acts.check(is_so=not group.is_called_unkillable, wrong="unkillable twice")
            group.is_called_unkillable = True
        self.acts.breaks.effect("note", life.pair.name, Note)
        try:
            self.journal.noted(life, note)
        except BrokenError:
            self.acts.breaks.owed.add(("pair.effect_failed", life.pair.name, Note.__name__))
            raise
