"""What becomes of complaints: which ends its stream, which is the cause of an end, which lasts.

hammer's own ends a stream that lives at once. All others, and on the way to another host hammer's
own too, are remember only, the weightiest of an attempt: a banner may say anything. When the
stream ends, and a half that fails does so at once, that one is the cause. Those of damage are
counted until a person acknowledges them.
"""

from dataclasses import replace
from typing import assert_never

from hammerd.core.hammer.messages import Complaint, Cure, ParkCause, Weight
from hammerd.core.pair.events import Note, NoteName
from hammerd.core.pair.states import (
    CountedComplaint,
    LossCause,
    Memory,
    PairLife,
    Stopping,
    Then,
    ThenBackoff,
    ThenLaunch,
    ThenMount,
    ThenPark,
    ThenProbe,
    ThenStopped,
    Trouble,
)

LASTING_COMPLAINTS = frozenset(
    {
        "data_damaged",
        "master_read_error",
        "slave_full",
        "slave_read_only",
        "slave_write_error",
    }
)
"""Complaints of damage or of a slave that takes nothing: in status until `hammerd ack PAIR`."""


def _is_death(loss: LossCause) -> bool:
    match loss:
        case LossCause.LINK_LOST | LossCause.HALF_DIED | LossCause.PARENT_DIED:
            return True
        case LossCause.STALLED | LossCause.PRESCAN_STUCK | LossCause.LAUNCH_TIMEOUT:
            return False
        case LossCause.PROBE_TIMEOUT | LossCause.SPAWN_FAILED:
            return False
        case _:
            assert_never(loss)


UNEXPLAINED_LOSSES = frozenset(filter(_is_death, LossCause))
"""Losses that were only seen: whatever names a cause tells more."""

EXPLAINED_LOSSES = frozenset(LossCause) - UNEXPLAINED_LOSSES
"""Losses of which hammerd itself knows the cause, whatever is said while the group ends."""


def consequence_of(complaint: Complaint) -> Then | None:
    """Return what comes after a group that complained so, None where it may live on."""
    trouble = Trouble(complaint.name, complaint.hint)
    match complaint.cure:
        case Cure.RETRY:
            return ThenBackoff(trouble)
        case Cure.MOUNT:
            return ThenMount(trouble)
        case Cure.PARK:
            cause = complaint.park_cause or ParkCause.REFUSED
            return ThenPark(cause, complaint.hint, is_from_stream=True)
        case Cure.NOTE | Cure.ECHO:
            return None
        case _:
            assert_never(complaint.cure)


def remember_cause(memory: Memory, complaint: Complaint) -> Memory:
    """Remember a complaint if it is the weightiest of its attempt so far.

    Of two of hammer's own the first names the cause; ssh names it last, before it ends.
    """
    strength = _strength(complaint.cure)
    if strength is None:
        return memory
    old, new = _rank(memory.likely_cause), (complaint.weight, strength)
    if new > old or (new == old and complaint.weight is not Weight.OWN):
        return replace(memory, likely_cause=complaint)
    return memory


def _rank(complaint: Complaint | None) -> tuple[int, int]:
    strength = None if complaint is None else _strength(complaint.cure)
    return (-1, 0) if complaint is None or strength is None else (complaint.weight, strength)


def _strength(cure: Cure) -> int | None:
    """Return which of two causes of one weight counts, None for what is never a cause."""
    match cure:
        case Cure.PARK:
            return 2
        case Cure.MOUNT:
            return 1
        case Cure.RETRY:
            return 0
        case Cure.NOTE | Cure.ECHO:
            return None
        case _:
            assert_never(cure)


def cause_of_end(life: PairLife, *, has_lived: bool) -> Then | None:
    """Return what comes after a stream that ended, by what it complained of; None if of nothing.

    A link that had worked is worth another try, whatever a login said: it is no cause to park.
    """
    complaint = life.memory.likely_cause
    if complaint is None:
        return None
    if has_lived and complaint.weight is not Weight.OWN:
        return ThenBackoff(Trouble(complaint.name, complaint.hint))
    return consequence_of(complaint)


def late_cause(life: PairLife, state: Stopping, complaint: Complaint) -> Then | None:
    """Return the cause that a login names while its group ends, None where it tells nothing new.

    The half that failed may die before its last words are heard. They count only where the group
    ends because it was lost, and nobody who weighs more has told why.
    """
    if life.memory.likely_cause is not complaint:
        return None
    match state.then:
        case ThenBackoff(trouble) if trouble.because not in EXPLAINED_LOSSES:
            return cause_of_end(life, has_lived=state.has_lived)
        case ThenLaunch(trouble=trouble) if trouble is not None:
            return cause_of_end(life, has_lived=state.has_lived)
        case ThenPark(is_from_stream=True):
            return cause_of_end(life, has_lived=state.has_lived)
        case ThenStopped() | ThenProbe() | ThenPark() | ThenMount():
            return None
        case ThenBackoff() | ThenLaunch():
            return None
        case _:
            assert_never(state.then)


def count_lasting(memory: Memory, complaint: Complaint, now_at: float) -> Memory:
    """Count a complaint that stays in status until a person acknowledges it."""
    if complaint.name not in LASTING_COMPLAINTS:
        return memory
    known = {each.name: each for each in memory.complaints}
    old = known.get(complaint.name)
    known[complaint.name] = CountedComplaint(
        complaint.name,
        complaint.hint,
        complaint.text,
        old.count + 1 if old else 1,
        old.since_at if old else now_at,
        now_at,
    )
    return replace(memory, complaints=tuple(known.values()))


def lasting_notes(life: PairLife, complaint: Complaint) -> tuple[Note, ...]:
    """Write the 1st, the 10th, the 100th … of a lasting complaint down, each as an error."""
    known = {each.name: each.count for each in life.memory.complaints}
    count = known.get(complaint.name, 0)
    if count == 0 or count != 10 ** (len(str(count)) - 1):
        return ()
    trouble = Trouble(complaint.name, complaint.hint)
    return (Note(NoteName.DAMAGED, trouble, f"{complaint.text} (seen {count} times)"),)
