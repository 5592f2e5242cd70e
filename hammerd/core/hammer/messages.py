"""What a mirror-stream's stderr can say, as values (docs/hammer.md 5.2, 6.1).

core/hammer/output_parser.py makes them out of bytes, core/pair/machine.py acts on them.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from hammerd.core.tid import Tid


@dataclass(frozen=True, slots=True)
class Prescan:
    """The source half scans without data, to cut the bulk into slices."""


@dataclass(frozen=True, slots=True)
class PrescanDone:
    """The prescan ended: so many slices, so many bytes in all."""

    chunks: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Batch:
    """`Mirror-read: Mirror <begin> to <end>`; `bulk_bytes` is None with -B.

    begin - 1 is the slave's TID, or the master's sync-beg-tid - 1 if that is higher. `end` is a
    lower bound of the master's TID, and only where `end` > `begin`: else it is the quirk of
    docs/hammer.md 5.6 and says nothing.
    """

    begin: Tid
    end: Tid
    bulk_bytes: int | None


@dataclass(frozen=True, slots=True)
class NoWork:
    """`Mirror-read: No work to do`; in bulk gear no evidence of being in sync."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the scan of a slice is, and how many bytes of the slice were sent."""

    begin: Tid
    end: Tid
    slice_bytes: int


@dataclass(frozen=True, slots=True)
class Committed:
    """The slave's sync-end-tid was set to `tid`."""

    tid: Tid


@dataclass(frozen=True, slots=True)
class SliceWritten:
    """`Mirror-write SLAVE: succeeded`: a slice with data arrived whole."""


@dataclass(frozen=True, slots=True)
class WentIdle:
    """` W`: all slices are done, the source half waits for the master's TID to move."""


@dataclass(frozen=True, slots=True)
class LostLink:
    """`Lost Link`: both halves are gone; hammer would now sleep 15 s + delay."""


class Cure(StrEnum):
    """What can be done about a complaint."""

    RETRY = "retry"
    MOUNT = "mount"
    PARK = "park"
    NOTE = "note"
    ECHO = "echo"


class Weight(IntEnum):
    """How much a complaint counts; only hammer's own ends a stream that may live.

    Of the others the weightiest is the cause once the stream has ended.
    """

    PASSING = 0
    """A login, a banner or a start-up file may say so and go on."""
    PARTING = 1
    """Whoever says so ends, or hammerd does not know the message."""
    OWN = 2
    """hammer says so, in a form that is its own, and the half that does ends."""


class ParkCause(StrEnum):
    """Why a pair needs a person."""

    UUID_MISMATCH = "uuid_mismatch"
    NOT_A_SLAVE = "not_a_slave"
    DIVERGED = "diverged"
    FOREIGN_STREAM = "foreign_stream"
    SAME_PFS = "same_pfs"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error message of hammer or ssh, diagnosed by table (core/hammer/diagnostics.py).

    `name` is the table row's short stable name, `park_cause` is set when the cure is to park.
    An echo only tells that the other half is gone: it is quoted, never a cause.
    """

    text: str
    name: str
    cure: Cure
    hint: str
    park_cause: ParkCause | None = None
    weight: Weight = Weight.OWN


@dataclass(frozen=True, slots=True)
class Remark:
    """A line that is none of the above; kept as it came."""

    text: str


Message = (
    Prescan
    | PrescanDone
    | Batch
    | NoWork
    | Progress
    | Committed
    | SliceWritten
    | WentIdle
    | LostLink
    | Complaint
    | Remark
)
