"""Disks that take turns: no swap needs a person, and each disk is known while it is away."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.core.rfc3339 import parse_rfc3339
from hammerd.core.tid import parse_tid
from hammerd.simulator import admin
from tests import hammerd_program
from tests.daemon.world import World
from tests.hammerd_program import HAMMERD
from tests.waiting import until

Slave = Mapping[str, Any]


def make_disk(world: World, place: Path, master: Path, base: int) -> str:
    """Make a file system with a slave of the master at a place; return its unique-uuid."""
    admin.new_file_system(place, place.name, tid_base=base)
    (place / "pfs").mkdir()
    shared = f"shared-uuid={admin.shared_uuid(master)}"
    text = world.run_hammer("pfs-slave", place / "pfs/test", shared)
    return re.findall("unique-uuid=(.*)", text)[0]


def unmount(place: Path, to: Path) -> None:
    """Take a disk away; nothing but an empty directory is left at its place."""
    until(lambda: is_unmounted(place), "the disk can be unmounted")
    place.with_name(f".{place.name}.unmounted").rename(to)


def is_unmounted(place: Path) -> bool:
    try:
        admin.unmount(place)
    except OSError:
        return False
    return True


def mount(disk: Path, place: Path) -> None:
    place.rmdir()
    disk.rename(place)


@dataclass
class Disks:
    """Two disks, A and B, with the slaves of one pair; `places` are where they are mounted."""

    world: World
    places: Mapping[str, Path]
    config: Path
    uuids: dict[str, str] = field(default_factory=dict)

    def safe(self, disk: str) -> Path:
        return self.world.root / f"safe-{disk}"

    def swap(self, out: str, into: str) -> None:
        # A kernel refuses to unmount a slave that is written to, the simulator does not.
        self.world.wait_until_idle()
        unmount(self.places[out], self.safe(out))
        mount(self.safe(into), self.places[into])

    def known(self, disk: str) -> Slave:
        """Return what the status tells of a disk; nothing before it was read."""
        slaves = self.world.status()["slaves"]
        return next((one for one in slaves if one["unique_uuid"] == self.uuids[disk]), {})

    def tells_tid(self, disk: str) -> bool:
        told = self.known(disk).get("slave_tid")
        return told is not None and parse_tid(told) == self.tid_of(disk)

    def tid_of(self, disk: str) -> int:
        """Return the TID that is really on a disk, wherever it is."""
        safe = self.safe(disk)
        return admin.sync_end_tid((safe if safe.exists() else self.places[disk]) / "pfs/test")

    def is_older(self, disk: str, than_s: float) -> bool:
        return bool(self.known(disk)["lag_s"] > than_s)

    def wait_until_copied(self, disk: str, name: str) -> None:
        """Wait until a file is on a disk, and hammerd has read the disk since."""
        here = self.places[disk] / "pfs/test" / name
        until(here.exists, f"{name} on disk {disk}\n{self.world.log()}")
        self.world.wait_for(
            lambda now: (
                self.known(disk).get("has_turn")
                and self.tells_tid(disk)
                and now["lag_verdict"] == "in_sync"
            ),
            f"disk {disk} has its turn",
        )


@pytest.fixture(params=["two paths", "one path"])
def disks(world_once: World, request: pytest.FixtureRequest) -> Disks:
    """Disk A at its place and disk B in the safe, and a daemon."""
    world = world_once
    is_one = request.param == "one path"
    one, other = world.root / "DiskA", world.root / ("DiskA" if is_one else "DiskB")
    master, slave = world.make_master(), one / "pfs/test"
    rotate = True if is_one else [str(slave), str(other / "pfs/test")]
    config = world.configure(
        {"test": (master, slave)}, {"test": {"rotate": rotate}}, flush_every="1s"
    )
    found = Disks(world, {"A": one, "B": other}, config)
    found.uuids["B"] = make_disk(world, other, master, 0xB00000000)
    unmount(other, found.safe("B"))
    if is_one:
        one.rmdir()
    found.uuids["A"] = make_disk(world, one, master, 0xA00000000)
    world.start(config)
    return found


def test_swaps_need_no_person_and_each_disk_is_known(disks: Disks) -> None:
    world, order, written = disks.world, "ABAB", [0, 0, 0, 0]
    for number, disk in enumerate(order):
        if number == 3:
            # Somebody else brings the disk up to date while it is away.
            world.run_hammer("mirror-copy", world.fs(1) / "pfs/test", disks.safe("B") / "pfs/test")
        if number:
            disks.swap(order[number - 1], disk)
        if number == 1:
            assert world.stop(world.daemons[-1]) == 0
            world.start(disks.config)
        written_time = time.time()
        written[number] = world.write(f"write{number}", "text")
        disks.wait_until_copied(disk, f"write{number}")
        if not number:
            continue
        away = order[number - 1]
        known = disks.known(away)
        # It holds its own write and not this one, and its lag grows.
        assert written[number - 1] <= parse_tid(known["slave_tid"]) <= disks.tid_of(away)
        assert (known["is_present"], known["has_turn"]) == (False, False)
        assert safe_time(known) < written_time
        until(partial(disks.is_older, away, known["lag_s"]), "its lag grows")

    now = world.status()
    assert (now["health"], now["anomalies"], now["complaints"]) == ("ok", [], [])
    assert [one["unique_uuid"] for one in now["slaves"]] == [disks.uuids[one] for one in "AB"]
    lines = [line for line in world.log().splitlines() if "status_socket" not in line]
    assert not [line for line in lines if re.match(r"\S+ (warning|error)", line)]
    # Each line of the lag tells which slave it is about.
    lag = (world.root / "log/lag.log").read_text()
    assert {str(disks.places[one] / "pfs/test") for one in "AB"} == set(
        re.findall(r"lag.sampled pair=test end=(\S+)", lag)
    )
    is_any_away = len({*disks.places.values()}) > 1
    for command in (["check"], ["doctor", "test"]) if is_any_away else ():
        done = hammerd_program.run(
            [*HAMMERD, *command, "-c", str(disks.config)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "would wait" not in done.stdout


@pytest.mark.parametrize("disks", ["two paths"], indirect=True)
def test_reload_keeps_the_turn_and_the_memory_of_a_disk(disks: Disks) -> None:
    world, more = disks.world, str(disks.world.root / "DiskC/pfs/test")
    disks.swap("A", "B")
    world.write("write", "text")
    disks.wait_until_copied("B", "write")
    world.wait_until_following()
    before, log = world.status(), world.log()

    rotate = [*{str(place / "pfs/test") for place in disks.places.values()}, more]
    pair = {"test": (before["master"], disks.places["A"] / "pfs/test")}
    world.configure(pair, {"test": {"rotate": rotate, "flush_every": "1s"}})
    answer = world.ask(Verb.RELOAD)

    assert answer["retuned"] == ["test"]
    now = world.status()
    assert (now["pid"], now["slave"]) == (before["pid"], before["slave"])
    assert [one["unique_uuid"] for one in now["slaves"]] == [
        one["unique_uuid"] for one in before["slaves"]
    ]
    assert "pair.stopping" not in world.log()[len(log) :]


def test_disks_that_are_both_there_are_both_kept_fresh(world_once: World) -> None:
    world = world_once
    master = world.make_master()
    places = [world.root / name for name in ("DiskA", "DiskB")]
    for number, place in enumerate(places):
        make_disk(world, place, master, 0xA00000000 + (number << 32))
    rotate = [str(place / "pfs/test") for place in places]
    keys = {"test": {"rotate": rotate, "lag_warning": "2s"}}
    world.start(world.configure({"test": (master, places[0] / "pfs/test")}, keys))

    for name in ("first", "second"):
        world.write(name, name)
        for place in places:
            until((place / "pfs/test" / name).exists, f"{name} on {place}\n{world.log()}")

    lines = [line for line in world.log().splitlines() if "status_socket" not in line]
    assert not [line for line in lines if re.match(r"\S+ (warning|error)", line)]


def safe_time(slave: Slave) -> float:
    return parse_rfc3339(slave["safe_until_time"]).timestamp()
