"""The lag on file systems that publish a flush after the next one, as the real kernel does.

What is flushed but not yet published may be rolled back by a crash of the master
(docs/hammer.md 2.1), so it must not be reported as safe.
"""

import time
from collections.abc import Sequence

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.simulator import admin
from tests.daemon.world import Status, World
from tests.waiting import until

INTERVAL_S = 0.5
"""The sample interval of the tests' config: the most by which a lag may be overstated."""

SLACK_S = 2.0
"""The delay of a sample or answer on a busy machine; a wrong lag differs by more."""

SAMPLES = 4
"""The number of samples after which a change would have shown."""

ALARMS = ("diverged", "went_back", "tid_jumped", "role_changed", "uuid_changed")


@pytest.fixture
def late(mirrored: World) -> World:
    """A world with a pair in sync whose file systems publish late."""
    for number in (1, 2):
        admin.set_knob(mirrored.fs(number), "flush_steps", "0 content 1")
    mirrored.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync")
    return mirrored


def published(world: World) -> str:
    return f"0x{admin.flush_tid(world.fs(1)):016x}"


def samples(world: World, count: int = SAMPLES) -> Sequence[Status]:
    """Return the status after each of the next samples."""
    seen = [world.status()]

    def has_another() -> bool:
        now = world.status()
        if now["lag_measured_time"] != seen[-1]["lag_measured_time"]:
            seen.append(now)
        return len(seen) > count

    until(has_another, "samples")
    return seen[1:]


def test_flush_that_none_followed_is_not_claimed(late: World) -> None:
    before = published(late)
    flushed = late.write("held", "back\n")
    assert before == published(late)

    for now in samples(late):
        assert now["lag_verdict"] == "in_sync"
        assert now["lag_tids"] == 0
        assert now["lag_s"] <= INTERVAL_S + SLACK_S
        assert now["master_tid"] == now["slave_tid"] == before
    assert not (late.fs(2) / "pfs/test/held").exists()

    admin.flush(late.fs(1))
    now = late.wait_for(
        lambda now: now["master_tid"] == now["slave_tid"] != before,
        "in sync with what is published now",
    )
    assert now["slave_tid"] == published(late) == f"0x{flushed:016x}"
    assert now["lag_verdict"] == "in_sync"
    assert (late.fs(2) / "pfs/test/held").exists()


def test_lag_of_a_slave_held_back_counts_from_what_is_published(late: World) -> None:
    late.ask(Verb.PAUSE, "test")
    late.wait_for(lambda now: now["state"] == "stopped", "stopped")
    slave_tid = admin.sync_end_tid(late.fs(2) / "pfs/test")
    flushed = late.write("held", "back\n")
    assert {now["lag_verdict"] for now in samples(late)} == {"in_sync"}

    asked = time.monotonic()
    admin.flush(late.fs(1))
    done = time.monotonic()

    before = time.monotonic()
    now = late.wait_for(lambda now: now["lag_verdict"] == "behind", "behind")
    after = time.monotonic()
    assert now["lag_tids"] == flushed - slave_tid
    assert before - done <= now["lag_s"] <= after - asked + INTERVAL_S + SLACK_S

    late.ask(Verb.RESUME, "test")
    late.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync again")


def test_stream_at_work_is_never_ahead_of_what_is_published(late: World) -> None:
    for number in range(12):
        last = late.write(f"file{number}", "text\n")
        now = late.status()
        assert now["lag_verdict"] in ("in_sync", "behind")
        assert int(now["slave_tid"], 16) < last
    late.ask(Verb.RESTART, "test")
    late.write("last", "text\n")
    last = admin.flush(late.fs(1))
    late.wait_until_following()

    now = late.wait_for(
        lambda now: now["lag_verdict"] == "in_sync" and int(now["slave_tid"], 16) == last,
        "in sync with the last write",
    )
    assert now["anomalies"] == []
    assert [alarm for alarm in ALARMS if alarm in late.log()] == []
