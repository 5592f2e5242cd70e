"""By when was all that the master flushed on a slave? What its TID proves, and no more.

    flush 1   steps   flush 2   steps   flush 3
    ────┬──────┬─┬─┬─────┬──────┬─┬─┬─────┬────────
        publishes 0      publishes 1      publishes 2

HAMMER flushes in groups, and the end of a group publishes the TID of the group before it
(docs/hammer.md 2.1). One flush ends several groups, so it publishes in steps, and its last group
waits for the next flush. So a TID that was just published need not hold what was just flushed,
and a slave with the TID of its master proves the flush before:

    (a) a TID above a sample was published after that sample began: it holds the flushes that
        were over by then;
    (b) what a flush left unpublished is published by the next ones of the syncer: a TID that was
        still the newest two of its rounds later holds all of before;
    (c) what was written before a `synctid` was asked for is in the TID that it printed.

The latest of the three moments counts.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from hammerd.core.replication.tid_clock import TidClock
from hammerd.core.tid import Tid

STEP_SPAN_S = 1.0
"""Within so many seconds a flush publishes all its steps (docs/hammer.md 2.1: 0.05 to 1 s)."""

SYNCER_S = 26.0
"""How often the syncer flushes a file system with changes (docs/hammer.md 2.2)."""


@dataclass(frozen=True, slots=True)
class FlushProof:
    """All that the master's disk held by `at` is in the TID that was asked of.

    It is approximate where an earlier run of the daemon read what proves it.
    """

    at: float
    is_approximate: bool = False


def flush_proof(clock: TidClock, tid: Tid) -> FlushProof | None:
    """Return by when all that a master had flushed is in `tid`; None where nothing proves it."""
    return max(_proofs(clock, tid), key=lambda proof: proof.at, default=None)


def _proofs(clock: TidClock, tid: Tid) -> Iterator[FlushProof]:
    marks = bisect_right(clock.marks, tid, key=lambda mark: mark.tid)
    if marks:
        mark = clock.marks[marks - 1]
        yield FlushProof(mark.at, mark.is_approximate)
    samples = bisect_right(clock.samples, tid, key=lambda sample: sample.tid)
    for index in range(samples - 1, -1, -1):
        found = tuple(_of_sample(clock, index))
        yield from found
        # An older sample proves less; only one of before a restore may have to stand in.
        if found:
            return


def _of_sample(clock: TidClock, index: int) -> Iterator[FlushProof]:
    sample = clock.samples[index]
    is_restored = sample.at >= clock.restored_at
    if index:
        before = clock.samples[index - 1]
        if not is_restored or before.at >= clock.restored_at:
            yield FlushProof(before.at - STEP_SPAN_S, before.is_approximate)
    at = sample.at - 2 * SYNCER_S
    if not is_restored or at >= clock.restored_at:
        yield FlushProof(at, sample.is_approximate)
