"""How far a slave is behind its master, in TIDs and in seconds, and what is certainly on it.

Two questions, two rules. The lag is about what the master has published: it is the age of the last
moment of the master that the slave holds whole, so a slave in sync is as old as the last reading
of its master. Safe is about what the master has flushed (core/replication/flush_proofs.py):
everything flushed by `safe_at` is on the slave. An end that cannot be read makes the lag unknown
(None), never 0.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from hammerd.core.replication.flush_proofs import flush_proof
from hammerd.core.replication.tid_clock import TidClock, last_held
from hammerd.core.tid import Tid, tids_between


class LagVerdict(StrEnum):
    """What is known of a slave against its master."""

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
    """How far a slave is behind.

    `tids`: master - slave, raw. `seconds`: the age of the last moment of the master that the
    slave holds whole. `measured_at`: when the older of both readings was made.
    `safe_at`: everything that the master had flushed by then is on the slave, should the disk of
    the master be lost. `durable_at`: the same should the power of the slave's host fail too.
    Instants are monotonic.
    `held_at`: the last moment of the master that the slave is known to hold whole; also where the
    lag is unknown now.
    `is_unproven`: unknown only because an end was not seen for too long, or is to be confirmed.
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
    """Compare a slave with its master's tid clock.

    A slave TID past the last master sample means in sync when it was read or committed after
    that sample began (the master moved on meanwhile), and ahead, a possible divergence, when the
    sample is the later one. `is_master_later` is False where both readings overlapped in time, so
    that nobody knows which was the later one. `durable_tid` is what a power cut leaves the slave.
    """
    newest = master.newest
    if newest is None or slave is None:
        return UNKNOWN
    tids = tids_between(slave.tid, newest.tid)
    measured_at = min(newest.at, slave.at)
    if tids < 0 and newest.at > slave.at and is_master_later:
        return Lag(LagVerdict.AHEAD, tids=tids, measured_at=measured_at)
    held, safe = last_held(master, slave.tid), flush_proof(master, slave.tid)
    durable = None if durable_tid is None else flush_proof(master, min(durable_tid, slave.tid))
    # What was published by a moment was flushed by then: a flush may prove a later one.
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
    """Return what stays known when an end cannot be read: until when all was safe, no lag.

    That a master still has the TID which its slave had proves nothing of a slave that is gone,
    so nothing counts as safe that is newer than the slave's reading.
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
