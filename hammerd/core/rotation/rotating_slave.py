"""Defines what is known of a slave that takes turns, also while its disk is away.

Of a slave that is there the last reading counts, and what was proven of it before: a slave keeps
what it holds. What is known of one that is away stays as it was, so only its lag grows.

    is there ── not read any more ── is away ── read again ── is there
        │                               │
        └──── promoted, destroyed ──────┘   nothing on it is safe

All instants are monotonic. The wall clock may be set while a disk is away for weeks: so the
offset of both clocks is kept, and no moment is shown as later than it was when it was recorded.
"""

from dataclasses import dataclass, replace
from typing import TypeVar

from hammerd.core.replication.saved_moments import WALL_SLACK_S
from hammerd.core.tid import NEVER_MIRRORED, Tid


@dataclass(frozen=True, slots=True)
class Moments:
    """The moments of the master that a slave holds, as in core/replication/lag.py; None: none."""

    held_at: float | None = None
    safe_at: float | None = None
    durable_at: float | None = None


UNPROVEN = Moments()


@dataclass(frozen=True, slots=True)
class RotatingSlave:
    """A slave that takes turns, known by its unique-uuid.

    `path` is where it is, or was last; `tid` is its last TID, None if unknown; `durable_tid` the
    one that it keeps in a power cut. `seen_at` is its last reading, and `since_at` the time since
    when it is there, or away. `forked_tid`: its master went back to this TID since, so a higher
    TID may mean another write on each of them, until a person acknowledges it. `wall_ahead_s` is
    added to the instants to get wall times.
    """

    unique_uuid: str
    path: str
    tid: Tid | None
    seen_at: float
    since_at: float
    is_present: bool = True
    moments: Moments = UNPROVEN
    durable_tid: Tid | None = None
    forked_tid: Tid | None = None
    wall_ahead_s: float = 0.0


def record_seen(known: RotatingSlave | None, seen: RotatingSlave) -> RotatingSlave:
    """Return a slave after a reading; `known` is what was known of it before.

    A lower TID drops what was proven: a disk may lose commits that were in memory only.
    """
    if known is None:
        return seen
    known = fit_wall_clock(known, seen.wall_ahead_s)
    has_stayed = known.is_present and known.path == seen.path
    seen = replace(
        seen,
        since_at=known.since_at if has_stayed else seen.since_at,
        forked_tid=known.forked_tid,
        durable_tid=_later(known.durable_tid, seen.durable_tid),
    )
    if went_back(known, seen):
        return replace(seen, durable_tid=_earlier(seen.durable_tid, seen.tid))
    if known.forked_tid is not None:
        return replace(seen, moments=known.moments)
    return replace(seen, moments=_latest(known.moments, seen.moments))


def went_back(known: RotatingSlave, seen: RotatingSlave) -> bool:
    """Return whether a slave has a lower TID than before."""
    return known.tid is not None and seen.tid is not None and seen.tid < known.tid


def record_away(known: RotatingSlave, now_at: float) -> RotatingSlave:
    """Return a slave that is not there any more."""
    return replace(known, is_present=False, since_at=now_at) if known.is_present else known


def record_promoted(known: RotatingSlave, now_at: float) -> RotatingSlave:
    """Return a slave that is a master now: others may have written to it."""
    return replace(record_away(known, now_at), moments=UNPROVEN)


def record_fork(known: RotatingSlave, master_tid: Tid) -> RotatingSlave:
    """Return a slave whose master went back to `master_tid`."""
    if known.tid is not None and known.tid <= NEVER_MIRRORED:
        return known
    tid = master_tid if known.forked_tid is None else min(master_tid, known.forked_tid)
    return replace(known, forked_tid=tid)


def is_ahead(known: RotatingSlave) -> bool:
    """Return whether a slave may hold what its master has lost."""
    return known.forked_tid is not None and (known.tid is None or known.tid > known.forked_tid)


def after_reboot(known: RotatingSlave) -> RotatingSlave:
    """Return what is certain of a slave after a reboot of its host, if it was there before."""
    if not known.is_present:
        return known
    durable_at = known.moments.durable_at
    return replace(
        known, tid=known.durable_tid, moments=Moments(durable_at, durable_at, durable_at)
    )


def fit_wall_clock(known: RotatingSlave, wall_ahead_s: float) -> RotatingSlave:
    """Return a slave whose moments, in wall time, are no later than when they were recorded.

    The wall clock may have been set forward since; if it was set back, they are shown as earlier.
    """
    by_s = known.wall_ahead_s - wall_ahead_s
    if by_s >= -WALL_SLACK_S:
        return known
    return replace(shift(known, by_s), wall_ahead_s=wall_ahead_s)


def shift(known: RotatingSlave, by_s: float) -> RotatingSlave:
    """Return a slave with all its instants moved by so many seconds."""
    held_at, safe_at, durable_at = (
        None if at is None else at + by_s
        for at in (known.moments.held_at, known.moments.safe_at, known.moments.durable_at)
    )
    return replace(
        known,
        seen_at=known.seen_at + by_s,
        since_at=known.since_at + by_s,
        moments=Moments(held_at, safe_at, durable_at),
    )


def _latest(one: Moments, other: Moments) -> Moments:
    return Moments(
        _later(one.held_at, other.held_at),
        _later(one.safe_at, other.safe_at),
        _later(one.durable_at, other.durable_at),
    )


Number = TypeVar("Number", float, Tid)


def _later(one: Number | None, other: Number | None) -> Number | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def _earlier(one: Number | None, other: Number | None) -> Number | None:
    return None if one is None or other is None else min(one, other)
