"""Records which TID a slave had when, and which TID it keeps in a power cut.

A commit moves a slave's TID in memory first (docs/hammer.md 2.4). The TID is durable once a flush
of the slave's file system that began after the commit has completed. So the TIDs of the last
minutes are kept, and a flush makes durable the TID that the slave had when the flush began.
"""

from bisect import bisect_right
from dataclasses import dataclass, replace

from hammerd.core.replication.lag import SlaveReading
from hammerd.core.tid import NEVER_MIRRORED, Tid

MAX_HELD = 128
HELD_SPACING_S = 1.0
"""The number of TIDs that are kept, and their least distance in time. A flush that began before
the oldest of them makes nothing durable."""


@dataclass(frozen=True, slots=True)
class SlaveTids:
    """The known TIDs of one slave.

    `reading` is the last one. `held` are TIDs with an instant since which the slave certainly
    had them, the oldest first. `durable_tid` is the TID that it keeps in a power cut, None if
    unknown. `is_forked`: the master's TID went back since, so higher TIDs may mean other writes.
    """

    reading: SlaveReading
    held: tuple[SlaveReading, ...] = ()
    durable_tid: Tid | None = None
    is_forked: bool = False


def record_reading(known: SlaveTids | None, reading: SlaveReading, had_at: float) -> SlaveTids:
    """Add a reading of a slave that certainly had that TID at `had_at`.

    If the TID went back, everything that was known about higher TIDs is dropped.
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
    """Add a completed flush of the slave's file system that began at `began_at`."""
    tid = tid_at(known, began_at)
    if tid is None or (known.durable_tid is not None and known.durable_tid >= tid):
        return known
    return replace(known, durable_tid=tid)


def tid_at(known: SlaveTids, at: float) -> Tid | None:
    """Return the last TID that the slave certainly had at an instant; None if unknown."""
    index = bisect_right(known.held, at, key=lambda each: each.at)
    return known.held[index - 1].tid if index else None


def known_at(known: SlaveTids, at: float) -> SlaveTids | None:
    """Return what was known of a slave at an instant; None if that is no longer kept."""
    tid = tid_at(known, at)
    if tid is None:
        return None
    held = tuple(each for each in known.held if each.at <= at)
    durable_tid = None if known.durable_tid is None else min(known.durable_tid, tid)
    return SlaveTids(SlaveReading(tid, at), held, durable_tid, known.is_forked)


def after_power_cut(known: SlaveTids) -> SlaveTids | None:
    """Return what is certain of a slave after a power cut of its host; None if nothing is."""
    tid = known.durable_tid
    if tid is None:
        return None
    reading = replace(known.reading, tid=min(tid, known.reading.tid))
    return replace(known, reading=reading, held=())


def _added(held: tuple[SlaveReading, ...], since: SlaveReading) -> tuple[SlaveReading, ...]:
    # Dropping the last entry is safe: it makes the slave look older for a short time.
    is_close = len(held) > 1 and held[-1].at - held[-2].at < HELD_SPACING_S
    at = max(since.at, held[-1].at) if held else since.at
    return (*(held[:-1] if is_close else held), replace(since, at=at))[-MAX_HELD:]
