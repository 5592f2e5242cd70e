"""A slave that was a master gets a stream again only after a resume, which reports why."""

import subprocess
from pathlib import Path

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.simulator import admin
from tests.daemon.scenarios.endpoints.test_obstacles import launches
from tests.daemon.world import World
from tests.waiting import until


def pair_that_streams(world: World) -> tuple[Path, Path]:
    """Make a pair whose master has higher TIDs than the slave, so as not to look diverged."""
    master = world.make_master(number=2)
    slave = world.make_slave(master, number=1)
    write(world, "first")
    world.start(world.configure({"test": (master, slave)}))
    world.wait_until_following()
    world.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync")
    return master, slave


def write(world: World, name: str) -> None:
    (world.fs(2) / "test" / name).write_text("text\n")
    admin.flush(world.fs(2))


def promote_and_demote(world: World, slave: Path) -> None:
    """Make the slave a master until hammerd has read that, then a slave again."""
    world.run_hammer("pfs-upgrade", slave)
    world.wait_for(lambda now: now["state"] == "parked", "parked")
    world.run_hammer("pfs-downgrade", slave)


def samples(world: World) -> int:
    path = world.root / "log/lag.log"
    return len(path.read_text().splitlines()) if path.exists() else 0


def wait_for_samples(world: World, count: int = 6) -> None:
    before = samples(world)
    until(lambda: samples(world) >= before + count, "samples were taken")


def test_slave_that_was_a_master_is_held_until_it_is_resumed(world: World) -> None:
    _, slave = pair_that_streams(world)
    promote_and_demote(world, slave)
    launched = launches(world, "test")

    wait_for_samples(world)
    held, launched_since = world.status(), launches(world, "test") - launched
    answer = world.ask(Verb.RESUME, "test")

    assert (held["state"], held["because"], held["health"]) == (
        "parked",
        "not_a_slave",
        "critical",
    )
    assert held["retry_in_s"] is None
    assert launched_since == 0
    found = "\n".join(answer["found"]["test"])
    assert f"slave {slave} was" in found
    assert "last TID seen of slave" in found
    world.wait_until_following()


def test_tid_that_went_back_between_promotion_and_downgrade_is_reported(world: World) -> None:
    _, slave = pair_that_streams(world)
    held = world.status()["slave_tid"]
    world.run_hammer("pfs-upgrade", slave)
    world.wait_for(lambda now: now["state"] == "parked", "parked")

    world.run_hammer("pfs-status", slave)
    world.run_hammer("pfs-downgrade", slave)

    status = world.wait_for(
        lambda now: [each for each in now["anomalies"] if each["name"] == "slave.tid_went_back"],
        "the step back is reported",
    )
    (back,) = [each for each in status["anomalies"] if each["name"] == "slave.tid_went_back"]
    assert back["before"] == held
    assert int(back["after"], 16) < int(held, 16)
    assert status["because"] == "not_a_slave"


def test_restart_does_not_lift_the_latch_of_a_slave_that_was_a_master(world: World) -> None:
    _, slave = pair_that_streams(world)
    promote_and_demote(world, slave)
    since = world.status()["since_time"]

    world.ask(Verb.RESTART, "test")

    world.wait_for(
        lambda now: now["because"] == "not_a_slave" and now["since_time"] != since, "held still"
    )


def test_slave_that_was_a_master_is_held_over_the_end_of_the_daemon(world: World) -> None:
    _, slave = pair_that_streams(world)
    promote_and_demote(world, slave)
    daemon, launched = world.daemons[-1], launches(world, "test")
    world.stop(daemon)

    world.start(world.root / "hammerd.toml")

    held = world.wait_for(lambda now: now["state"] == "parked", "parked again")
    assert held["because"] == "not_a_slave"
    assert launches(world, "test") == launched
    world.ask(Verb.RESUME, "test")
    world.wait_until_following()


def test_latch_stays_with_the_ends_that_it_was_seen_on(world: World) -> None:
    master, slave = pair_that_streams(world)
    promote_and_demote(world, slave)
    other = world.make_slave(master, "other", number=1)

    world.configure({"test": (master, other)})
    world.ask(Verb.RELOAD)

    now = world.wait_until_following()
    assert now["slave"] == str(other)


@pytest.mark.long
def test_null_mount_that_goes_away_under_a_stream_is_waited_for(world: World) -> None:
    master, slave = world.make_pair()
    world.write("first", "first\n")
    mounted = world.fs(1) / "test"
    world.start(world.configure({"test": (mounted, slave)}))
    world.wait_until_following()
    world.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync")

    admin.unmount_null(mounted)
    # Into the PFS itself, since nothing is mounted: the stream wakes and reads the root PFS.
    pfs_id = int(world.run_hammer("pfs-status", master).split("PFS#")[1].split()[0])
    admin.write(world.fs(1), pfs_id, 100)
    admin.flush(world.fs(1))
    waiting = world.wait_for(lambda now: now["waiting_for"] == "mount", "waits for the mount")

    assert waiting["because"] == "null_mount_missing"
    assert waiting["safe_until_time"]
    assert "destroy" not in waiting["hint"]
    assert "pair.parked" not in world.log()
    admin.mount_null(master, mounted)
    world.wait_until_following()
    world.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync again")


@pytest.mark.long
def test_slave_that_is_unmounted_under_an_idle_stream_is_reported_at_once(world: World) -> None:
    world.mirror()
    world.wait_until_idle()

    admin.unmount(world.fs(2))

    waiting = world.wait_for(lambda now: now["waiting_for"] == "mount", "waits for the mount")
    assert waiting["health"] != "ok"
    assert waiting["half_pids"] == []
    admin.mount(world.fs(2))
    world.wait_until_following()


@pytest.mark.long
def test_master_that_is_destroyed_under_an_idle_stream_is_reported(world: World) -> None:
    master, slave = world.make_pair()
    world.write("first", "first\n")
    world.start(world.configure({"test": (master, slave)}))
    world.wait_until_following()
    world.wait_until_idle()

    admin.unmount_null(world.fs(1) / "test")
    subprocess.run(
        [str(world.hammer), "pfs-destroy", str(master)],
        input="y\ny\n",
        text=True,
        capture_output=True,
        check=True,
    )

    waiting = world.wait_for(lambda now: now["because"] == "pfs_missing", "the master is missing")
    assert waiting["waiting_for"] == "mount"
    assert "pfs-master" in waiting["hint"]
