"""A toy world around the pair machines: it answers their effects as the shell does.

It does what daemon/supervisor/engine.py does, without a process or a clock: a launch
takes its slave or meets its owner, a group that is told to end may take its time, a probe is
answered later or never. After every event it holds the pairs against what must always be true.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from hammerd.core.hammer.messages import (
    Batch,
    Committed,
    Complaint,
    Cure,
    LostLink,
    Message,
    NoWork,
    ParkCause,
    Prescan,
    PrescanDone,
    Progress,
    Remark,
    SliceWritten,
    Weight,
    WentIdle,
)
from hammerd.core.pair.config_diff import events_for
from hammerd.core.pair.deadlines import deadline
from hammerd.core.pair.events import (
    Acknowledged,
    Context,
    DeadlinePassed,
    DivergedSeen,
    Effect,
    Event,
    ForeignSeen,
    Glance,
    Glanced,
    GroupEmpty,
    GroupLives,
    HalfContinued,
    HalfDied,
    HalfStopped,
    HalvesWorked,
    Kill,
    Launch,
    LeaveQueue,
    MessageRead,
    Misdirected,
    Note,
    NoteName,
    ParentDied,
    Probe,
    ProbeAnswered,
    RestartAsked,
    Sampled,
    SlaveBusy,
    SlaveFree,
    SlaveMoved,
    Spawned,
    SpawnFailed,
    StartAsked,
    StopAsked,
    Terminate,
)
from hammerd.core.pair.latches import for_ends, is_held, latch_of
from hammerd.core.pair.machine import new_life, step
from hammerd.core.pair.probe_verdict import AwaitMount, Go, Park, Retry
from hammerd.core.pair.slave_claims import Claim, SlaveClaims, slave_keys
from hammerd.core.pair.states import (
    Down,
    Launching,
    Memory,
    PairLife,
    Paused,
    Probing,
    Stopped,
    Stopping,
    Streaming,
    ThenLaunch,
    ThenPark,
    ThenStopped,
    Trouble,
    Up,
    WaitingForBackoff,
    WaitingForSlave,
)
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.lag import UNKNOWN, Lag, LagVerdict
from hammerd.core.tid import Tid
from tests.core.pair.print_pair_table import impossible


@dataclass(frozen=True, slots=True)
class End:
    """A slave as one pair names it; two names of the same number are the same slave."""

    path: str
    uuid: str | None
    slave: int


ONE, OTHER, NULL = End("/s1", None, 1), End("/s2", "uuid-2", 2), End("/null/s2", "uuid-2", 2)
CONFIG = {"a": ONE, "b": ONE, "c": OTHER, "d": NULL}
"""Two pairs write to each slave: one is known by its path, the other by its unique-uuid."""

TURNED = End("/s1", "uuid-2", 2)
"""What the first path is while a link on its way is turned."""

NAMES = (*CONFIG, "e")
CONFIGS: tuple[dict[str, End], ...] = (
    CONFIG,
    {"a": OTHER, "b": ONE, "c": ONE, "d": NULL},  # two swapped
    {"e": ONE, "b": ONE, "c": OTHER, "d": NULL},  # one renamed
    {"b": NULL, "a": ONE, "e": OTHER},  # some gone, others turned round
    {"c": OTHER},
)

ORPHAN = "orphan group 91 of c"
"""A group that a killed hammerd left on the second slave."""

LAGS = (
    UNKNOWN,
    Lag(LagVerdict.IN_SYNC, tids=0, seconds=0.0),
    Lag(LagVerdict.BEHIND, tids=5, seconds=5.0),
    Lag(LagVerdict.BEHIND, tids=900, seconds=900.0),
    Lag(LagVerdict.AHEAD, tids=-5),
)
JUDGEMENTS = (
    Go(),
    Go(ahead=True),
    AwaitMount("gone", "mount it"),
    Park(ParkCause.NOT_A_SLAVE, "promoted"),
    Park(ParkCause.UUID_MISMATCH, "another pair's"),
    Retry("late", "wait"),
)
FOREIGN = ForeignSeen(9, "hammer mirror-copy /x /s1")
MESSAGES: tuple[Message, ...] = (
    *(Prescan(), PrescanDone(2, 90), Batch(Tid(2), Tid(9), 90), Batch(Tid(9), Tid(0), 0)),
    *(NoWork(), Progress(Tid(2), Tid(9), 0), Progress(Tid(2), Tid(9), 50), Committed(Tid(9))),
    *(SliceWritten(), WentIdle(), WentIdle(), WentIdle(), LostLink(), LostLink(), Remark("?")),
    *(Complaint("text", cure.value, cure, "hint") for cure in Cure),
    *(
        Complaint("text", f"a login's {cure}", cure, "hint", weight=weight)
        for cure in Cure
        for weight in (Weight.PASSING, Weight.PARTING)
    ),
    Complaint("text", "not_a_slave", Cure.PARK, "hint", ParkCause.NOT_A_SLAVE),
)
ASKS: tuple[Event, ...] = (
    *(StartAsked(), StartAsked(), StartAsked(lifts_latch=False), RestartAsked()),
    *(StopAsked(Paused()), StopAsked(Down())),
)
STEPS_S = (0.0, 0.1, 3.0, 59.0, 61.0, 61.0, 700.0)

Move = Callable[[], None]


@dataclass(slots=True)
class Group:
    """The processes of a stream."""

    is_ending: bool = False
    is_killed: bool = False
    leader_lives: bool = True
    hangs: bool = False
    slave: int = 0
    times_called_unkillable: int = 0


@dataclass(slots=True)
class PairWorld:
    """All pairs, their groups and probes, and who owns which slave."""

    now_at: float = 1000.0
    lives: dict[str, PairLife] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    probes: set[str] = field(default_factory=set)
    glances: set[str] = field(default_factory=set)
    read: dict[str, End] = field(default_factory=dict)
    is_turned: bool = False
    silent: set[str] = field(default_factory=set)
    slaves: SlaveClaims = field(default_factory=SlaveClaims)
    lags: dict[str, Lag] = field(default_factory=dict)
    seen: Counter[type] = field(default_factory=Counter)
    steps: int = 0
    spawns_to_fail: int = 0
    ends: dict[str, End] = field(default_factory=lambda: dict(CONFIG))
    leaving: set[str] = field(default_factory=set)
    _inbox: deque[tuple[str, Event]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        for name in CONFIG:
            self._add(name)
        assert self.slaves.take(Claim(ORPHAN, self._keys("c"))) is None
        for name in self.lives:
            self.post(name, StartAsked())

    def _add(self, name: str) -> None:
        self.lives[name] = new_life(self._pair(name), Memory(wanted=Down()), self.now_at)
        self.lags[name] = LAGS[2]

    def _pair(self, name: str) -> Pair:
        return Pair(name, Endpoint(f"/master/{name}"), Endpoint(self.ends[name].path))

    # --- what may happen next ------------------------------------------------------------------

    def move(self, choice: int) -> None:
        """Let one thing happen of all that may; likely ones stand there more than once."""
        what, which = divmod(choice, len(NAMES) + 2)
        name = (*NAMES, "", "")[which]
        moves = tuple(self._moves_of(name) if name in self.lives else self._moves_of_all())
        moves[what % len(moves)]()

    def _moves_of_all(self) -> Iterator[Move]:
        yield from (partial(self.pass_time, seconds) for seconds in STEPS_S)
        yield from [self.wait_for_a_deadline] * 3
        yield self.break_spawn
        yield self.turn
        yield from [self.end_orphan] * 2
        yield from (partial(self.reload, config) for config in CONFIGS)

    def _moves_of(self, name: str) -> Iterator[Move]:
        yield from (partial(self.post, name, event) for event in ASKS)
        yield partial(self.post, name, StopAsked(Paused(self.now_at + 30)))
        yield partial(self.post, name, StopAsked(Paused(self.now_at - 30)))
        yield from (partial(self.sample, name, lag) for lag in LAGS)
        yield from (partial(self.post, name, Sampled(one)) for one in JUDGEMENTS[2:5])
        yield partial(self.fall_silent_or_speak, name)
        yield partial(self.post, name, DivergedSeen())
        yield partial(self.post, name, SlaveMoved(Tid(3), Tid(9)))
        yield partial(self.post, name, Acknowledged())
        yield partial(self.post, name, FOREIGN)
        if name in self.probes:
            yield from [partial(self.answer, name, ProbeAnswered(Go()))] * 20
            yield from (partial(self.answer, name, ProbeAnswered(one)) for one in JUDGEMENTS)
            yield partial(self.answer, name, FOREIGN)
        if name in self.glances:
            yield from [partial(self.answer_glance, name)] * 20
            yield partial(self.answer_glance, name, is_late=True)
        if name in self.groups:
            yield from self._moves_of_group(name, self.groups[name])

    def _moves_of_group(self, name: str, group: Group) -> Iterator[Move]:
        yield from (partial(self.post, name, MessageRead(message)) for message in MESSAGES)
        if isinstance(self.lives[name].state, Launching):
            yield from [partial(self.post, name, MessageRead(MESSAGES[2]))] * 20
        yield partial(self.post, name, Misdirected(Trouble("end_repointed")))
        yield partial(self.post, name, HalvesWorked())
        yield partial(self.post, name, HalfStopped(8, "target"))
        yield partial(self.post, name, HalfContinued(8))
        if group.leader_lives:
            yield from [partial(self.kill_leader, name)] * 2
        if group.is_ending:
            yield from [partial(self.empty, name)] * 60
            yield partial(self.hang, name)
            yield partial(self.post, name, GroupLives(self.now_at))
            yield partial(self.post, name, GroupLives(self.now_at - 61))
        else:
            yield from [partial(self.post, name, HalfDied(8))] * 2

    # --- moves ---------------------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        self.settle()
        until_at = self.now_at + seconds
        while (at := self.next_deadline()) is not None and at <= until_at:
            self.now_at = max(self.now_at, at)
            self.ring()
            self.settle()
        self.now_at = until_at

    def settle(self) -> None:
        """Let all that is well answer, before time passes: probes and new streams."""
        for name in sorted(self.lives.keys() - self.silent):
            if name in self.probes:
                self.answer(name, ProbeAnswered(Go()))
            if name in self.glances:
                self.answer_glance(name)
            if name in self.groups and isinstance(self.lives[name].state, Launching):
                self.post(name, MessageRead(MESSAGES[2]))
                self.post(name, MessageRead(MESSAGES[6]))

    def fall_silent_or_speak(self, name: str) -> None:
        self.silent ^= {name}

    def wait_for_a_deadline(self) -> None:
        if (at := self.next_deadline()) is not None:
            self.now_at = max(self.now_at, at)
            self.ring()

    def ring(self) -> None:
        for name, life in tuple(self.lives.items()):
            at = deadline(life)
            if at is not None and at <= self.now_at:
                self.post(name, DeadlinePassed())
        for name in [name for name, group in self.groups.items() if group.is_killed]:
            self.empty(name)

    def next_deadline(self) -> float | None:
        return min(
            (at for life in self.lives.values() if (at := deadline(life)) is not None),
            default=None,
        )

    def turn(self) -> None:
        """Turn a link on the way to the first path, or turn it back; no stream follows it."""
        self.is_turned = not self.is_turned

    def answer_glance(self, name: str, *, is_late: bool = False) -> None:
        """Tell whether the slave is what it was when it was last read; or that nobody can tell."""
        self.glances.discard(name)
        is_as_read = self.read.get(name) == self._end(name)
        self.post(name, Glanced(are_as_read=is_as_read and not is_late))

    def break_spawn(self) -> None:
        self.spawns_to_fail = 3

    def reload(self, config: dict[str, End]) -> None:
        """Let pairs come, go and change as daemon/supervisor/reload.py does."""
        for name in [name for name in self.lives if name not in config]:
            self.leaving.add(name)
            self.post(name, StopAsked(Down()))
        self.ends.update(config)
        for name in config:
            if name not in self.lives:
                self._add(name)
                self.post(name, StartAsked(lifts_latch=False))
                continue
            self.leaving.discard(name)
            life = self.lives[name]
            events = events_for(life, self._pair(name), Memory())
            pair = self._pair(name)
            self.lives[name] = replace(life, pair=pair, memory=for_ends(life.memory, pair))
            for event in events:
                self.post(name, event)

    def end_orphan(self) -> None:
        self.slaves.release(ORPHAN)
        self._slaves_changed()
        self._drain()

    def sample(self, name: str, lag: Lag) -> None:
        self.lags[name] = lag
        self.post(name, Sampled(Go(ahead=lag.verdict is LagVerdict.AHEAD)))

    def answer(self, name: str, event: Event) -> None:
        self.probes.discard(name)
        self.read[name] = self._end(name)
        self.post(name, event)

    def kill_leader(self, name: str) -> None:
        self.groups[name].leader_lives = False
        self.post(name, ParentDied("signal 9"))

    def hang(self, name: str) -> None:
        self.groups[name].hangs = not self.groups[name].hangs

    def empty(self, name: str) -> None:
        """Let the last member die, unless it hangs in the kernel."""
        if self.groups[name].hangs:
            return
        del self.groups[name]
        self.post(name, GroupEmpty())

    # --- the engine ----------------------------------------------------------------------------

    def post(self, name: str, event: Event) -> None:
        self._inbox.append((name, event))
        self._drain()

    def _drain(self) -> None:
        while self._inbox:
            self._happen(*self._inbox.popleft())
        self._check_the_whole()

    def _happen(self, name: str, event: Event) -> None:
        if name not in self.lives:
            return
        before = self.lives[name]
        assert impossible(before, event) is None, (before.state, event)
        if isinstance(event, GroupEmpty):
            self.slaves.release(name)
        context = Context(self.now_at, backoff, self.lags[name], Tid(9))
        done = step(before, event, context)
        self.steps += 1
        self.seen.update((type(before.state), type(event), *map(type, done.effects)))
        self.lives[name] = done.life
        for effect in done.effects:
            self._act(name, effect)
        self._check_step(before, event, done.life, done.effects)
        if isinstance(event, GroupEmpty):
            self._slaves_changed()
        if name in self.leaving and isinstance(done.life.state, Stopped):
            self.leaving.discard(name)
            self.probes.discard(name)
            self.glances.discard(name)
            del self.lives[name]

    def _slaves_changed(self) -> None:
        self._inbox.extend((owner, SlaveFree()) for owner in self.slaves.unblocked())

    def _act(self, name: str, effect: Effect) -> None:
        match effect:
            case Probe():
                self.probes.add(name)
            case Glance():
                self.glances.add(name)
            case Launch():
                self._launch(name)
            case LeaveQueue():
                self.slaves.leave_queue(name)
            case Terminate():
                assert not self.groups[name].is_ending, "told to end twice"
                self.groups[name].is_ending = True
            case Kill():
                assert self.groups[name].is_ending, "killed before it was told to end"
                self.groups[name].is_killed = True
            case Note(note):
                self._noted(name, note)

    def _noted(self, name: str, note: NoteName) -> None:
        if note is NoteName.UNKILLABLE:
            self.groups[name].times_called_unkillable += 1
            assert self.groups[name].times_called_unkillable == 1

    def _launch(self, name: str) -> None:
        assert name not in self.groups, "a second group of a pair"
        assert self.read[name] == self._end(name), "launched onto what was not looked at"
        holder = self.slaves.take(Claim(name, self._keys(name)))
        if holder is not None:
            self._inbox.append((name, SlaveBusy(holder.owner)))
        elif self.spawns_to_fail:
            self.spawns_to_fail -= 1
            self.slaves.release(name)
            self._inbox.append((name, SpawnFailed(11, "no more processes")))
        else:
            self.groups[name] = Group(slave=self._end(name).slave)
            self._inbox.append((name, Spawned(7)))

    def _end(self, name: str) -> End:
        end = self.ends[name]
        return TURNED if self.is_turned and end == ONE else end

    def _keys(self, name: str) -> frozenset[str]:
        end = self.read.get(name, self.ends[name])
        return slave_keys((Endpoint(end.path),), end.uuid)

    # --- what must always be true --------------------------------------------------------------

    def _check_step(
        self, before: PairLife, event: Event, after: PairLife, effects: tuple[Effect, ...]
    ) -> None:
        self._check_deadline(after)
        _check_wanted(after)
        _check_failures(before, event, after, self.now_at)
        _check_relaunch(before, after)
        _check_latch(before, event, after)
        if any(isinstance(effect, Launch) for effect in effects):
            _check_launch(before, event, after)

    def _check_deadline(self, life: PairLife) -> None:
        at = deadline(life)
        if at is not None:
            # A pause may end at once; every other deadline lies ahead, or the timer would spin.
            is_ahead = at >= self.now_at if isinstance(life.state, Stopped) else at > self.now_at
            assert is_ahead, (life.state, at, self.now_at)

    def _check_the_whole(self) -> None:
        writers = Counter(group.slave for group in self.groups.values())
        assert max(writers.values(), default=0) <= 1, ("two groups on a slave", self.groups)
        queue = self.slaves._queue
        for name, life in self.lives.items():
            has_group = isinstance(life.state, Launching | Streaming | Stopping)
            assert has_group == (name in self.groups), (life.state, self.groups)
            assert isinstance(life.state, Stopping) == (has_group and self.groups[name].is_ending)
            is_queued = isinstance(life.state, WaitingForSlave)
            assert is_queued == (name in queue), (life.state, queue)
            assert not is_queued or self.slaves.holder(queue[name]), "nobody will wake it"
            assert is_queued or has_group or _rests(life) or deadline(life) is not None, life.state

    # --- a benign end --------------------------------------------------------------------------

    def heal(self) -> None:
        """Let everything go well from here on; every slave must have a stream in the end."""
        self.spawns_to_fail, self.is_turned = 0, False
        self.end_orphan()
        self.reload(CONFIG)
        for name in self.lives:
            self.lags[name] = LAGS[2]
            self.post(name, StartAsked())
        for name in tuple(self.lives):
            if self.read.get(name) != self._end(name):
                self.post(name, Misdirected(Trouble("end_repointed")))
        for _ in range(20):
            for name in tuple(self.lives):
                self._help(name)
            if self.is_well():
                return
        states = {name: life.state for name, life in self.lives.items()}
        raise AssertionError(states)

    def _help(self, name: str) -> None:
        if name in self.groups and self.groups[name].is_ending:
            self.groups[name].hangs = False
            self.empty(name)
        if name in self.probes:
            self.answer(name, ProbeAnswered(Go()))
        if name in self.glances:
            self.answer_glance(name)
        if name not in self.lives:
            return
        if isinstance(self.lives[name].state, Launching):
            self.post(name, MessageRead(Batch(Tid(2), Tid(9), 90)))
        if isinstance(self.lives[name].state, WaitingForBackoff):
            self.pass_time(3.0)

    def is_well(self) -> bool:
        """Tell whether each slave has one stream, and whoever has none waits for it."""
        states = [life.state for life in self.lives.values()]
        return (
            all(isinstance(state, Streaming | WaitingForSlave) for state in states)
            and len(self.groups) == 2
        )


def backoff(_pair: Pair, failures: int) -> float:
    assert failures >= 1
    return min(2.0 ** min(failures - 1, 10), 300.0)


def _rests(life: PairLife) -> bool:
    return isinstance(life.state, Stopped) or is_held(life)


def _check_wanted(life: PairLife) -> None:
    is_down = isinstance(life.state, Stopped) or (
        isinstance(life.state, Stopping) and isinstance(life.state.then, ThenStopped)
    )
    assert is_down == (not isinstance(life.memory.wanted, Up)), life


def _check_failures(before: PairLife, event: Event, after: PairLife, now_at: float) -> None:
    was, now = before.memory.failures, after.memory.failures
    if now > was:
        assert now == was + 1
        assert isinstance(after.state, WaitingForBackoff)
    if now < was and not isinstance(event, StartAsked):
        assert isinstance(before.state, Streaming), before.state
        assert isinstance(after.state, Stopping)
        assert before.state.has_progressed or event == MessageRead(WentIdle())
        assert now_at - before.state.launched_at >= before.pair.timing.healthy_after_s
    entered = isinstance(after.state, WaitingForBackoff) and after.state != before.state
    assert not entered or now == was + 1, "backed off without a failure"


def _check_relaunch(before: PairLife, after: PairLife) -> None:
    was, now = before.memory.relaunched_at, after.memory.relaunched_at
    if now != was:
        assert now is not None
        assert isinstance(before.state, Stopping)
        assert isinstance(before.state.then, ThenLaunch)
        assert before.memory.failures == 0
        assert was is None or now - was >= before.pair.timing.healthy_after_s


def _check_latch(before: PairLife, event: Event, after: PairLife) -> None:
    if before.memory.is_diverged and not after.memory.is_diverged:
        assert event == StartAsked()
    if before.memory.promotion is not None and after.memory.promotion is None:
        assert event == StartAsked()
    if after.memory.promotion is not None and before.memory.promotion is None:
        assert _tells_of_a_master(before, event), (before, event)
    if after.memory.is_diverged and not before.memory.is_diverged:
        ahead = ProbeAnswered(Go(ahead=True))
        assert event == DivergedSeen() or event == ahead


def _tells_of_a_master(before: PairLife, event: Event) -> bool:
    match event:
        case SlaveMoved() | ProbeAnswered(Park()) | Sampled(Park()):
            return True
        case GroupEmpty():
            return isinstance(before.state, Stopping) and isinstance(before.state.then, ThenPark)
        case _:
            return False


def _check_launch(before: PairLife, event: Event, after: PairLife) -> None:
    assert isinstance(after.memory.wanted, Up)
    assert latch_of(after.memory) is None
    if isinstance(event, ProbeAnswered):
        assert isinstance(event.judgement, Go)
    else:
        is_again = isinstance(before.state, Probing) and before.state.relaunch is not None
        assert is_again, before.state
        assert event == Glanced(are_as_read=True)
