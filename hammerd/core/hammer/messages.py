"""Defines the messages of a mirror-stream's stderr as values (docs/hammer.md 5.2, 6.1).

core/hammer/output_parser.py makes them from bytes, core/pair/machine.py acts on them.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import assert_never

from hammerd.core.tid import Tid


@dataclass(frozen=True, slots=True)
class Prescan:
    """The start of a prescan: the source half scans without data, to cut the bulk into slices."""


@dataclass(frozen=True, slots=True)
class PrescanDone:
    """The end of a prescan: the number of slices and their total size."""

    slices: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Batch:
    """The start of a batch: `Mirror-read: Mirror <begin> to <end>`.

    `begin` - 1 is the slave's TID, or the master's sync-beg-tid - 1 if that is higher. `end` is a
    lower bound of the master's TID, but only if `end` > `begin`: else the message is the quirk of
    docs/hammer.md 5.6 and proves nothing. `bulk_bytes` is None with -B.
    """

    begin: Tid
    end: Tid
    bulk_bytes: int | None


@dataclass(frozen=True, slots=True)
class NoWork:
    """`Mirror-read: No work to do`; in bulk gear this does not prove that the slave is in sync."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The position of a slice's scan, and the bytes of the slice sent so far."""

    begin: Tid
    end: Tid
    slice_bytes: int


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit: the slave's sync-end-tid was set to `tid`."""

    tid: Tid


@dataclass(frozen=True, slots=True)
class SliceWritten:
    """`Mirror-write SLAVE: succeeded`: a slice with data arrived completely."""


@dataclass(frozen=True, slots=True)
class WentIdle:
    """` W`: all slices are done, the source half waits until the master's TID changes."""


@dataclass(frozen=True, slots=True)
class LostLink:
    """`Lost Link`: both halves have ended; hammer would now sleep 15 s + delay."""


MASTER_END, SLAVE_END = "master", "slave"


@dataclass(frozen=True, slots=True)
class Connecting:
    """hammerd-rsh starts the ssh of a half; `to` is the login, `end` one of the words above."""

    to: str
    end: str


@dataclass(frozen=True, slots=True)
class FarLocked:
    """The target half on another host holds the lock of its slave: no earlier half lives there."""


class Cure(StrEnum):
    """The reaction to a complaint; core/hammer/diagnostics.py explains the values."""

    RETRY = "retry"
    MOUNT = "mount"
    PARK = "park"
    NOTE = "note"
    ECHO = "echo"


class Weight(IntEnum):
    """The weight of a complaint; only OWN ends a stream that may be alive.

    Of the others the one with the highest weight is the cause after the stream has ended.
    """

    PASSING = 0
    """A login, a banner or a start-up file may print it and go on."""
    PARTING = 1
    """The program that prints it exits, or hammerd does not know the message."""
    OWN = 2
    """hammer prints it, in its own form, and the half that prints it exits."""


class ParkCause(StrEnum):
    """The reason why a pair is parked until a person acts."""

    UUID_MISMATCH = "uuid_mismatch"
    NOT_A_SLAVE = "not_a_slave"
    DIVERGED = "diverged"
    FOREIGN_STREAM = "foreign_stream"
    SAME_PFS = "same_pfs"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error message of hammer or ssh, diagnosed by table (core/hammer/diagnostics.py).

    `name` is the row's short stable name, `park_cause` is set if the cure is to park. An echo
    only means that the other half has ended: it is quoted, but never a cause.
    """

    text: str
    name: str
    cure: Cure
    hint: str
    park_cause: ParkCause | None = None
    weight: Weight = Weight.OWN


@dataclass(frozen=True, slots=True)
class Remark:
    """Any other line, unchanged."""

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
    | Connecting
    | FarLocked
    | Complaint
    | Remark
)


def is_sign_of_life(message: Message) -> bool:
    """Return whether a message shows that both halves of a stream work."""
    match message:
        case LostLink() | Connecting() | FarLocked() | Complaint() | Remark():
            return False
        case (
            Prescan()
            | PrescanDone()
            | Batch()
            | NoWork()
            | Progress()
            | Committed()
            | SliceWritten()
            | WentIdle()
        ):
            return True
        case _:
            assert_never(message)
