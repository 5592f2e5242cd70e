"""Room on the slaves' file systems, as the real daemon tells of it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hammerd.core.control_messages import Verb
from tests.daemon.world import World, until


@pytest.fixture
def small_disk(world_once: World) -> Iterator[Path]:
    """Where the slave is going to be: a file system of 1 MiB, if we may mount one."""
    root = world_once.root / "small"
    root.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(root)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("no right to mount a tmpfs here")
    yield root
    subprocess.run(["umount", "-l", str(root)], check=True)


def test_slave_that_is_short_of_room_is_said_before_it_is_full(
    world_once: World, small_disk: Path
) -> None:
    (small_disk / "filling").write_bytes(b"x" * 1020 * 1024)
    world_once.start(world_once.configure({"test": ("/nowhere/pfs/m", small_disk / "slave")}))

    now = world_once.reaches(lambda now: now["slave_is_short_of_room"], "short of room")

    assert now["slave_total_bytes"] == 1 << 20
    assert now["slave_free_bytes"] < 0.05 * (1 << 20)
    line = world_once.says("slave.short_of_room")
    assert "warning" in line
    assert "hammer cleanup" in line


def test_room_of_the_slave_is_told(mirrored: World) -> None:
    mirrored.reaches(lambda now: now["slave_total_bytes"], "the room is known")


def test_anomaly_is_told_until_it_is_acknowledged(mirrored: World) -> None:
    slave = mirrored.fs(2) / "pfs/test"
    mirrored.run_hammer("pfs-update", slave, "sync-end-tid=2")

    now = mirrored.reaches(lambda now: now["anomalies"], "an anomaly")
    assert {each["name"] for each in now["anomalies"]} == {"slave.tid_went_back"}
    assert now["health"] == "warning"

    mirrored.ask(Verb.ACK, "test")
    until(lambda: mirrored.status()["anomalies"] == [], "acknowledged")
