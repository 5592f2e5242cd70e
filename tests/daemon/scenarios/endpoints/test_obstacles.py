"""An obstacle that only a person or a mount removes is shown with cause and hint, not retried."""

import os
import subprocess
import sys
from contextlib import suppress

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.simulator import admin
from tests.daemon.world import World, living_pids
from tests.waiting import until


def launches(world: World, pair: str) -> int:
    return sum(
        "pair.launching" in line and f"pair={pair} " in line for line in world.log().splitlines()
    )


@pytest.mark.timeout(180)
def test_parked_pairs_show_the_cause_and_go_on_by_themselves_after_it(
    world_once: World,
) -> None:
    world = world_once
    master = world.make_master()
    world.run_hammer("pfs-slave", world.fs(2) / "pfs/unrelated")
    promoted = world.make_slave(master, "promoted")
    world.run_hammer("pfs-upgrade", promoted)
    missing = world.fs(2) / "pfs/missing"
    pairs = {
        "unrelated": (master, world.fs(2) / "pfs/unrelated"),
        "promoted": (master, promoted),
        "missing": (master, missing),
    }
    world.start(world.configure(pairs))

    unrelated = world.wait_for(lambda now: now["state"] == "parked", "parked", "unrelated")
    upgraded = world.wait_for(lambda now: now["state"] == "parked", "parked", "promoted")
    absent = world.wait_for(lambda now: now["state"] == "waiting", "waiting", "missing")

    assert unrelated["because"] == "uuid_mismatch"
    assert f"shared-uuid {admin.shared_uuid(master)}" in unrelated["hint"]
    assert upgraded["because"] == "not_a_slave"
    assert '"hammerd reseed promoted"' in upgraded["hint"]
    assert (absent["waiting_for"], absent["because"]) == ("mount", "pfs_missing")
    assert "hammer pfs-slave" in absent["hint"]
    assert {pair["failures"] for pair in (unrelated, upgraded, absent)} == {0}

    uuid = admin.shared_uuid(master)
    world.run_hammer("pfs-update", world.fs(2) / "pfs/unrelated", f"shared-uuid={uuid}")
    world.run_hammer("pfs-downgrade", promoted)
    world.make_slave(master, "missing")
    for pair in ("missing", "unrelated"):
        until(lambda: launches(world, pair), f"{pair} goes on by itself", 100)  # noqa: B023
        world.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync", pair)
    # A slave that was a master is held until a person resumes it.
    assert world.status("promoted")["because"] == "not_a_slave"
    answer = world.ask(Verb.RESUME, "promoted")
    assert "was seen as a master" in answer["found"]["promoted"][0]
    # The downgraded slave has its own file system's TID, ahead of its master's: diverged.
    until(lambda: world.status("promoted")["because"] == "diverged", "diverged", 100)
    assert launches(world, "promoted") == 0


def test_resume_probes_a_diverged_pair_and_parks_it_again(world: World) -> None:
    master, slave = world.make_pair()
    world.run_hammer("pfs-update", slave, "sync-end-tid=7fff000000000000")
    world.start(world.configure({"test": (master, slave)}))
    first = world.wait_for(lambda now: now["because"] == "diverged", "diverged")

    world.ask(Verb.RESUME, "test")
    again = world.wait_for(
        lambda now: now["because"] == "diverged" and now["since_time"] > first["since_time"],
        "diverged again",
    )

    assert again["failures"] == 0
    assert launches(world, "test") == 0


def test_diverged_outlives_the_daemon(world: World) -> None:
    master, slave = world.make_pair()
    world.run_hammer("pfs-update", slave, "sync-end-tid=7fff000000000000")
    config = world.configure({"test": (master, slave)})
    daemon = world.start(config)
    world.wait_for(lambda now: now["because"] == "diverged", "diverged")
    world.stop(daemon)
    world.run_hammer("pfs-update", slave, "sync-end-tid=1")

    world.start(config)

    world.wait_for(lambda now: now["because"] == "diverged", "still diverged")
    assert launches(world, "test") == 0
    world.ask(Verb.RESUME, "test")
    world.wait_until_following()


@pytest.mark.long
def test_file_system_that_goes_and_comes_back_is_waited_for(world_once: World) -> None:
    world = world_once
    world.mirror()
    before = world.wait_until_following()
    world.ask(Verb.PAUSE, "test")
    world.wait_for(lambda now: now["state"] == "stopped", "stopped")
    admin.unmount(world.fs(2))

    world.ask(Verb.RESUME, "test")
    waiting = world.wait_for(lambda now: now["state"] == "waiting", "waiting")
    assert waiting["waiting_for"] == "mount"
    assert waiting["hint"]
    assert waiting["failures"] == before["failures"] == 0

    admin.mount(world.fs(2))
    world.wait_until_following()


@pytest.mark.long
def test_null_mount_that_is_absent_is_no_uuid_mismatch(world_once: World) -> None:
    world = world_once
    master, slave = world.make_pair()
    admin.unmount_null(world.fs(1) / "test")
    world.start(world.configure({"test": (world.fs(1) / "test", slave)}))

    waiting = world.wait_for(lambda now: now["state"] == "waiting", "waiting")

    assert (waiting["waiting_for"], waiting["because"]) == ("mount", "null_mount_missing")
    admin.mount_null(master, world.fs(1) / "test")
    world.wait_until_following()


def test_symlink_to_a_never_mirrored_slave_is_followed(world: World) -> None:
    _, slave = world.make_pair()
    (world.fs(2) / "test").symlink_to(slave)
    world.start(world.configure({"test": (world.fs(1) / "test", world.fs(2) / "test")}))

    world.wait_until_following()

    assert world.status()["failures"] == 0


def test_foreign_stream_parks_the_pair_and_is_left_alone(world: World) -> None:
    master, slave = world.make_pair()
    world.write("first", "first\n")
    argv = [str(world.hammer), "mirror-stream", str(master), str(slave)]
    foreign = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until(lambda: len(living_pids(f"{world.hammer} mirror-stream")) == 3, "the foreign stream")
    world.start(world.configure({"test": (master, slave)}))

    parked = world.wait_for(lambda now: now["state"] == "parked", "parked")

    assert parked["because"] == "foreign_stream"
    assert f"pid {foreign.pid}" in parked["hint"]
    assert foreign.poll() is None
    for pid in living_pids(f"{world.hammer} mirror-stream"):
        with suppress(ProcessLookupError):
            os.kill(pid, 9)
    foreign.wait()
    world.ask(Verb.RESUME, "test")
    world.wait_until_following()


def test_hammer_that_cannot_be_started_backs_off_and_is_reported(world: World) -> None:
    config = world.configure({"test": world.make_pair()}, hammer=str(world.root / "no-hammer"))
    world.start(config)

    waiting = world.wait_for(lambda now: now["failures"] >= 2, "two failures")

    assert waiting["waiting_for"] == "backoff" or waiting["state"] == "probing"
    assert world.wait_for_log("no-hammer")
    assert sys.executable not in str(waiting["hint"])
