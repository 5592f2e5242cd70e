"""Records which TID the master held when (the TID clock).

TIDs are not time (docs/hammer.md 1.2): only samples of (time, master TID) show how old a slave is.
`last_held` returns the start of the last sample whose TID is not above the slave's. This never
understates the lag and overstates it by one sampling interval at most; or by a hundredth of the
lag, if that is more, because old samples are thinned out. Which flushes a slave holds completely
is another question: core/replication/flush_proofs.py.

All times of a TID clock are of one kind: monotonic in the daemon, wall time in its files.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from typing import TypeVar

from hammerd.core.tid import Tid

MAX_SAMPLES = 4096
"""The number of samples that a TID clock keeps before it drops replaceable ones."""

AGE_PER_GAP = 100
"""A sample is dropped only if its age is so many times the gap that dropping it makes. So a gap
is never more than a hundredth of a lag that falls into it."""


@dataclass(frozen=True, slots=True)
class TidSample:
    """A reading of the master that began at `at`: its TID was `tid` or lower then.

    It is approximate if an earlier run of the daemon made it.
    """

    tid: Tid
    at: float
    is_approximate: bool = False


@dataclass(frozen=True, slots=True)
class FlushMark:
    """A completed flush that was requested at `at`: `tid` holds all that was written before.

    `hammer synctid` prints that TID (docs/hammer.md 2.2).
    """

    tid: Tid
    at: float
    is_approximate: bool = False


Dated = TypeVar("Dated", TidSample, FlushMark)


@dataclass(frozen=True, slots=True)
class TidClock:
    """The samples of one master and its flushes, both in order of time and of TID.

    `restored_at`: the first reading after the master's TID went back; older entries belong to
    another history.
    """

    samples: tuple[TidSample, ...] = ()
    marks: tuple[FlushMark, ...] = ()
    restored_at: float = -inf

    @property
    def newest(self) -> TidSample | None:
        """The last sample, None before the first."""
        return self.samples[-1] if self.samples else None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A clock with a new sample; `went_back_from` is the lost TID if the master's went back."""

    clock: TidClock
    went_back_from: Tid | None = None


def record(clock: TidClock, sample: TidSample) -> Recorded:
    """Add a sample to a clock.

    If the TID went back (a crash, a restore, a new file system), the entries above it are
    dropped: they are about lost TIDs.
    """
    newest = clock.newest
    if newest is None:
        return Recorded(replace(clock, samples=(sample,)))
    if sample.tid > newest.tid:
        # Of two readings in progress at once the first to begin may be the last to read. The
        # master's TID was no higher than this one when the other reading began, either.
        later = max(sample, newest, key=lambda each: each.at)
        sample = replace(later, tid=sample.tid)
        return Recorded(replace(clock, samples=_bounded((*clock.samples, sample))))
    if sample.at < newest.at:
        return Recorded(clock)
    if sample.tid == newest.tid:
        return Recorded(replace(clock, samples=(*clock.samples[:-1], sample)))
    kept = tuple(old for old in clock.samples if old.tid < sample.tid)
    marks = tuple(mark for mark in clock.marks if mark.tid < sample.tid)
    return Recorded(TidClock((*kept, sample), marks, sample.at), went_back_from=newest.tid)


def record_flush(clock: TidClock, mark: FlushMark) -> TidClock:
    """Add a completed flush of the master's file system to a clock.

    A flush that proves no more than an earlier one, or is from before a restore, is ignored.
    """
    last = clock.marks[-1] if clock.marks else None
    if mark.at < clock.restored_at:
        return clock
    if last is None or mark.tid > last.tid:
        at = mark.at if last is None else max(mark.at, last.at)
        return replace(clock, marks=_bounded((*clock.marks, replace(mark, at=at))))
    if mark.tid == last.tid and mark.at > last.at:
        return replace(clock, marks=(*clock.marks[:-1], mark))
    return clock


def last_held(clock: TidClock, tid: Tid) -> TidSample | None:
    """Return the last sample whose TID is not above `tid`, None if there is none.

    `tid` covers everything that the master had published when that sample began.
    """
    index = bisect_right(clock.samples, tid, key=lambda sample: sample.tid)
    return clock.samples[index - 1] if index else None


def shift_clock(clock: TidClock, by_s: float) -> TidClock:
    """Convert the times of a clock that an earlier run saved; its entries become approximate."""
    return TidClock(
        tuple(replace(each, at=each.at + by_s, is_approximate=True) for each in clock.samples),
        tuple(replace(each, at=each.at + by_s, is_approximate=True) for each in clock.marks),
        clock.restored_at + by_s,
    )


def drop_earlier_runs(clock: TidClock) -> TidClock:
    """Drop the entries that an earlier run saved."""
    return replace(
        clock,
        samples=tuple(each for each in clock.samples if not each.is_approximate),
        marks=tuple(each for each in clock.marks if not each.is_approximate),
    )


def thin_out(samples: Sequence[Dated]) -> tuple[Dated, ...]:
    """Drop the samples that a neighbour can replace; some hundreds remain."""
    if len(samples) < 2:
        return tuple(samples)
    now_at = samples[-1].at
    kept: list[Dated] = [samples[0]]
    for sample, following in pairwise(samples[1:]):
        if (following.at - kept[-1].at) * AGE_PER_GAP > now_at - following.at:
            kept.append(sample)
    kept.append(samples[-1])
    return tuple(kept)


def _bounded(samples: tuple[Dated, ...]) -> tuple[Dated, ...]:
    return thin_out(samples) if len(samples) > MAX_SAMPLES else samples
