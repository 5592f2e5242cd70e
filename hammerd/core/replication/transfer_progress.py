"""How fast a stream sends, how much of its bulk is done, and how long the rest may take.

For people only: no rule looks at it. A bulk is what one prescan counted, in slices; outside of
one a slice whose size hammer tells is all that is known. A prescan counts records and the
stream frames them, so that what is sent comes close to the total and may pass it by a little.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from hammerd.core.hammer.messages import (
    Batch,
    Committed,
    Complaint,
    LostLink,
    Message,
    NoWork,
    Prescan,
    PrescanDone,
    Progress,
    Remark,
    SliceWritten,
    WentIdle,
)

WINDOW_S = 30.0
"""The rate is that of the last one to two of these."""

SHORTEST_S = 1.0
LARGEST_BYTES = 1 << 62
"""Sizes past this are the quirk of docs/hammer.md 5.6 (2^64 - 1), and no sizes."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How many bytes were sent at an instant (monotonic)."""

    at: float
    sent_bytes: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a stream sent: in all, of the bulk before this slice, of this slice.

    `is_counted`: `total_bytes` is a prescan's, and holds for all slices until the stream rests.
    The rate is measured from the `older` mark; `worked_at` is when a slice last went on.
    """

    sent_bytes: int = 0
    finished_bytes: int = 0
    slice_bytes: int = 0
    total_bytes: int | None = None
    is_counted: bool = False
    older: Mark | None = None
    newer: Mark | None = None
    worked_at: float | None = None


@dataclass(frozen=True, slots=True)
class BulkProgress:
    """How much of a bulk is done; `eta_s` is None while that cannot be told."""

    done_bytes: int
    total_bytes: int
    eta_s: float | None


def update_transfer(transfer: Transfer, message: Message, now_at: float) -> Transfer:
    """Return what is known of a transfer after its stream said something."""
    match message:
        case PrescanDone(total_bytes=total_bytes):
            return replace(
                transfer,
                finished_bytes=0,
                slice_bytes=0,
                total_bytes=total_bytes or None,
                is_counted=total_bytes > 0,
            )
        case Batch(begin, end, bulk_bytes) if end > begin:
            return _slice_began(transfer, bulk_bytes, now_at)
        case Progress(slice_bytes=slice_bytes):
            return _sent(transfer, slice_bytes, now_at)
        case WentIdle():
            return replace(
                transfer, finished_bytes=0, slice_bytes=0, total_bytes=None, is_counted=False
            )
        case Prescan() | Batch() | NoWork() | Committed() | SliceWritten() | LostLink():
            return transfer
        case Complaint() | Remark():
            return transfer
        case _:
            assert_never(message)


def transfer_rate(transfer: Transfer, now_at: float) -> float | None:
    """Return the bytes per second of the last half minute or minute; None before any slice."""
    if transfer.older is None:
        return None
    if _is_at_rest(transfer, now_at):
        return 0.0
    sent_bytes = transfer.sent_bytes - transfer.older.sent_bytes
    return sent_bytes / max(now_at - transfer.older.at, SHORTEST_S)


def bulk_progress(transfer: Transfer, now_at: float) -> BulkProgress | None:
    """Return how far a bulk is, None where its size is not known."""
    if transfer.total_bytes is None:
        return None
    total_bytes = transfer.total_bytes
    done_bytes = min(transfer.finished_bytes + transfer.slice_bytes, total_bytes)
    rate = transfer_rate(transfer, now_at)
    eta_s = (total_bytes - done_bytes) / rate if rate else None
    return BulkProgress(done_bytes, total_bytes, eta_s)


def _slice_began(transfer: Transfer, bulk_bytes: int | None, now_at: float) -> Transfer:
    transfer = _rolled(_woken(transfer, now_at), now_at)
    if transfer.is_counted:
        finished_bytes = transfer.finished_bytes + transfer.slice_bytes
        return replace(transfer, finished_bytes=finished_bytes, slice_bytes=0)
    is_size = bulk_bytes is not None and 0 < bulk_bytes < LARGEST_BYTES
    total_bytes = bulk_bytes if is_size else None
    return replace(transfer, finished_bytes=0, slice_bytes=0, total_bytes=total_bytes)


def _sent(transfer: Transfer, slice_bytes: int, now_at: float) -> Transfer:
    if slice_bytes < transfer.slice_bytes:
        # The line that tells of a new slice was lost between the two halves' messages.
        transfer = _slice_began(transfer, transfer.total_bytes, now_at)
    transfer = _woken(transfer, now_at)
    sent_bytes = transfer.sent_bytes + slice_bytes - transfer.slice_bytes
    return _rolled(replace(transfer, sent_bytes=sent_bytes, slice_bytes=slice_bytes), now_at)


def _woken(transfer: Transfer, now_at: float) -> Transfer:
    """Measure anew after a rest: what it lasted is no part of the rate."""
    if transfer.newer is None or _is_at_rest(transfer, now_at):
        mark = Mark(now_at, transfer.sent_bytes)
        return replace(transfer, older=mark, newer=mark)
    return transfer


def _rolled(transfer: Transfer, now_at: float) -> Transfer:
    """Take down that the stream works, and move the marks that its rate is measured from."""
    if transfer.newer is None or now_at - transfer.newer.at < WINDOW_S:
        return replace(transfer, worked_at=now_at)
    mark = Mark(now_at, transfer.sent_bytes)
    return replace(transfer, worked_at=now_at, older=transfer.newer, newer=mark)


def _is_at_rest(transfer: Transfer, now_at: float) -> bool:
    return transfer.worked_at is not None and now_at - transfer.worked_at > WINDOW_S
