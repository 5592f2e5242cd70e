"""Holds the rules for complaints: ending a stream, naming the cause of its end, lasting in status.

A complaint of hammer's own ends a stream of this host. Of all others the weightiest of an attempt
is only remembered: where a half is on another host, a login, ssh or a banner may print anything.
It is the cause when the stream ends, which a failed half does at once. Complaints of damage are
counted until a person acknowledges them; after a login only as the cause of an end.
"""

from dataclasses import replace
from typing import assert_never

from hammerd.core.hammer.messages import Complaint, Cure, ParkCause, Weight
from hammerd.core.pair import states
from hammerd.core.pair.events import Note, NoteName
from hammerd.core.pair.states import LossCause, Memory, PairLife, Then, Trouble
from hammerd.core.pairs import Pair, needs_login

LASTING_COMPLAINTS = frozenset(
    {"data_damaged", "master_read_error", "slave_full", "slave_read_only", "slave_write_error"}
)
"""Complaints of damage, or of a slave that takes no write: in status until `hammerd ack PAIR`."""


def _is_unexplained(loss: LossCause) -> bool:
    match loss:
        case LossCause.LINK_LOST | LossCause.HALF_DIED | LossCause.PARENT_DIED:
            return True
        case (
            LossCause.STALLED
            | LossCause.PRESCAN_STUCK
            | LossCause.LAUNCH_TIMEOUT
            | LossCause.PROBE_TIMEOUT
            | LossCause.SPAWN_FAILED
            | LossCause.SLAVE_UNSTEADY
        ):
            return False
        case _:
            assert_never(loss)


UNEXPLAINED_LOSSES = frozenset(filter(_is_unexplained, LossCause))
"""Losses without a known cause: any complaint explains more."""

EXPLAINED_LOSSES = frozenset(LossCause) - UNEXPLAINED_LOSSES
"""Losses whose cause hammerd itself found: no complaint while the group ends replaces it."""


def consequence_of(complaint: Complaint) -> Then | None:
    """Return the state that follows a group with this complaint, None if the group may live on."""
    trouble = Trouble(complaint.name, complaint.hint)
    match complaint.cure:
        case Cure.RETRY:
            return states.ThenBackoff(trouble)
        case Cure.MOUNT:
            return states.ThenMount(trouble)
        case Cure.PARK:
            cause = complaint.park_cause or ParkCause.REFUSED
            return states.ThenPark(cause, complaint.hint, is_from_stream=True)
        case Cure.NOTE | Cure.ECHO:
            return None
        case _:
            assert_never(complaint.cure)


def remember_cause(memory: Memory, complaint: Complaint) -> Memory:
    """Remember a complaint if it is the weightiest of its attempt so far.

    Of two of hammer's own the first names the cause; ssh names it last, before it ends.
    """
    new, old = _rank(complaint), _rank(memory.likely_cause) if memory.likely_cause else None
    if new is None:
        return memory
    if old is None or new > old:
        return replace(memory, likely_cause=complaint)
    # "Host key verification failed." is the last line, and the one before tells more.
    is_same = memory.likely_cause is not None and memory.likely_cause.name == complaint.name
    if new == old and complaint.weight is not Weight.OWN and not is_same:
        return replace(memory, likely_cause=complaint)
    return memory


def _rank(complaint: Complaint) -> tuple[Weight, int] | None:
    """Return the rank of a complaint among causes, None if it is never one."""
    match complaint.cure:
        case Cure.PARK:
            return complaint.weight, 2
        case Cure.MOUNT:
            return complaint.weight, 1
        case Cure.RETRY:
            return complaint.weight, 0
        case Cure.NOTE | Cure.ECHO:
            return None
        case _:
            assert_never(complaint.cure)


def cause_of_end(life: PairLife, *, has_lived: bool) -> Then | None:
    """Return the state that follows a stream by its likely cause, None without one.

    A link that had worked is worth a retry: no line of a login parks the pair then.
    """
    complaint = life.memory.likely_cause
    if complaint is None:
        return None
    if has_lived and complaint.weight is not Weight.OWN:
        return states.ThenBackoff(Trouble(complaint.name, complaint.hint))
    return consequence_of(complaint)


def late_cause(life: PairLife, state: states.Stopping, complaint: Complaint) -> Then | None:
    """Return the state that follows by a late complaint of a login, None if it changes nothing.

    A half may die before its last lines are read. They count only if the stream was lost, and no
    weightier complaint has named the cause.
    """
    if life.memory.likely_cause is not complaint:
        return None
    match state.then:
        case states.ThenBackoff(trouble) if trouble.because in EXPLAINED_LOSSES:
            return None
        case states.ThenLaunch(trouble=None) | states.ThenPark(is_from_stream=False):
            return None
        case states.ThenStopped() | states.ThenProbe() | states.ThenMount():
            return None
        case states.ThenBackoff() | states.ThenLaunch() | states.ThenPark():
            return cause_of_end(life, has_lived=state.has_lived)
        case _:
            assert_never(state.then)


def count_when_read(life: PairLife, complaint: Complaint, now_at: float) -> Memory:
    """Count a complaint that stays in status until a person acknowledges it."""
    if _counts_at_end(life.pair, complaint):
        return life.memory
    return _count_lasting(life.memory, complaint, now_at)


def count_at_end(life: PairLife, now_at: float) -> tuple[PairLife, tuple[Note, ...]]:
    """Count the cause of an end, if it did not count when it was read; return its notes too."""
    complaint = life.memory.likely_cause
    if complaint is None or not _counts_at_end(life.pair, complaint):
        return life, ()
    life = replace(life, memory=_count_lasting(life.memory, complaint, now_at))
    return life, _notes_of(life.memory, complaint)


def _counts_at_end(pair: Pair, complaint: Complaint) -> bool:
    """Return whether a login could have printed this complaint, so that it may mean nothing."""
    return needs_login(pair) and complaint.cure is not Cure.NOTE


def _count_lasting(memory: Memory, complaint: Complaint, now_at: float) -> Memory:
    if complaint.name not in LASTING_COMPLAINTS:
        return memory
    known = {each.name: each for each in memory.complaints}
    old = known.get(complaint.name)
    count, since_at = (old.count + 1, old.since_at) if old else (1, now_at)
    known[complaint.name] = states.CountedComplaint(
        complaint.name, complaint.hint, complaint.text, count, since_at, now_at
    )
    return replace(memory, complaints=tuple(known.values()))


def lasting_notes(life: PairLife, complaint: Complaint) -> tuple[Note, ...]:
    """Return a note for the 1st, the 10th, the 100th … complaint of a lasting kind."""
    return () if _counts_at_end(life.pair, complaint) else _notes_of(life.memory, complaint)


def _notes_of(memory: Memory, complaint: Complaint) -> tuple[Note, ...]:
    known = {each.name: each.count for each in memory.complaints}
    count = known.get(complaint.name, 0)
    if count == 0 or count != 10 ** (len(str(count)) - 1):
        return ()
    trouble = Trouble(complaint.name, complaint.hint)
    return (Note(NoteName.DAMAGED, trouble, f"{complaint.text} (seen {count} times)"),)


def acknowledged(memory: Memory) -> Memory:
    """Forget the complaints that a person has read, but for how many there were."""
    return replace(memory, complaints=(), seen=tuple(counts_of_all(memory).items()))


def counts_of_all(memory: Memory) -> dict[str, int]:
    """Return how many complaints of each lasting kind there were, acknowledged ones too."""
    counts = dict(memory.seen)
    for each in memory.complaints:
        counts[each.name] = counts.get(each.name, 0) + each.count
    return counts
