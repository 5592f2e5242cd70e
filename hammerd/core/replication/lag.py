"""Computes how far a slave is behind its master, and up to when its data is safe.

These are two questions with two rules. The lag is about published data: the age of the last
instant whose published data the slave holds completely, so the lag of a slave in sync is the age
of the last reading of its master. Safe is about flushed data (core/replication/flush_proofs.py):
everything that was flushed by `safe_at` is on the slave. If an endpoint cannot be read, the lag is
unknown (None), never 0.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from hammerd.core.replication.flush_proofs import flush_proof
from hammerd.core.replication.tid_clock import TidClock, last_held
from hammerd.core.tid import Tid


class LagVerdict(StrEnum):
    """The result of comparing a slave's TID with its master's."""

    IN_SYNC = "in_sync"
    BEHIND = "behind"
    AHEAD = "ahead"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SlaveReading:
    """The slave's sync-end-tid and when it was read or committed; `at` is monotonic."""

    tid: Tid
    at: float


@dataclass(frozen=True, slots=True)
class Lag:
    """The lag of a slave behind its master. Instants are monotonic.

    `tids`: the master's TID minus the slave's, 0 if that is negative and the slave is not ahead.
    `seconds`: the age of `held_at`, the last instant whose published data the slave is known to
    hold completely; `held_at` is kept even if the lag is unknown now.
    `measured_at`: when the older of both readings was made.
    `safe_at`: everything that the master had flushed by then survives the loss of the master's
    disk. `durable_at`: the same, if the power of the slave's host fails too.
    `is_unproven`: the lag is unknown only because an endpoint was not read for too long, or its
    reading is to be confirmed.
    """

    verdict: LagVerdict
    tids: int | None = None
    seconds: float | None = None
    measured_at: float | None = None
    safe_at: float | None = None
    durable_at: float | None = None
    is_approximate: bool = False
    is_unproven: bool = False
    held_at: float | None = field(default=None, compare=False)


UNKNOWN = Lag(LagVerdict.UNKNOWN)


def lag_of(
    master: TidClock,
    slave: SlaveReading | None,
    now_at: float,
    *,
    is_master_later: bool = True,
    durable_tid: Tid | None = None,
) -> Lag:
    """Compare a slave with its master's TID clock.

    A slave's TID above the last master sample means in sync if it was read or committed after
    that sample began (the master's TID has grown since), and ahead, a possible divergence, if the
    sample is the later one. `is_master_later` is False if both readings overlapped in time, so
    that their order is unknown. `durable_tid` is the TID that the slave keeps in a power cut.
    """
    newest = master.newest
    if newest is None or slave is None:
        return UNKNOWN
    tids = newest.tid - slave.tid
    measured_at = min(newest.at, slave.at)
    if tids < 0 and newest.at > slave.at and is_master_later:
        return Lag(LagVerdict.AHEAD, tids=tids, measured_at=measured_at)
    held, safe = last_held(master, slave.tid), flush_proof(master, slave.tid)
    durable = None if durable_tid is None else flush_proof(master, min(durable_tid, slave.tid))
    # Flushed data includes published data, so a flush proof may give a later instant.
    held_at = None if held is None else max(held.at, safe.at if safe else held.at)
    return Lag(
        LagVerdict.IN_SYNC if tids <= 0 else LagVerdict.BEHIND,
        tids=max(tids, 0),
        seconds=None if held_at is None else max(0.0, now_at - held_at),
        measured_at=measured_at,
        safe_at=None if safe is None else safe.at,
        durable_at=None if durable is None else durable.at,
        is_approximate=any(each.is_approximate for each in (held, safe) if each),
        held_at=held_at,
    )


def lag_when_unreadable(lag: Lag, slave: SlaveReading | None) -> Lag:
    """Return a lag without a number, but with its instants, for an endpoint that cannot be read.

    If the slave is missing, a master that still has the slave's last TID proves nothing about
    it, so nothing newer than the slave's reading counts as safe.
    """
    slave_at = slave.at if slave else None
    return replace(
        lag,
        verdict=LagVerdict.UNKNOWN,
        tids=None,
        seconds=None,
        safe_at=_earlier(lag.safe_at, slave_at),
        durable_at=_earlier(lag.durable_at, slave_at),
        held_at=_earlier(lag.held_at, slave_at),
    )


def _earlier(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else min(one, other)
