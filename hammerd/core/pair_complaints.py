"""Complaints that outlast the stream which made them: counted until a person acknowledges them."""

from dataclasses import replace

from hammerd.core.pair_events import Note, NoteName
from hammerd.core.pair_states import CountedComplaint, Memory, PairLife, Trouble
from hammerd.core.stream_sayings import Complaint

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


def counted(memory: Memory, complaint: Complaint, now_at: float) -> Memory:
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
