"""Whole changes of roles on the simulator, without a daemon: promote, reseed, switchover."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hammerd.core.exit_codes import Exit
from hammerd.core.hammer.pfs_links import parse_link_text
from hammerd.core.paths import LOCK_FILE
from hammerd.core.plans.roles.switchover import PROOF_NAME
from hammerd.daemon.paths import probe_program
from hammerd.simulator import admin
from tests.plans_world import HIGH_TIDS, LOW_TIDS, PAIR, PlansWorld, plans_world
from tests.waiting import DEADLINE_S


@contextmanager
def mirrored(tid_bases: tuple[int, int] = (LOW_TIDS, HIGH_TIDS)) -> Iterator[PlansWorld]:
    """A world with a mirror, and a file that the slave does not have yet."""
    with plans_world(tid_bases) as made:
        admin.install(made.sbin, time_scale=50)
        made.set_up()
        write(made, 1, "first", "first\n")
        made.copy()
        write(made, 1, "late", "late\n")
        yield made


@pytest.fixture
def world() -> Iterator[PlansWorld]:
    with mirrored() as made:
        yield made


def write(world: PlansWorld, number: int, name: str, text: str) -> None:
    (link(world, number) / name).write_text(text)
    admin.flush(world.fs(number))


def link(world: PlansWorld, number: int) -> Path:
    return world.fs(number) / "pfs" / PAIR


def is_master(world: PlansWorld, number: int) -> bool:
    pfs = parse_link_text(os.readlink(link(world, number)))
    assert pfs is not None
    return pfs.is_master


def tree(world: PlansWorld, number: int) -> dict[str, str]:
    """Return the texts of all files of a PFS."""
    root = Path(os.path.realpath(link(world, number)))
    return {path.name: path.read_text() for path in root.iterdir() if path.is_file()}


def raise_tids(world: PlansWorld, number: int) -> None:
    """Let another PFS of a file system be written to, until its TIDs are the highest."""
    other = world.fs(number) / "pfs/other"
    if not other.is_symlink():
        world.run_hammer("pfs-master", other)
    highest = max(admin.flush_tid(world.fs(each)) for each in (1, 2))
    admin.write(world.fs(number), 2, 10, 1, highest)


def ends(world: PlansWorld) -> list[str]:
    """Return master and slave of the config, below the root."""
    lines = world.config.read_text().replace(str(world.root), "").splitlines()
    return [line for line in lines if line.startswith(("master =", "slave ="))]


def switch(world: PlansWorld, *words: str) -> str:
    done = world.run("switchover", PAIR, "--yes", *words)
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    return done.stdout


# --- switchover ----------------------------------------------------------------------------------


def test_switchover_and_back_loses_nothing(world: PlansWorld) -> None:
    shown = switch(world, "--config")

    assert "== umount-" in shown
    assert "    equal as of " in shown
    assert (is_master(world, 1), is_master(world, 2)) == (False, True)
    assert ends(world) == ['master = "/Backup2/data"', 'slave = "/Backup1/pfs/data"']
    assert tree(world, 2) == {"first": "first\n", "late": "late\n"}

    write(world, 2, "second", "second\n")
    raise_tids(world, 1)
    switch(world, "--config")
    assert (is_master(world, 1), is_master(world, 2)) == (True, False)
    assert tree(world, 1) == {"first": "first\n", "late": "late\n", "second": "second\n"}
    assert tree(world, 2) == tree(world, 1) | {PROOF_NAME: ""}


def test_lower_tids_of_the_slave_are_refused_and_change_nothing() -> None:
    with mirrored((HIGH_TIDS, LOW_TIDS)) as world:
        before = admin.sync_end_tid(world.slave)
        done = world.run("switchover", PAIR, "--yes")

        assert done.returncode == Exit.UNAVAILABLE
        assert "would never be mirrored back" in " ".join(done.stderr.split())
        assert "hammerd reseed data" in " ".join(done.stderr.split())
        assert (is_master(world, 1), is_master(world, 2)) == (True, False)
        assert admin.sync_end_tid(world.slave) == before
        assert not list((world.root / "db/plans").glob("*.json"))


def test_open_file_is_named_and_hinders(world: PlansWorld) -> None:
    admin.set_knob(world.fs(1), "open_files", "1 anna vi 952 late")
    done = world.run("switchover", PAIR, "--yes")

    assert done.returncode == Exit.UNAVAILABLE
    assert "vi (pid 952, anna)" in done.stderr
    assert is_master(world, 1)


def test_downgrade_that_hammer_refuses_has_a_way_back(world: PlansWorld) -> None:
    admin.set_knob(world.fs(1), "faults", "DGD_PSEUDOFS errno 66")
    done = world.run("switchover", PAIR, "--yes")

    assert done.returncode == Exit.FAILURE
    assert (
        f'way back: nothing is lost; to go back: "hammerd switchover {PAIR} --undo"' in done.stdout
    )
    admin.set_knob(world.fs(1), "faults", None)
    undone = world.run("switchover", PAIR, "--undo", "--yes")
    assert undone.returncode == Exit.OK, undone.stderr
    assert (world.place / "late").read_text() == "late\n"
    assert not list((world.root / "db/plans").glob("*.json"))


def test_undo_after_the_downgrade_loses_nothing(world: PlansWorld) -> None:
    world.run_killed("mirror-copy", "before", "switchover", PAIR, "--yes")
    world.run_killed("pfs-upgrade", "before", "switchover", PAIR, "--yes")
    assert not is_master(world, 1)

    undone = world.run("switchover", PAIR, "--undo", "--yes")
    assert undone.returncode == Exit.OK, undone.stderr
    assert is_master(world, 1)
    assert (world.place / "late").read_text() == "late\n"


def test_plan_changes_nothing(world: PlansWorld) -> None:
    for command in ("promote", "switchover", "reseed"):
        done = world.run(command, PAIR, "--plan", "--json")
        assert done.returncode == Exit.OK, done.stderr
        assert json.loads(done.stdout)["plan"] == command
    assert not (world.root / "db/plans").exists()
    assert (is_master(world, 1), is_master(world, 2)) == (True, False)


# --- promote and reseed --------------------------------------------------------------------------


def test_dead_master_and_its_return(world: PlansWorld) -> None:
    admin.unmount_null(world.place)
    admin.unmount(world.fs(1))

    promoted = world.run("promote", PAIR, "--yes")
    assert promoted.returncode == Exit.OK, promoted.stderr
    assert "cannot be read" in promoted.stdout
    assert tree(world, 2) == {"first": "first\n"}
    write(world, 2, "after", "after\n")
    assert world.run("promote", PAIR, "--yes").returncode == Exit.OK

    refused = world.run("reseed", PAIR, "--lose", str(world.place))
    assert refused.returncode == Exit.UNAVAILABLE
    assert "cannot be read" in refused.stderr

    admin.mount(world.fs(1))
    admin.mount_null(world.master, world.place)
    unnamed = world.run("reseed", PAIR, "--yes")
    assert unnamed.returncode == Exit.USAGE
    assert f"say --lose {world.place}" in " ".join(unnamed.stderr.split())
    assert tree(world, 1)["late"] == "late\n"

    reseeded = world.run("reseed", PAIR, "--config", "--lose", str(world.place))
    assert reseeded.returncode == Exit.OK, reseeded.stdout + reseeded.stderr
    assert "TIDs, is not in" in " ".join(reseeded.stdout.split())
    assert tree(world, 1) == tree(world, 2) == {"first": "first\n", "after": "after\n"}
    assert ends(world) == ['master = "/Backup2/data"', 'slave = "/Backup1/pfs/data"']
    assert not list((world.root / "db/plans").glob("*.json"))

    back = world.run("switchover", PAIR, "--yes")
    assert back.returncode == Exit.UNAVAILABLE
    assert "hammerd promote data" in " ".join(back.stderr.split())


HANGING = """
import os, runpy, sys, time
lstat = os.lstat
def hang(path, **kw):
    if str(path).startswith({disk!r}):
        time.sleep(600)
    return lstat(path, **kw)
