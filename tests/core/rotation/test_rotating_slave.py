"""Nothing is claimed of a slave that takes turns beyond what is on its disk."""

from dataclasses import replace

import pytest

from hammerd.core.rotation.rotating_slave import (
    UNPROVEN,
    Moments,
    RotatingSlave,
    after_reboot,
    fit_wall_clock,
    is_ahead,
    record_away,
    record_fork,
    record_promoted,
    record_seen,
)
from hammerd.core.tid import NEVER_MIRRORED, Tid

HERE = RotatingSlave(
    "a", "/a", Tid(0x50), 10.0, 5.0, moments=Moments(9.0, 8.0, 7.0), durable_tid=Tid(0x40)
)
LATER = replace(HERE, tid=Tid(0x60), seen_at=20.0, since_at=20.0, moments=Moments(19.0, 18.0))
LOWER = replace(LATER, tid=Tid(0x45), moments=Moments(6.0, 5.0, None))
AWAY = record_away(HERE, 15.0)


def test_slave_that_stays_is_there_since_it_came() -> None:
    assert replace(LATER, since_at=5.0, moments=Moments(19.0, 18.0, 7.0)) == record_seen(
        HERE, LATER
    )


def test_first_reading_is_all_that_is_known() -> None:
    assert record_seen(None, LATER) == LATER


def test_slave_that_is_away_keeps_what_was_proven() -> None:
    assert replace(HERE, is_present=False, since_at=15.0) == AWAY
    assert record_away(AWAY, 99.0) == AWAY


@pytest.mark.parametrize("known", [AWAY, replace(HERE, path="/b")], ids=["away", "elsewhere"])
def test_slave_that_comes_back_is_there_since_then(known: RotatingSlave) -> None:
    assert record_seen(known, LATER).since_at == 20.0


def test_proof_that_is_older_than_the_last_one_takes_nothing_back() -> None:
    weaker = replace(LATER, tid=HERE.tid, moments=Moments(1.0, None, None))

    assert HERE.moments == record_seen(HERE, weaker).moments


def test_lower_tid_drops_what_was_proven() -> None:
    assert (LOWER.moments, Tid(0x40)) == (
        record_seen(AWAY, LOWER).moments,
        record_seen(AWAY, LOWER).durable_tid,
    )
    assert record_seen(AWAY, replace(LOWER, tid=Tid(0x30))).durable_tid == Tid(0x30)


def test_nothing_is_proven_of_a_slave_that_was_promoted() -> None:
    assert (
        record_promoted(HERE, 15.0).is_present,
        record_promoted(HERE, 15.0).moments,
    ) == (False, UNPROVEN)


def test_nothing_newer_is_proven_after_the_master_went_back() -> None:
    forked = record_fork(AWAY, Tid(0x48))
    back = record_seen(forked, LATER)

    assert (AWAY.moments, Tid(0x48)) == (back.moments, back.forked_tid)
    assert record_fork(forked, Tid(0x30)).forked_tid == Tid(0x30)
    assert record_fork(forked, Tid(0x49)).forked_tid == Tid(0x48)
    assert [is_ahead(one) for one in (AWAY, forked, record_fork(AWAY, Tid(0x50)))] == [
        False,
        True,
        False,
    ]
    new = replace(HERE, tid=NEVER_MIRRORED)
    assert record_fork(new, Tid(0)) == new


def test_reboot_keeps_what_was_durable_of_a_slave_that_was_there() -> None:
    rebooted = after_reboot(HERE)

    assert (Tid(0x40), Moments(7.0, 7.0, 7.0)) == (rebooted.tid, rebooted.moments)
    assert after_reboot(AWAY) == AWAY
    unknown = after_reboot(replace(HERE, durable_tid=None, moments=Moments(9.0, 8.0)))
    assert (unknown.tid, unknown.moments) == (None, UNPROVEN)


@pytest.mark.parametrize(
    ("set_by_s", "shown_by_s"), [(3600.0, 0.0), (-3600.0, -3600.0), (0.5, 0.5)]
)
def test_wall_clock_that_is_set_makes_no_moment_later(set_by_s: float, shown_by_s: float) -> None:
    known = replace(HERE, wall_ahead_s=1000.0)
    now_ahead_s = 1000.0 + set_by_s
    fitted = fit_wall_clock(known, now_ahead_s)

    assert fitted.moments.safe_at is not None
    assert fitted.moments.safe_at + now_ahead_s == pytest.approx(8.0 + 1000.0 + shown_by_s)
