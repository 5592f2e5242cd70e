"""Proves from a slave's TID which flushes of its master the slave holds completely.

    flush 1   steps   flush 2   steps   flush 3
    ────┬──────┬─┬─┬─────┬──────┬─┬─┬─────┬────────
        publishes 0      publishes 1      publishes 2

HAMMER flushes in groups, and the end of a group publishes the TID of the group before it
(docs/hammer.md 2.1). One flush ends several groups, so it publishes in steps, and its last group
is published by the next flush. So a TID that was just published may lack what was just flushed,
and a slave with the TID of its master proves the previous flush only:

    (a) a TID above a sample's was published after that sample began: it holds the flushes that
        had completed by then;
    (b) the syncer's next flushes publish what a flush left unpublished: a TID that was still the
        newest after two of its rounds holds everything from before;
    (c) the TID that a master shows after a `synctid` has ended holds what was written before
        that was called; the one that `synctid` printed need not.

The latest of the three instants is the result.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from hammerd.core.replication.tid_clock import TidClock
from hammerd.core.tid import Tid

STEP_SPAN_S = 1.0
"""The longest time from a flush's first step to its last (docs/hammer.md 2.1: 0.05 to 1 s)."""

SYNCER_S = 26.0
"""The interval of the syncer's flushes of a file system with changes (docs/hammer.md 2.2).

It was measured; no manual promises it. The next flush begins within one interval and publishes
what a flush left unpublished, so one interval and STEP_SPAN_S are enough. The second interval is
the only margin, for a syncer that is late; of the 158 writes that were measured none took longer
than both. On a master whose syncer comes less often than every 50 s, with another setting or a
disk that hangs, the proof (b) may be false, and hammerd does not notice it.
"""


@dataclass(frozen=True, slots=True)
class FlushProof:
    """A proof that a TID holds everything that the master's disk held at `at`.

    It is approximate if it is based on a reading of an earlier run of the daemon.
    """

    at: float
    is_approximate: bool = False


def flush_proof(clock: TidClock, tid: Tid) -> FlushProof | None:
    """Return the latest instant up to which `tid` holds all flushes; None without a proof."""
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
        # An older sample proves less; it is needed only if this one is the first after a restore.
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
