"""Each runbook of the manual is run, command by command, as docs/hammerd.8 has it.

Only places differ: paths are below a directory of the test, the config is named with -c, and a
yes is given by --yes. Between the blocks of a runbook the test does what its prose asks for.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hammerd.simulator import admin
from tests.paths import ROOT
from tests.plans_world import PlansWorld, plans_world
from tests.remote import sshd
from tests.waiting import DEADLINE_S, until

MANUAL = (ROOT / "docs/hammerd.8").read_text()
PAIR = "home"
PATIENCE_S = 300
ASKING = ("provision", "promote", "switchover", "reseed")

_BLOCK = re.compile(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"(?<![\w./-])/(?=Backup\d\b)")


def runbooks() -> dict[str, list[list[str]]]:
    """Return the commands of each block of each runbook, by its title."""
    section = MANUAL.partition("\n.Sh RUNBOOKS\n")[2].partition("\n.Sh ")[0]
    found = {}
    for part in section.split("\n.Ss ")[1:]:
        title, _, body = part.partition("\n")
        blocks = [_commands(block) for block in _BLOCK.findall(body + "\n")]
        found[title] = [block for block in blocks if block]
    return found


def _commands(block: str) -> list[str]:
    lines = block.replace("\\e", "\\").splitlines()
    return [line.removeprefix("# ") for line in lines if line.startswith("# ")]


RUNBOOKS = runbooks()


@dataclass
class Reader:
    """A person who types the commands of one runbook, block by block."""

    world: PlansWorld
    blocks: list[list[str]]
    names: dict[str, str] = field(default_factory=dict)

    def type_block(self) -> str:
        """Run the next block; each of its commands must succeed. Return what they printed."""
        return "".join(self.type(line) for line in self.blocks.pop(0))

    def type(self, line: str) -> str:
        done = subprocess.run(
            ["/bin/sh", "-c", self.here(line)],
            env={**os.environ, "PATH": f"{self.world.sbin}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=DEADLINE_S,
            start_new_session=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}:\n{done.stdout}"
        return done.stdout

    def here(self, line: str) -> str:
        """Return a command of the manual with the places of this world."""
        words = line.split()
        if words[0] == "hammerd":
            more = ["--fstab-file", str(self.world.fstab)] if "provision" in words else []
            is_asked = words[1] in ASKING and not {"--plan", "--dry-run"} & set(words)
            more += ["--yes"] if is_asked and words[1] != "reseed" else []
            more += ["--lose", words[words.index("--at") + 1]] if words[1] == "reseed" else []
            line = " ".join([*words, *more, "-c", str(self.world.config)])
        line = line.replace("/var/db/hammerd/", f"{self.world.root}/db/")
        for shown, real in self.names.items():
            line = line.replace(shown, real)
        return _PATH.sub(f"{self.world.root}/", line)

    def path(self, shown: str) -> Path:
        return self.world.root / shown.removeprefix("/")

    def write(self, shown: str, text: str) -> None:
        """Write a file of the master, and flush it."""
        self.path(shown).write_text(text)
        admin.synctid(self.world.fs(int(shown[len("/Backup")])))

    def follows(self, shown: str, text: str) -> None:
        """Wait until a file of a slave has a text."""
        until(lambda: _text(self.path(shown)) == text, f"{shown} has its text")


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


@pytest.fixture
def world() -> Iterator[PlansWorld]:
    with plans_world() as made:
        made.config = made.configure({})
        program = made.sbin / "hammerd"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m hammerd.cli.main "$@"\n')
        service = made.sbin / "service"
        start = f"{program} run --detach -c {made.config}"
        service.write_text(f'#!/bin/sh\n[ "$*" = "hammerd start" ] && exec {start}\nexit 64\n')
        for each in (program, service):
            each.chmod(0o755)
        yield made


@pytest.fixture
def mirrored(world: PlansWorld) -> PlansWorld:
    """A world whose pair is mirrored by a running hammerd, as the first runbook leaves it."""
    reader = Reader(world, [*RUNBOOKS["A first set-up"]])
    reader.type(
        "hammerd provision home --master /Backup1/home --slave /Backup2/home --config --fstab"
    )
    reader.write("/Backup1/home/report", "first\n")
    reader.type("service hammerd start")
    reader.follows("/Backup2/home/report", "first\n")
    return world


# --- the runbooks --------------------------------------------------------------------------------


def first_set_up(reader: Reader) -> None:
    planned = reader.type_block()
    assert planned.count("nothing is left to do") == 1
    reader.write("/Backup1/home/report", "first\n")
    reader.type_block()
    reader.follows("/Backup2/home/report", "first\n")
    assert reader.world.reboot() == []
    reader.type("service hammerd start")
    reader.write("/Backup1/home/report", "second\n")
    reader.follows("/Backup2/home/report", "second\n")


def master_s_disk_died(reader: Reader) -> None:
    disk = reader.path("/Backup1")
    disk.rename(reader.path("/lost"))
    reader.type_block()
    reader.write("/Backup2/home/report", "second\n")
    new_disk(disk)
    reader.type_block()
    reader.follows("/Backup1/pfs/home/report", "second\n")
    reader.write("/Backup2/home/report", "third\n")
    reader.follows("/Backup1/pfs/home/report", "third\n")


def roles_change(reader: Reader) -> None:
    reader.type_block()
    reader.write("/Backup2/home/report", "second\n")
    reader.follows("/Backup1/pfs/home/report", "second\n")


def new_disk(disk: Path) -> None:
    """Make a file system in place of a lost one."""
    admin.new_file_system(disk, disk.name, tid_base=9 << 32)
    admin.set_knob(disk, "as_of", 5)


def slave_s_disk_died(reader: Reader) -> None:
    disk = reader.path("/Backup2")
    disk.rename(reader.path("/lost"))
    new_disk(disk)
    reader.type_block()
    reader.write("/Backup1/home/report", "second\n")
    reader.follows("/Backup2/home/report", "second\n")


def file_is_restored(reader: Reader) -> None:
    reader.write("/Backup1/home/report", "second\n")
    reader.follows("/Backup2/home/report", "second\n")
    history, restore = reader.blocks.pop(0)
    (written, *_) = re.findall(r"^    ([0-9a-f]{16}) ", reader.type(history), re.MULTILINE)
    restored, tids = re.subn(r"@@0x[0-9a-f]{16}", f"@@0x{written}", restore)
    assert tids == 1
    # A kernel shows each TID by itself.
    admin.show_as_of(reader.path("/Backup2/pfs/home"), int(written, 16))
    reader.type(restored)
    assert reader.path("/Backup1/home/report.old").read_text() == "first\n"


def slave_is_moved(reader: Reader) -> None:
    if not (sshd.has_programs() and sshd.has_shell()):
        pytest.skip("there is no sshd here")
    world = reader.world
    reader.type_block()
    # The disk that was unmounted is mounted again where only ssh leads to it.
    admin.mount(world.fs(2))
    office = sshd.Sshd(world.root / "ssh", f"{world.sbin}:/usr/bin:/bin")
    office.make()
    office.start()
    try:
        reader.names = {"ssh-keyscan office": f"ssh-keyscan -p {office.port} {office.address}"}
        identity = office.root / "restricted"
        sshd.make_key(identity)
        moved = f"{sshd.user()}@{office.address}:{world.fs(2)}/pfs/home"
        lines = {"slave": moved, "ssh_identity": str(identity), "ssh_port": office.port}
        lines["remote_hammer"] = str(world.hammer)
        text = world.config.read_text()
        keys = "".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items())
        world.config.write_text(re.sub(r"^slave = .*\n", lambda _: keys, text, flags=re.MULTILINE))
        (allowed,) = [line for line in reader.type_block().splitlines() if "command=" in line]
        with (office.root / "authorized_keys").open("w") as file:
            file.write(allowed + "\n")
        reader.type_block()
        reader.write("/Backup1/home/report", "second\n")
        reader.follows("/Backup2/home/report", "second\n")
    finally:
        world.clean_up()
        office.stop()


def version_upgrade(reader: Reader) -> None:
    reader.type_block()
    for disk in ("/Backup1", "/Backup2"):
        assert "current=7" in reader.type(f"hammer version {disk}")
    reader.write("/Backup1/home/report", "upgraded\n")
    reader.follows("/Backup2/home/report", "upgraded\n")


def full_slave(reader: Reader) -> None:
    admin.set_knob(reader.path("/Backup2"), "full", 1)
    reader.write("/Backup1/home/report", "more\n")
    log = reader.world.root / "log/hammerd.log"
    until(lambda: "fatal error 28" in log.read_text(), "the slave is full")
    reader.type_block()
    reader.follows("/Backup2/home/report", "more\n")


BEFORE_THE_FIRST: dict[str, Callable[[Reader], None]] = {"A first set-up": first_set_up}
MIRRORED: dict[str, Callable[[Reader], None]] = {
    "The disk of the master died": master_s_disk_died,
    "The disk of the slave died": slave_s_disk_died,
    "Master and slave change their roles": roles_change,
    "Move the slave to another machine": slave_is_moved,
}
GENTLE: dict[str, Callable[[Reader], None]] = {
    "Restore a file from the history of the slave": file_is_restored,
    "Upgrade the version of HAMMER": version_upgrade,
    "The slave is full": full_slave,
}
"""Runbooks that leave the pair as it was: one world is enough for all."""


def test_each_runbook_is_tried() -> None:
    assert {*BEFORE_THE_FIRST, *MIRRORED, *GENTLE} == set(RUNBOOKS)


@pytest.mark.timeout(PATIENCE_S)
def test_runbooks_that_leave_a_pair_as_it_was(mirrored: PlansWorld) -> None:
    for title, follow in GENTLE.items():
        reader = Reader(mirrored, [*RUNBOOKS[title]])
        follow(reader)
        assert reader.blocks == [], title


@pytest.mark.timeout(PATIENCE_S)
@pytest.mark.parametrize("title", BEFORE_THE_FIRST)
def test_runbook_of_an_empty_machine(title: str, world: PlansWorld) -> None:
    reader = Reader(world, [*RUNBOOKS[title]])
    BEFORE_THE_FIRST[title](reader)
    assert reader.blocks == []


@pytest.mark.timeout(PATIENCE_S)
@pytest.mark.parametrize("title", MIRRORED)
def test_runbook_of_a_mirrored_pair(title: str, mirrored: PlansWorld) -> None:
    reader = Reader(mirrored, [*RUNBOOKS[title]])
    MIRRORED[title](reader)
    assert reader.blocks == []
