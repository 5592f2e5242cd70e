"""Lists the events that the daemon never delivers in a state, with the reason.

The blank cells of pair_table.txt; the random histories hold the real engine to it.
"""

from enum import StrEnum

from hammerd.core.hammer.messages import ParkCause
from hammerd.core.pair.events import (
    DeadlinePassed,
    Event,
    GroupEmpty,
    GroupLives,
    HalfContinued,
    HalfDied,
    HalfStopped,
    HalvesGone,
    HalvesWorked,
    MessageRead,
    ParentDied,
    ProbeAnswered,
    ResourceBusy,
    ResourceFree,
    Spawned,
    SpawnFailed,
)
from hammerd.core.pair.state_table import deadline
from hammerd.core.pair.states import (
    Launching,
    PairLife,
    Parked,
    Paused,
    Probing,
    State,
    Stopped,
    Stopping,
    Streaming,
    ThenLaunch,
    ThenStopped,
    WaitingForResource,
)


class Never(StrEnum):
    """The reason why an event never comes."""

    NO_GROUP = "streams.py has a stream from its launch to GroupEmpty, and posts for no other pair"
    NOT_ENDING = "streams.py sweeps a group for emptiness only after terminate()"
    IS_ENDING = "streams.py posts no death of a half of a group that is ending"
    NOT_LAUNCHING = "engine.py answers a Launch at once, before any other event of the pair"
    NOT_QUEUED = "engine.py posts it to those in the queue only, which are those in waiting: slave"
    NO_PROBE = (
        "sampler.py has one probe of a pair under way at most, and only its answer leads here;"
        " none was asked for since"
    )
    HELD = "a held pair is stopped, or is stopping"
    ASKED_DOWN = "a pair that is asked down while it stops has ThenStopped from then on"
    NO_DEADLINE = "engine.py rings for those only whose deadline() has come"


def why_never(life: PairLife, event: Event) -> Never | None:
    """Return why this event never comes in this state, None if it may."""
    if life.memory.hold is not None and not _is_at_rest(life.state):
        return Never.HELD
    match event:
        case GroupEmpty() if isinstance(life.memory.wanted, Paused):
            return None if _is_at_rest(life.state) else Never.ASKED_DOWN
        case (
            MessageRead()
            | HalfDied()
            | HalvesGone()
            | HalfStopped()
            | HalfContinued()
            | ParentDied()
            | HalvesWorked()
            | GroupEmpty()
            | GroupLives()
        ):
            return _no_such_group(life.state, event)
        case Spawned() | SpawnFailed() | ResourceBusy():
            return None if isinstance(life.state, Launching) else Never.NOT_LAUNCHING
        case ResourceFree():
            return None if isinstance(life.state, WaitingForResource) else Never.NOT_QUEUED
        case ProbeAnswered():
            return _not_asked(life.state)
        case DeadlinePassed():
            return None if deadline(life) is not None else Never.NO_DEADLINE
        case _:
            return None


def _is_at_rest(state: State) -> bool:
    is_asked = isinstance(state, Stopping) and state.then == ThenStopped()
    return is_asked or isinstance(state, Stopped)


def _no_such_group(state: State, event: Event) -> Never | None:
    if not isinstance(state, Launching | Streaming | Stopping):
        return Never.NO_GROUP
    if isinstance(event, GroupEmpty | GroupLives) and not isinstance(state, Stopping):
        return Never.NOT_ENDING
    if isinstance(event, HalfDied | HalvesGone) and isinstance(state, Stopping):
        return Never.IS_ENDING
    return None


def _not_asked(state: State) -> Never | None:
    match state:
        case Launching() | Streaming() | Stopping() | WaitingForResource():
            return Never.NO_PROBE
        case Parked(cause=ParkCause.DIVERGED) | Probing(relaunch=ThenLaunch()):
            return Never.NO_PROBE
        case _:
            return None