os.lstat = hang
runpy.run_path({program!r}, run_name="__main__")
"""
"""A stand-in for probe_program.py that hangs at a disk."""

COMMAND = """
import sys
from hammerd.cli.main import main
from hammerd.daemon.paths import probe_program
probe_program.__file__ = {hanging!r}
sys.exit(main())
"""


def test_master_whose_disk_hangs_holds_up_no_promotion(world: PlansWorld) -> None:
    hanging = world.root / "hanging.py"
    program = probe_program.__file__
    hanging.write_text(HANGING.format(disk=str(world.fs(1)), program=program))
    words = ["promote", PAIR, "--yes", "-c", str(world.config)]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND.format(hanging=str(hanging)), *words],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert "does its disk hang?" in " ".join(done.stdout.split())
    assert is_master(world, 2)


def test_new_disk_gets_a_fresh_slave(world: PlansWorld) -> None:
    admin.unmount_null(world.place)
    world.fs(1).rename(world.root / "lost")
    assert world.run("promote", PAIR, "--yes").returncode == Exit.OK

    admin.new_file_system(world.fs(1), "Backup1", tid_base=LOW_TIDS)
    admin.set_knob(world.fs(1), "as_of", 5)
    done = world.run("reseed", PAIR, "--at", str(world.master), "--config", "--yes")
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert "== slave-pfs-directory" in done.stdout
    assert tree(world, 1) == tree(world, 2) == {"first": "first\n"}


def test_copy_that_would_be_incomplete_is_refused() -> None:
    with mirrored((HIGH_TIDS, LOW_TIDS)) as world:
        promoted = world.run("promote", PAIR, "--yes")
        assert "no copy of it is complete" in " ".join(promoted.stdout.split())
        refused = world.run("reseed", PAIR, "--lose", str(world.place))

        assert refused.returncode == Exit.UNAVAILABLE
        assert "would leave out what is between" in " ".join(refused.stderr.split())
        assert "late" in tree(world, 1)

        raise_tids(world, 2)
        done = world.run("reseed", PAIR, "--lose", str(world.place))
        assert done.returncode == Exit.OK, done.stderr
        assert tree(world, 1) == tree(world, 2)


def test_diverged_slave_becomes_a_fresh_one(world: PlansWorld) -> None:
    world.run_hammer("pfs-upgrade", world.slave)
    write(world, 2, "own", "own\n")
    world.run_hammer("pfs-downgrade", world.slave)

    refused = world.run("switchover", PAIR, "--yes")
    assert refused.returncode == Exit.UNAVAILABLE
    assert '"hammerd reseed data"' in " ".join(refused.stderr.split())
    shown = world.run("reseed", PAIR, "--plan").stdout
    assert "ahead of its master's" in " ".join(shown.split())

    done = world.run("reseed", PAIR, "--lose", str(world.short))
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert tree(world, 1) == tree(world, 2) == {"first": "first\n", "late": "late\n"}
    again = world.run("reseed", PAIR, "--lose", str(world.short))
    assert again.returncode == Exit.OK
    assert "nothing is left to do" in again.stdout


def test_hammerd_that_cannot_be_asked_is_no_dead_one(world: PlansWorld) -> None:
    state_dir = world.root / "db"
    state_dir.mkdir()
    with (state_dir / LOCK_FILE).open("w") as lock:
        lock.write(f"{os.getpid()}\n{world.run_dir}\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = world.run("promote", PAIR, "--yes")

    assert done.returncode == Exit.UNAVAILABLE
    assert "cannot be asked" in done.stderr
    assert not is_master(world, 2)
