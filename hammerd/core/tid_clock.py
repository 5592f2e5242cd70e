"""The tid clock: when did the master hold which TID?

TIDs are not time (HAMMER.md §3): only samples of (time, master TID) tell how old a slave is.
`safe_until` answers with the start of the last sample whose TID is not past the slave's, which
never understates the lag and overstates it by one sampling interval at most; where old samples
were thinned out, by a hundredth of it if that is more.

Monotonic time counts within one run of the daemon; samples of an earlier run are converted by
the wall clock once, when they are loaded, and are approximate from then on.
"""

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import pairwise

from hammerd.core.tid import Tid

MAX_SAMPLES = 4096
"""How many samples a clock keeps before those are left out that a neighbour can stand for."""

AGE_PER_GAP = 100
"""How many times older a sample must be than the gap is wide that leaving it out makes: so a
gap is never more than a hundredth of a lag that falls into it."""


@dataclass(frozen=True, slots=True)
class TidSample:
    """The master held `tid` when a reading began at `at` (monotonic) and `time` (wall)."""

    tid: Tid
    at: float
    time: float
    is_approximate: bool = False


@dataclass(frozen=True, slots=True)
class TidClock:
    """Samples of one master, in order of time and of TID."""

    samples: tuple[TidSample, ...] = ()

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
        return Recorded(TidClock((sample,)))
    if sample.tid > newest.tid:
        # Of two readings under way at once the one that began first may have read last; the
        # master held no more than this when the other one began, either.
        later = max(sample, newest, key=lambda one: one.at)
        sample = replace(later, tid=sample.tid)
        samples = (*clock.samples, sample)
        return Recorded(TidClock(thinned(samples) if len(samples) > MAX_SAMPLES else samples))
    if sample.tid == newest.tid:
        if sample.at < newest.at:
            return Recorded(clock)
        return Recorded(TidClock((*clock.samples[:-1], sample)))
    if sample.at < newest.at:
        return Recorded(clock)
    kept = tuple(old for old in clock.samples if old.tid < sample.tid)
    return Recorded(TidClock((*kept, sample)), went_back_from=newest.tid)


def safe_until(clock: TidClock, tid: Tid) -> TidSample | None:
    """Return the last sample whose TID is not past `tid`, None when all are past it.

    Everything that the master had flushed when that sample began is covered by `tid`.
    """
    index = bisect_right(clock.samples, tid, key=lambda sample: sample.tid)
    return clock.samples[index - 1] if index else None


def rebased(clock: TidClock, now_at: float, now_time: float) -> TidClock:
    """Carry a clock over into this run of the daemon by the wall clock.

    An age below zero (the wall clock was set back meanwhile) counts as zero.
    """
    return TidClock(
        tuple(
            replace(sample, at=now_at - max(0.0, now_time - sample.time), is_approximate=True)
            for sample in clock.samples
        )
    )


def thinned(samples: tuple[TidSample, ...]) -> tuple[TidSample, ...]:
    """Leave out the samples that a neighbour can stand for: some hundreds are left."""
    if len(samples) < 2:
        return samples
    now_at = samples[-1].at
    kept = [samples[0]]
    for sample, following in pairwise(samples[1:]):
        if (following.at - kept[-1].at) * AGE_PER_GAP > now_at - following.at:
            kept.append(sample)
    return (*kept, samples[-1])
