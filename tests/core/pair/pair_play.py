"""Plays events at their times on a pair, and returns the last step."""

from dataclasses import dataclass, replace

from hammerd.core.hammer.messages import Batch, Complaint, Cure, ParkCause, Progress, WentIdle
from hammerd.core.pair.events import (
    Context,
    DeadlinePassed,
    Event,
    Glance,
    Glanced,
    GroupEmpty,
    MessageRead,
    ProbeAnswered,
    Spawned,
    StartAsked,
    Step,
)
from hammerd.core.pair.machine import new_life, step
from hammerd.core.pair.probe_verdict import Go
from hammerd.core.pair.state_table import deadline
from hammerd.core.pair.states import Memory, PairLife
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.lag import Lag, LagVerdict
from hammerd.core.tid import Tid

PAIR = Pair("home", Endpoint("/master"), Endpoint("/slave"))
FRESH = Memory()
SLAVE_TID = Tid(9)

IN_SYNC = Lag(LagVerdict.IN_SYNC, tids=0, seconds=0.0)
A_LITTLE_BEHIND = Lag(LagVerdict.BEHIND, tids=5, seconds=5.0)
FAR_BEHIND = Lag(LagVerdict.BEHIND, tids=900, seconds=900.0)


@dataclass(frozen=True, slots=True)
class Due:
    """The pair's deadline passes."""

    lag: Lag | None = None


@dataclass(frozen=True, slots=True)
class Defaults:
    """The lag and the slave's TID of all moments that have no others."""

    lag: Lag = A_LITTLE_BEHIND
    slave_tid: Tid | None = SLAVE_TID


Moment = tuple[float, Event] | tuple[float, Event, Lag] | Due
DEFAULTS = Defaults()


def backoff(_pair: Pair, failures: int) -> float:
    assert failures >= 1
    return 10.0 * failures


def play(
    *moments: Moment, pair: Pair = PAIR, memory: Memory = FRESH, defaults: Defaults = DEFAULTS
) -> Step:
    """Let events happen to a pair that is stopped since 0, and return the last step."""
    done = Step(new_life(pair, memory, 0.0))
    for moment in moments:
        done = advance(done.life, moment, defaults)
    return done


def advance(life: PairLife, moment: Moment, defaults: Defaults = DEFAULTS) -> Step:
    """Let one more event happen to a pair; each glance finds both paths unchanged."""
    if isinstance(moment, Due):
        at = deadline(life)
        assert at is not None, f"{life.state} has no deadline"
        moment = (at, DeadlinePassed(), moment.lag or defaults.lag)
    at, event, *lags = moment
    lag = lags[0] if lags else defaults.lag
    context = Context(at, backoff, lag, defaults.slave_tid)
    done = step(life, event, context)
    if done.effects[-1:] != (Glance(),):
        return done
    glanced = step(done.life, Glanced(are_as_read=True), context)
    return Step(glanced.life, (*done.effects[:-1], *glanced.effects))


def complained(cure: Cure, name: str = "name") -> MessageRead:
    cause = ParkCause.REFUSED if cure is Cure.PARK else None
    return MessageRead(Complaint("what it said", name, cure, "what helps", cause))


GO = ProbeAnswered(Go())
AHEAD = ProbeAnswered(Go(ahead=True))
BATCH = MessageRead(Batch(Tid(2), Tid(9), 100))
PROGRESS = MessageRead(Progress(Tid(2), Tid(9), 50))
IDLE = MessageRead(WentIdle())
DUE = Due()

PROBING: tuple[Moment, ...] = ((0, StartAsked()),)
LAUNCHING: tuple[Moment, ...] = (*PROBING, (1, GO), (1, Spawned(7)))
COPYING: tuple[Moment, ...] = (*LAUNCHING, (2, BATCH), (3, PROGRESS))
"""A stream that was launched at 1 in following gear, since its lag is small, and sent at 3."""


def emptied(*moments: Moment, at: float) -> tuple[Moment, ...]:
    """Add the event that the group is empty at `at`."""
    return (*moments, (at, GroupEmpty()))


def with_timing(**seconds: float) -> Pair:
    return replace(PAIR, timing=replace(PAIR.timing, **seconds))
