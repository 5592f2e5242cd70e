"""An unexpected change of an endpoint is logged with its value before and after."""

from pathlib import Path

from hammerd.core.api.protocol import Verb
from hammerd.core.hammer.pfs_status import parse_pfs_status
from hammerd.simulator import admin
from tests.daemon.world import World
from tests.waiting import until


def paused(world: World) -> World:
    world.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync")
    world.ask(Verb.PAUSE, "test")
    world.wait_for(lambda now: now["state"] == "stopped", "stopped")
    return world


def wait_for_anomaly(world: World, name: str, end: Path, before: object, after: object) -> None:
    line = f"{name} end={end} before={before} after={after} pair=test"
    try:
        until(lambda: line in world.log(), line)
    except AssertionError:
        raise AssertionError(f"never came: {line}\n{world.log()}") from None


def shown(tid: int) -> str:
    return f"0x{tid:016x}"


def unique_uuid(world: World, slave: Path) -> str:
    (found,) = parse_pfs_status(world.run_hammer("pfs-status", slave))
    return found.unique_uuid


def test_slave_that_another_process_moves_is_reported(mirrored: World) -> None:
    world, slave = paused(mirrored), mirrored.fs(2) / "pfs/test"
    first = admin.sync_end_tid(slave)
    world.write("more", "more\n")

    world.run_hammer("mirror-copy", world.fs(1) / "pfs/test", slave)
    last = admin.sync_end_tid(slave)
    wait_for_anomaly(world, "slave.tid_jumped", slave, shown(first), shown(last))

    world.run_hammer("pfs-update", slave, f"sync-end-tid={first:016x}")
    wait_for_anomaly(world, "slave.tid_went_back", slave, shown(last), shown(first))


def test_master_that_goes_back_is_reported_and_believed_once_confirmed(mirrored: World) -> None:
    world, master = paused(mirrored), mirrored.fs(1) / "pfs/test"
    held = admin.flush_tid(world.fs(1))
    lost = world.write("lost", "in a crash\n")
    world.wait_for(lambda now: now["master_tid"] == shown(lost), "the master moved")

    (world.fs(1) / ".hammerfs/flush_tid").write_text(f"{held:#018x}\n")

    wait_for_anomaly(world, "master.tid_went_back", master, shown(lost), shown(held))
    world.wait_for(
        lambda now: now["master_tid"] == shown(held) and now["lag_verdict"] == "in_sync",
        "in sync with what the master holds",
    )


def test_roles_and_uuids_that_change_are_reported(mirrored: World) -> None:
    world, slave = paused(mirrored), mirrored.fs(2) / "pfs/test"
    uuid, other = admin.shared_uuid(slave), "11111111-2222-11f1-a43f-01301bb8a9f5"

    world.run_hammer("pfs-upgrade", slave)
    wait_for_anomaly(world, "end.role_changed", slave, "slave", "master")
    world.run_hammer("pfs-downgrade", slave)
    wait_for_anomaly(world, "end.role_changed", slave, "master", "slave")
    world.run_hammer("pfs-update", slave, f"shared-uuid={other}")
    wait_for_anomaly(world, "end.shared_uuid_changed", slave, uuid, other)
    unique = unique_uuid(world, slave)
    world.stop(world.daemons[-1])
    world.run_hammer("pfs-update", slave, f"unique-uuid={other}")
    world.start(world.root / "hammerd.toml")
    wait_for_anomaly(world, "end.uuid_changed", slave, unique, other)


def test_stream_at_work_is_no_anomaly(mirrored: World) -> None:
    for number in range(12):
        tid = mirrored.write(f"file{number}", "text\n")
        mirrored.wait_for(
            lambda now: int(now["slave_tid"], 16) >= tid,  # noqa: B023
            "the write is on the slave",
        )
    mirrored.ask(Verb.RESTART, "test")
    mirrored.write("last", "text\n")
    mirrored.wait_until_following()
    mirrored.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync")

    assert "tid_" not in mirrored.log()
    assert "_changed" not in mirrored.log()


def test_sample_older_than_a_repair_parks_no_pair(world_once: World) -> None:
    """The reading of the promoted slave began before the repair and arrives after it."""
    world = world_once
    master, slave = world.make_pair()
    world.write("first", "first\n")
    gate = world.root / "gate"
    # The wrapper prints what it read of a promoted slave only when the gate is open.
    directory = world.root / "wrap"
    directory.mkdir()
    program = directory / "hammer"
    program.write_text(
        f'#!/bin/sh\ncase "$1" in pfs-status) ;; *) exec {world.hammer} "$@" ;; esac\n'
        f'out=$({world.hammer} "$@")\n'
        f"case $(readlink {slave}) in\n"
        f"  @@-1:*) echo read >> {world.root}/reads\n"
        f"  while [ -e {gate} ]; do sleep 0.01; done ;;\n"
        'esac\necho "$out"\n'
    )
    program.chmod(0o755)
    world.start(world.configure({"test": (master, slave)}, hammer=str(program)))
    before = world.wait_until_following()
    reads = world.root / "reads"

    gate.touch()
    world.run_hammer("pfs-upgrade", slave)
    until(reads.exists, "a sample has seen the slave as a master")
    world.run_hammer("pfs-downgrade", slave)
    world.run_hammer("pfs-update", slave, "sync-end-tid=1")
    world.ask(Verb.RESTART, "test")
    gate.unlink()

    world.wait_for(
        lambda now: now["state"] == "streaming" and now["pid"] != before["pid"], "streams again"
    )
    assert "pair.parked" not in world.log()
