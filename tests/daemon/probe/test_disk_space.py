"""Tests the free space of slaves as the real daemon reports it."""

from hammerd.core.api.protocol import Verb
from tests.daemon.small_disk import a_small_disk
from tests.daemon.world import World
from tests.waiting import until


def test_slave_that_is_short_of_space_is_reported_before_it_is_full(world_once: World) -> None:
    with a_small_disk(world_once.root / "small", kib=1024) as disk:
        (disk.path / "filling").write_bytes(b"x" * 1020 * 1024)
        pair = ("/nowhere/pfs/m", disk.path / "slave")
        world_once.start(world_once.configure({"test": pair}))

        now = world_once.wait_for(lambda now: now["slave_is_short_of_room"], "short of space")

        assert now["slave_total_bytes"] == 1 << 20
        assert now["slave_free_bytes"] < 0.05 * (1 << 20)
        line = world_once.wait_for_log("slave.short_of_room")
        assert "warning" in line
        assert "hammer cleanup" in line


def test_free_space_of_the_slave_is_in_status(mirrored: World) -> None:
    mirrored.wait_for(lambda now: now["slave_total_bytes"], "the space is known")


def test_anomaly_is_in_status_until_it_is_acknowledged(mirrored: World) -> None:
    # A stream that still works would commit, and so set the slave's TID forward again.
    mirrored.wait_until_idle()
    slave = mirrored.fs(2) / "pfs/test"
    mirrored.run_hammer("pfs-update", slave, "sync-end-tid=2")

    now = mirrored.wait_for(lambda now: now["anomalies"], "an anomaly")
    assert {each["name"] for each in now["anomalies"]} == {"slave.tid_went_back"}
    assert now["health"] == "warning"

    mirrored.ask(Verb.ACK, "test")
    until(lambda: mirrored.status()["anomalies"] == [], "acknowledged")
