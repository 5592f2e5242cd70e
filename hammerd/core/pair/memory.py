"""Updates the memory of a pair at an event, in whatever state the pair is.

The union of events is closed here: a new event fails to type-check until it is listed.
tests/core/pair/pair_table.txt shows its effect in each state.
"""

from dataclasses import replace
from typing import assert_never

from hammerd.core.hammer.hints import fit_hint
from hammerd.core.hammer.messages import Complaint, Message, ParkCause, Remark
from hammerd.core.pair import events
from hammerd.core.pair.complaints import acknowledged, count_when_read, remember_cause
from hammerd.core.pair.latches import latch_diverged, latch_promoted, lift_latches
from hammerd.core.pair.probe_verdict import Park
from hammerd.core.pair.state_table import row_of
from hammerd.core.pair.states import Memory, PairLife, Streaming, Up
from hammerd.core.pairs import Pair
from hammerd.core.replication.promotions import Promotion, PromotionSign

FOREIGN_EXPLAINS_S = 300.0
"""The time for which a foreign stream explains a moved slave: readings come late."""

LAST_WORDS = 8
"""The number of lines of an attempt that are quoted if it fails."""


def with_pair_hint(pair: Pair, event: events.Event) -> events.Event:
    """Fit the hint of a complaint to this pair; return any other event unchanged."""
    if isinstance(event, events.MessageRead) and isinstance(event.message, Complaint):
        return events.MessageRead(fit_hint(event.message, pair))
    return event


def remember(life: PairLife, event: events.Event, ctx: events.Context) -> Memory:  # noqa: C901 - a table
    """Return the memory of a pair after an event."""
    memory = life.memory
    if memory.hold is not None and isinstance(event, events.EndpointEvent):
        # It was read before the plan began, or the plan itself caused it.
        return memory
    match event:
        case events.StartAsked(lifts_latch):
            if lifts_latch:
                # Only a person forgives failures: a start of the daemon proves nothing.
                memory = replace(lift_latches(memory), failures=0, refusals=0)
            return replace(memory, wanted=Up())
        case events.RestartAsked():
            return replace(memory, wanted=Up())
        case events.StopAsked(wanted):
            return replace(memory, wanted=wanted, unmounted_since_at=None)
        case events.HoldAsked(hold):
            return replace(memory, hold=hold, unmounted_since_at=None)
        case events.HoldReleased(lifts_latch):
            if lifts_latch and memory.hold is not None:
                memory = replace(lift_latches(memory), failures=0, refusals=0)
            return replace(memory, hold=None)
        case events.Acknowledged():
            return acknowledged(memory)
        case events.MessageRead(message):
            return _with_line(life, message, ctx.now_at)
        case events.DivergedSeen():
            return latch_diverged(memory, life.pair)
        case events.ProbeAnswered(Park(ParkCause.NOT_A_SLAVE)) | events.Sampled(
            Park(ParkCause.NOT_A_SLAVE)
        ):
            return latch_promoted(
                memory, life.pair, Promotion(PromotionSign.ROLE_READ, ctx.now_at)
            )
        case events.SlaveMoved(before, after) if not _is_explained(life, ctx.now_at):
            moved = Promotion(PromotionSign.TID_MOVED, ctx.now_at, before, after)
            return latch_promoted(memory, life.pair, moved)
        case (
            events.ProbeAnswered()
            | events.Sampled()
            | events.SlaveMoved()
            | events.Glanced()
            | events.Misdirected()
        ):
            return memory
        case (
            events.Spawned()
            | events.SpawnFailed()
            | events.ResourceBusy()
            | events.ResourceFree()
            | events.ForeignSeen()
        ):
            return memory
        case (
            events.HalfDied()
            | events.HalvesGone()
            | events.HalfStopped()
            | events.HalfContinued()
            | events.HalvesWorked()
            | events.ParentDied()
        ):
            return memory
        case events.GroupEmpty() | events.GroupLives() | events.DeadlinePassed():
            return memory
        case _:
            assert_never(event)


def _with_line(life: PairLife, message: Message, now_at: float) -> Memory:
    """Remember a line that may explain a failure; progress does not."""
    memory = life.memory
    if not isinstance(message, Complaint | Remark):
        return memory
    if isinstance(message, Complaint):
        memory = remember_cause(count_when_read(life, message, now_at), message)
    return replace(memory, last_words=(*memory.last_words, message.text)[-LAST_WORDS:])


def _is_explained(life: PairLife, now_at: float) -> bool:
    """Return whether another writer is known that may have moved the slave.

    On another host an earlier target half may have done so, unless one with the lock lives.
    """
    is_locked = isinstance(life.state, Streaming) and life.state.is_far_locked
    if not life.pair.slave.host.shares_processes and not is_locked:
        return True
    at = life.foreign_at
    is_recent = at is not None and now_at - at <= FOREIGN_EXPLAINS_S
    return is_recent or row_of(life).has_other_writer
