"""Measures how fast a stream sends, how much of its bulk is done, and the remaining time.

This is for people only; no rule uses it. A bulk is the total of one prescan, sent in slices.
Without a prescan only the size of a slice is known, if hammer prints it. A prescan counts records
and the stream adds a frame to each, so the bytes sent may be a little more than the total.
"""

from dataclasses import dataclass, replace

from hammerd.core.hammer import messages

WINDOW_S = 30.0
"""The rate covers the last one to two windows."""

SHORTEST_RATE_SPAN_S = 1.0
LARGEST_BYTES = 1 << 62
"""Larger numbers are the quirk of docs/hammer.md 5.6 (2^64 - 1), not sizes."""


@dataclass(frozen=True, slots=True)
class SentMark:
    """The bytes sent until an instant (monotonic)."""

    at: float
    sent_bytes: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """The bytes that a stream sent: in all, of the bulk before this slice, of this slice.

    `is_counted`: `total_bytes` is a prescan's, valid for all slices until the stream is idle.
    The rate is measured from the `older` mark; `worked_at` is the time of the last progress.
    """

    sent_bytes: int = 0
    finished_bytes: int = 0
    slice_bytes: int = 0
    total_bytes: int | None = None
    is_counted: bool = False
    older: SentMark | None = None
    newer: SentMark | None = None
    worked_at: float | None = None


@dataclass(frozen=True, slots=True)
class BulkProgress:
    """The progress of a bulk; `eta_s` is None while the rate is unknown or 0."""

    done_bytes: int
    total_bytes: int
    eta_s: float | None


def update_transfer(transfer: Transfer, message: messages.Message, now_at: float) -> Transfer:
    """Return a transfer with one more message of its stream."""
    match message:
        case messages.PrescanDone(total_bytes=total_bytes):
            return _begin_bulk(transfer, total_bytes or None, is_counted=total_bytes > 0)
        case messages.Batch(begin, end, bulk_bytes) if end > begin:
            return _begin_slice(transfer, bulk_bytes, now_at)
        case messages.Progress(slice_bytes=slice_bytes):
            return _add_sent(transfer, slice_bytes, now_at)
        case messages.WentIdle():
            return _begin_bulk(transfer, None)
        case _:
            return transfer


def transfer_rate(transfer: Transfer, now_at: float) -> float | None:
    """Return the bytes per second of the last half minute or minute; None before any slice."""
    if transfer.older is None:
        return None
    if _is_idle(transfer, now_at):
        return 0.0
    sent_bytes = transfer.sent_bytes - transfer.older.sent_bytes
    return sent_bytes / max(now_at - transfer.older.at, SHORTEST_RATE_SPAN_S)


def bulk_progress(transfer: Transfer, now_at: float) -> BulkProgress | None:
    """Return the progress of a bulk, None if its size is unknown."""
    if transfer.total_bytes is None:
        return None
    total_bytes = transfer.total_bytes
    done_bytes = min(transfer.finished_bytes + transfer.slice_bytes, total_bytes)
    rate = transfer_rate(transfer, now_at)
    eta_s = (total_bytes - done_bytes) / rate if rate else None
    return BulkProgress(done_bytes, total_bytes, eta_s)


def _begin_bulk(
    transfer: Transfer, total_bytes: int | None, *, is_counted: bool = False
) -> Transfer:
    bulk = replace(transfer, finished_bytes=0, slice_bytes=0)
    return replace(bulk, total_bytes=total_bytes, is_counted=is_counted)


def _begin_slice(transfer: Transfer, bulk_bytes: int | None, now_at: float) -> Transfer:
    transfer = _advance_marks(_restart_rate(transfer, now_at), now_at)
    if transfer.is_counted:
        finished_bytes = transfer.finished_bytes + transfer.slice_bytes
        return replace(transfer, finished_bytes=finished_bytes, slice_bytes=0)
    is_size = bulk_bytes is not None and 0 < bulk_bytes < LARGEST_BYTES
    return _begin_bulk(transfer, bulk_bytes if is_size else None)


def _add_sent(transfer: Transfer, slice_bytes: int, now_at: float) -> Transfer:
    if slice_bytes < transfer.slice_bytes:
        # The message of a new slice was lost between the two halves' messages.
        transfer = _begin_slice(transfer, transfer.total_bytes, now_at)
    transfer = _restart_rate(transfer, now_at)
    sent_bytes = transfer.sent_bytes + slice_bytes - transfer.slice_bytes
    transfer = replace(transfer, sent_bytes=sent_bytes, slice_bytes=slice_bytes)
    return _advance_marks(transfer, now_at)


def _restart_rate(transfer: Transfer, now_at: float) -> Transfer:
    """Restart the rate window after idle time, which is no part of the rate."""
    if transfer.newer is None or _is_idle(transfer, now_at):
        mark = SentMark(now_at, transfer.sent_bytes)
        return replace(transfer, older=mark, newer=mark)
    return transfer


def _advance_marks(transfer: Transfer, now_at: float) -> Transfer:
    """Record that the stream works, and advance the marks of its rate after each window."""
    if transfer.newer is None or now_at - transfer.newer.at < WINDOW_S:
        return replace(transfer, worked_at=now_at)
    mark = SentMark(now_at, transfer.sent_bytes)
    return replace(transfer, worked_at=now_at, older=transfer.newer, newer=mark)


def _is_idle(transfer: Transfer, now_at: float) -> bool:
    return transfer.worked_at is not None and now_at - transfer.worked_at > WINDOW_S
