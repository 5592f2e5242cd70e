"""A slave's TID proves the right flushes of its master, and no later ones."""

from math import inf

import pytest

from hammerd.core.replication.flush_proofs import FlushProof, flush_proof
from hammerd.core.replication.tid_clock import FlushMark, TidClock, TidSample
from hammerd.core.tid import Tid

STEP_SPAN_S = 1.0
"""The longest flush (docs/hammer.md 2.1)."""

ROUNDS_S = 2 * 26.0
"""Two rounds of the syncer (docs/hammer.md 2.2)."""


def clock_of(*samples: tuple[int, float], marks: tuple[tuple[int, float], ...] = ()) -> TidClock:
    return TidClock(
        tuple(TidSample(Tid(tid), at) for tid, at in samples),
        tuple(FlushMark(Tid(tid), at) for tid, at in marks),
    )


def at(clock: TidClock, tid: int) -> float | None:
    found = flush_proof(clock, Tid(tid))
    return None if found is None else found.at


@pytest.mark.parametrize(
    ("tid", "proves"),
    [
        (9, None),
        (10, 100 - ROUNDS_S),
        # Published after the first sample began: it holds the flushes completed by then.
        (20, 100 - STEP_SPAN_S),
        (29, 100 - STEP_SPAN_S),
        (30, 130 - STEP_SPAN_S),
        (99, 130 - STEP_SPAN_S),
    ],
)
def test_new_tid_proves_the_flush_before_the_publishing_one(
    tid: int, proves: float | None
) -> None:
    assert at(clock_of((10, 100), (20, 130), (30, 160)), tid) == proves


def test_unchanged_tid_proves_what_the_syncer_would_have_published() -> None:
    assert at(clock_of((10, 100), (20, 1000)), 20) == 1000 - ROUNDS_S


@pytest.mark.parametrize(("tid", "proves"), [(29, 130 - STEP_SPAN_S), (30, 155), (31, 155)])
def test_completed_synctid_proves_all_that_was_written_before_its_start(
    tid: int, proves: float
) -> None:
    clock = clock_of((10, 130), (20, 140), marks=((15, 60), (30, 155)))

    assert at(clock, tid) == proves


def test_flush_is_proven_without_an_old_sample() -> None:
    assert at(clock_of(marks=((10, 60),)), 10) == 60
    assert at(TidClock(), 10) is None


def test_restored_master_proves_nothing_about_earlier_times() -> None:
    clock = TidClock(
        (TidSample(Tid(10), 0), TidSample(Tid(15), 90), TidSample(Tid(25), 95)), restored_at=90
    )

    # The proof is of the earlier history, up to its last instant.
    assert at(clock, 15) == -ROUNDS_S
    assert at(clock, 25) == 90 - STEP_SPAN_S


def test_restored_master_proves_what_its_syncer_would_have_published_since() -> None:
    clock = TidClock((TidSample(Tid(10), 0), TidSample(Tid(15), 190)), restored_at=90)

    assert at(clock, 15) == 190 - ROUNDS_S


def test_proof_by_an_approximate_sample_is_approximate() -> None:
    old, new = TidSample(Tid(10), 100, is_approximate=True), TidSample(Tid(20), 120)
    clock = TidClock((old, new))

    assert flush_proof(clock, Tid(20)) == FlushProof(100 - STEP_SPAN_S, is_approximate=True)
    assert TidClock().restored_at == -inf
