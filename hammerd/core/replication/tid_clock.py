"""The tid clock: when did the master hold which TID?

TIDs are not time (docs/hammer.md 1.2): only samples of (time, master TID) tell how old a slave is.
`last_held` answers with the start of the last sample whose TID is not past the slave's, which
never understates the lag and overstates it by one sampling interval at most; where old samples
were thinned out, by a hundredth of it if that is more. What a slave holds whole is another
question: core/replication/flush_proofs.py.

Times are those of one clock: monotonic within a run of the daemon, wall time in its files.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from typing import TypeVar

from hammerd.core.tid import Tid

MAX_SAMPLES = 4096
"""How many samples a clock keeps before those are left out that a neighbour can stand for."""

AGE_PER_GAP = 100
"""How many times older a sample must be than the gap is wide that leaving it out makes: so a
gap is never more than a hundredth of a lag that falls into it."""


@dataclass(frozen=True, slots=True)
class TidSample:
    """The master held `tid`, and nothing past it, when a reading began at `at`.

    It is approximate when an earlier run of the daemon made it.
    """

    tid: Tid
    at: float
    is_approximate: bool = False


@dataclass(frozen=True, slots=True)
class FlushMark:
    """A flush that was asked for at `at` and completed: all that was written before is in `tid`.

    `hammer synctid` prints that TID (docs/hammer.md 2.2).
    """

    tid: Tid
    at: float
    is_approximate: bool = False


Dated = TypeVar("Dated", TidSample, FlushMark)


@dataclass(frozen=True, slots=True)
class TidClock:
    """Samples of one master and its flushes, each in order of time and of TID.

    `restored_at`: the first reading after the master's TID went back; what is older belongs to
    another history.
    """

    samples: tuple[TidSample, ...] = ()
    marks: tuple[FlushMark, ...] = ()
    restored_at: float = -inf

    @property
    def newest(self) -> TidSample | None:
        """The last sample, or None before the first."""
        return self.samples[-1] if self.samples else None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A clock with one more sample; `went_back_from` is set when the master's TID went back."""

    clock: TidClock
    went_back_from: Tid | None = None


def record(clock: TidClock, sample: TidSample) -> Recorded:
    """Add a sample to a clock.

    A TID that goes back (a crash, a restore, a new file system) cuts the clock above it: what
    was known of the lost TIDs is no longer true.
    """
    newest = clock.newest
    if newest is None:
        return Recorded(replace(clock, samples=(sample,)))
    if sample.tid > newest.tid:
        # Of two readings under way at once the one that began first may have read last; the
        # master held no more than this when the other one began, either.
        later = max(sample, newest, key=lambda one: one.at)
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

    One that says no more than an earlier one, or is of before a restore, is left out.
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
    """Return the last sample whose TID is not past `tid`, None when all are past it.

    Everything that the master had published when that sample began is covered by `tid`.
    """
    index = bisect_right(clock.samples, tid, key=lambda sample: sample.tid)
    return clock.samples[index - 1] if index else None


def shift_clock(clock: TidClock, by_s: float) -> TidClock:
    """Return a clock that an earlier run kept, with its times on another clock's scale."""
    return TidClock(
        tuple(replace(each, at=each.at + by_s, is_approximate=True) for each in clock.samples),
        tuple(replace(each, at=each.at + by_s, is_approximate=True) for each in clock.marks),
        clock.restored_at + by_s,
    )


def drop_earlier_runs(clock: TidClock) -> TidClock:
    """Return a clock without what an earlier run kept."""
    return replace(
        clock,
        samples=tuple(each for each in clock.samples if not each.is_approximate),
        marks=tuple(each for each in clock.marks if not each.is_approximate),
    )


def thin_out(samples: Sequence[Dated]) -> tuple[Dated, ...]:
    """Leave out the samples that a neighbour can stand for: some hundreds are left."""
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
