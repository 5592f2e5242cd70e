"""Stalls, failing disks and refusals of hammer, each provoked with real processes."""

from pathlib import Path

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.simulator import admin
from tests.daemon.scenarios.deaths.test_deaths import no_two_writers
from tests.daemon.world import World, living_pids
from tests.waiting import until

FOR_EVER_MS = 3_600_000


def wrapped(world: World, before: str) -> Path:
    """Make a `hammer` that runs some shell first, then the simulator."""
    wrapper = world.root / "wrapped/hammer"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\n{before}\nexec {world.hammer} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def test_stream_that_stands_still_behind_its_master_is_replaced(world_once: World) -> None:
    world = world_once
    world.mirror(stall_timeout="4s")
    before = world.wait_until_following()
    world.wait_for(lambda now: now["phase"] == "idle", "at rest")

    admin.set_knob(world.fs(2), "slow_write_ms", FOR_EVER_MS)
    world.write("held", "back\n")
    waiting = world.wait_for(lambda now: now["because"] == "stalled", "stalled")
    admin.set_knob(world.fs(2), "slow_write_ms", None)

    assert "a write of the slave's" in waiting["hint"]
    assert waiting["failures"] == 1
    after = world.wait_for(
        lambda now: now["lag_verdict"] == "in_sync" and now["state"] == "streaming", "in sync"
    )
    assert after["pid"] != before["pid"]
    assert (world.fs(2) / "pfs/test/held").read_text() == "back\n"


@pytest.mark.long
def test_idle_stream_of_an_idle_master_is_no_stall(world_once: World) -> None:
    world = world_once
    world.mirror(stall_timeout="1s", delay="1s")
    before = world.wait_until_following()

    world.wait_for(
        lambda now: now["up_s"] is not None and now["up_s"] > 6, "longer than the floor"
    )

    assert world.status()["pid"] == before["pid"]
    assert "stalled" not in world.log()


def test_prescan_that_hangs_is_ended(world_once: World) -> None:
    world = world_once
    master, slave = world.make_pair()
    world.write("first", "first\n")
    admin.set_knob(world.fs(1), "slow_read_ms", FOR_EVER_MS)
    world.start(world.configure({"test": (master, slave)}, prescan_timeout="2s"))

    waiting = world.wait_for(lambda now: now["because"] == "prescan_stuck", "prescan stuck")
    admin.set_knob(world.fs(1), "slow_read_ms", None)

    assert "master's disk" in waiting["hint"]
    world.wait_until_following()


def test_full_slave_is_an_error_that_stays_in_status_until_acknowledged(
    world_once: World,
) -> None:
    world = world_once
    master, slave = world.make_pair()
    world.write("first", "first\n")
    admin.set_knob(world.fs(2), "faults", "MIRROR_WRITE errno 28")
    world.start(world.configure({"test": (master, slave)}))

    full = world.wait_for(lambda now: now["complaints"], "a counted complaint")
    admin.set_knob(world.fs(2), "faults", None)
    world.wait_until_following()

    assert [each["name"] for each in full["complaints"]] == ["slave_full"]
    line = world.wait_for_log("pair.slave_full")
    assert " error " in line
    assert "hammer reblock" in line
    assert world.status()["health"] == "warning"
    world.ask(Verb.ACK, "test")
    assert world.status()["complaints"] == []
    assert world.status()["health"] == "ok"


def test_read_only_slave_is_an_error_of_its_own(world_once: World) -> None:
    world = world_once
    master, slave = world.make_pair()
    world.write("first", "first\n")
    admin.set_knob(world.fs(2), "ronly", 1)
    world.start(world.configure({"test": (master, slave)}))

    now = world.wait_for(lambda now: now["complaints"], "a counted complaint")
    admin.set_knob(world.fs(2), "ronly", None)

    assert [each["name"] for each in now["complaints"]] == ["slave_read_only"]
    assert world.wait_for_log("pair.slave_read_only")
    world.wait_until_following()


def test_damaged_data_is_an_error_and_the_stream_goes_on(world_once: World) -> None:
    world = world_once
    master, slave = world.make_pair()
    world.write("first", "first\n")
    line = "read_mrecords: data_crc did not match data! obj=0000000100000101 key=0000000000000000"
    hammer = wrapped(world, f'case "$*" in *mirror-stream*) echo "{line}" >&2;; esac')
    world.start(world.configure({"test": (master, slave)}, hammer=str(hammer)))

    now = world.wait_until_following()

    assert [each["name"] for each in now["complaints"]] == ["data_damaged"]
    assert now["health"] == "warning"
    assert world.wait_for_log("pair.data_damaged")


def test_refused_stream_parks_its_pair_and_is_not_launched_again(world_once: World) -> None:
    world = world_once
    master, slave = world.make_pair()
    admin.set_knob(world.fs(1), "faults", "MIRROR_READ errno 1")
    world.write("first", "first\n")
    world.start(world.configure({"test": (master, slave)}))

    parked = world.wait_for(lambda now: now["state"] == "parked", "parked")

    assert parked["because"] == "refused"
    assert "root" in parked["hint"]
    assert any("Operation not permitted" in line for line in parked["last_words"])
    assert not living_pids(f"{world.hammer} -vv")
    admin.set_knob(world.fs(1), "faults", None)
    world.ask(Verb.RESUME, "test")
    world.wait_until_following()


def test_same_pfs_twice_is_parked(world_once: World) -> None:
    world = world_once
    master = world.make_master()
    alias = world.fs(1) / "alias"
    alias.symlink_to(master)
    world.start(world.configure({"test": (master, alias)}))

    parked = world.wait_for(lambda now: now["state"] == "parked", "parked")

    assert parked["because"] == "same_pfs"
    assert parked["lag_s"] is None


def test_slave_that_is_promoted_while_it_streams_is_parked(mirrored: World) -> None:
    mirrored.run_hammer("pfs-upgrade", mirrored.fs(2) / "pfs/test")

    parked = mirrored.wait_for(lambda now: now["state"] == "parked", "parked")

    assert parked["because"] == "not_a_slave"
    assert not living_pids(f"{mirrored.hammer} -vv")


def test_pauses_and_resumes_in_a_race_with_gear_changes_end_well(world_once: World) -> None:
    world = world_once
    master, slave = world.make_pair()
    world.write("first", "first\n")
    world.start(world.configure({"test": (master, slave)}))

    with no_two_writers(world):
        for number in range(30):
            world.write("more", f"{number}\n")
            world.ask(
                (Verb.PAUSE, Verb.RESUME, Verb.RESUME, Verb.RESTART)[number % 4]
                if world.status()["wanted"] == "up"
                else Verb.RESUME,
                "test",
            )
        world.ask(Verb.RESUME, "test")
        now = world.wait_until_following()
        until((slave / "more").exists, "the last write")
        until(lambda: (slave / "more").read_text() == "29\n", "the last write is on the slave")

    assert living_pids(f"{world.hammer} -vv") == {now["pid"], *now["half_pids"]}
