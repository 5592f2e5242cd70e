"""How far a slave is behind its master, in TIDs and in seconds.

The honest sentence is: everything that was published by `safe_at` is on the slave. An end that
cannot be read makes the lag unknown (None), never 0.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from hammerd.core.tid import Tid, tids_between
from hammerd.core.tid_clock import TidClock, safe_until


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
    slave holds whole; 0 when in sync. `measured_at`: when the older of both readings was made.
    `safe_at`: all that was published by then, which is by the flush after its own, is on the
    slave. Instants are monotonic.
    `is_unproven`: unknown only because an end was not seen for too long, or is to be confirmed.
    """

    verdict: LagVerdict
    tids: int | None = None
    seconds: float | None = None
    measured_at: float | None = None
    safe_at: float | None = None
    is_approximate: bool = False
    is_unproven: bool = False


UNKNOWN = Lag(LagVerdict.UNKNOWN)


def lag_of(
    master: TidClock, slave: SlaveReading | None, now_at: float, *, is_master_later: bool = True
) -> Lag:
    """Compare a slave with its master's tid clock.

    A slave TID past the last master sample means in sync when it was read or committed after
    that sample began (the master moved on meanwhile), and ahead, a possible divergence, when the
    sample is the later one. `is_master_later` is False where both readings overlapped in time, so
    that nobody knows which was the later one.
    """
    newest = master.newest
    if newest is None or slave is None:
        return UNKNOWN
    tids = tids_between(slave.tid, newest.tid)
    measured_at = min(newest.at, slave.at)
    if tids < 0 and newest.at > slave.at and is_master_later:
        return Lag(LagVerdict.AHEAD, tids=tids, measured_at=measured_at)
    if tids <= 0:
        return Lag(
            LagVerdict.IN_SYNC,
            tids=max(tids, 0),
            seconds=0.0,
            measured_at=measured_at,
            safe_at=newest.at,
            is_approximate=newest.is_approximate,
        )
    held = safe_until(master, slave.tid)
    if held is None:
        return Lag(LagVerdict.BEHIND, tids=tids, measured_at=measured_at)
    return Lag(
        LagVerdict.BEHIND,
        tids=tids,
        seconds=max(0.0, now_at - held.at),
        measured_at=measured_at,
        safe_at=held.at,
        is_approximate=held.is_approximate,
    )


def blind(lag: Lag) -> Lag:
    """Return what stays known when an end cannot be read: until when all was safe, no lag.

    That a master still has the TID which its slave had proves nothing of a slave that is gone,
    so nothing counts as safe that is newer than the older of both readings.
    """
    is_measured = lag.safe_at is not None and lag.measured_at is not None
    safe_at = min(lag.safe_at or 0.0, lag.measured_at or 0.0) if is_measured else None
    return replace(lag, verdict=LagVerdict.UNKNOWN, tids=None, seconds=None, safe_at=safe_at)


def safe_time_of(master: TidClock, slave_tid: Tid, slave_time: float) -> float | None:
    """Return by when (wall time) all that was flushed is on a slave that nobody reads any more.

    Of what an earlier run kept; None where it proves nothing: no sample is old enough, or the
    slave holds TIDs that its master never showed.
    """
    held, newest = safe_until(master, slave_tid), master.newest
    if held is None or newest is None:
        return None
    if slave_tid > newest.tid and slave_time < newest.time:
        return None
    return min(held.time, slave_time)
