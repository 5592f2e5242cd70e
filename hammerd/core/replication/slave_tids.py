"""Which TID had a slave when, and which one is left to it by a power cut?

A commit moves a slave's TID in memory first (docs/hammer.md 2.4): it is durable once a flush of
the slave's file system that began after it has completed. So it is kept for a while which TID a
slave had when, and a flush makes durable what the slave had when it began.
"""

from bisect import bisect_right
from dataclasses import dataclass, replace

from hammerd.core.replication.lag import SlaveReading
from hammerd.core.tid import NEVER_MIRRORED, Tid

MAX_HELD = 128
HELD_SPACING_S = 1.0
"""How many TIDs are kept, and how far apart at least: a flush that began longer ago than the
oldest of them makes nothing durable."""


@dataclass(frozen=True, slots=True)
class SlaveTids:
    """What is known of one slave.

    `reading` is the last one. `held` are TIDs with the moment from which on the slave had them
    for certain, the oldest first. `durable_tid` is what a power cut leaves it, None if unknown.
    `is_forked`: its master went back since, so the TIDs above may name other writes.
    """

    reading: SlaveReading
    held: tuple[SlaveReading, ...] = ()
    durable_tid: Tid | None = None
    is_forked: bool = False


def record_reading(known: SlaveTids | None, reading: SlaveReading, had_at: float) -> SlaveTids:
    """Take in a reading of a slave that certainly had that TID at `had_at`.

    A TID that went back takes with it what was known of those above.
    """
    since = SlaveReading(reading.tid, had_at)
    if known is None:
        return SlaveTids(reading, (since,))
    if reading.tid < known.reading.tid:
        durable_tid = known.durable_tid
        return SlaveTids(
            reading,
            (since,),
            None if durable_tid is None else min(durable_tid, reading.tid),
            known.is_forked and reading.tid > NEVER_MIRRORED,
        )
    if known.held and known.held[-1].tid == reading.tid:
        return replace(known, reading=reading)
    return replace(known, reading=reading, held=_added(known.held, since))


def record_slave_flush(known: SlaveTids, began_at: float) -> SlaveTids:
    """Take in a completed flush of the slave's file system that began at `began_at`."""
    tid = tid_at(known, began_at)
    if tid is None or (known.durable_tid is not None and known.durable_tid >= tid):
        return known
    return replace(known, durable_tid=tid)


def tid_at(known: SlaveTids, at: float) -> Tid | None:
    """Return a TID that the slave had at a moment, or one before it; None if unknown."""
    index = bisect_right(known.held, at, key=lambda each: each.at)
    return known.held[index - 1].tid if index else None


def known_at(known: SlaveTids, at: float) -> SlaveTids | None:
    """Return what was known of a slave at a moment; None where that is not kept."""
    tid = tid_at(known, at)
    if tid is None:
        return None
    held = tuple(each for each in known.held if each.at <= at)
    durable_tid = None if known.durable_tid is None else min(known.durable_tid, tid)
    return SlaveTids(SlaveReading(tid, at), held, durable_tid, known.is_forked)


def after_power_cut(known: SlaveTids) -> SlaveTids | None:
    """Return what is certain of a slave whose host was cut off; None where nothing is."""
    tid = known.durable_tid
    if tid is None:
        return None
    reading = replace(known.reading, tid=min(tid, known.reading.tid))
    return replace(known, reading=reading, held=())


def _added(held: tuple[SlaveReading, ...], since: SlaveReading) -> tuple[SlaveReading, ...]:
    # Without the last one the slave is taken to have had an older TID for a moment longer.
    is_close = len(held) > 1 and held[-1].at - held[-2].at < HELD_SPACING_S
    at = max(since.at, held[-1].at) if held else since.at
    return (*(held[:-1] if is_close else held), replace(since, at=at))[-MAX_HELD:]
