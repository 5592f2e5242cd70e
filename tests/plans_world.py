"""Two HAMMER file systems for tests of plans: empty, with fstab, crontab and a config of one pair.

    with plans_world() as world:
        world.run_killed("pfs-slave", "after", "provision", "data", "--yes")
        assert world.run("provision", "data", "--yes").returncode == 0

The master is to be /Backup1/pfs/data, mounted at /Backup1/data; the slave is to be
/Backup2/pfs/data, with the symlink /Backup2/data. Both file systems show PFSs as of their last
TIDs. hammerd runs in a session of its own, without a terminal.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hammerd.simulator import admin
from tests import command_server
from tests.command_server import Kill, Request
from tests.daemon.world import World

PAIR = "data"
LOW_TIDS, HIGH_TIDS = 0x100000000, 0x700000000
AS_OF_TREES = 5
HEAD_OF_FSTAB = "# Device\tMountpoint\tFStype\tOptions\tDump\tPass#\n"


@dataclass
class PlansWorld(World):
    """A machine on which nothing is set up yet."""

    tid_bases: tuple[int, int] = (LOW_TIDS, HIGH_TIDS)

    def make(self) -> None:
        self.hammer = admin.install(self.sbin, time_scale=self.time_scale)
        self.fstab.parent.mkdir()
        self.crontab.write_text("")
        self.fstab.write_text(HEAD_OF_FSTAB)
        for number, tid_base in enumerate(self.tid_bases, 1):
            admin.new_file_system(self.fs(number), self.fs(number).name, tid_base=tid_base)
            admin.set_knob(self.fs(number), "as_of", AS_OF_TREES)
        self.config = self.configure({PAIR: (self.place, self.short)})

    @property
    def sbin(self) -> Path:
        return self.root / "sbin"

    @property
    def fstab(self) -> Path:
        return self.root / "etc/fstab"

    @property
    def crontab(self) -> Path:
        return self.root / "etc/crontab"

    @property
    def master(self) -> Path:
        """The link of the master PFS."""
        return self.fs(1) / "pfs" / PAIR

    @property
    def slave(self) -> Path:
        """The link of the slave PFS."""
        return self.fs(2) / "pfs" / PAIR

    @property
    def place(self) -> Path:
        """The mount point of the master, which the config names."""
        return self.fs(1) / PAIR

    @property
    def short(self) -> Path:
        """The symlink to the slave's link, which the config names."""
        return self.fs(2) / PAIR

    def set_up(self) -> None:
        """Do what provisioning does: master, mount, slave, symlink, first copy."""
        for number in (1, 2):
            (self.fs(number) / "pfs").mkdir()
        self.make_master(PAIR)
        self.make_slave(self.master, PAIR)
        self.short.symlink_to(self.slave)
        self.copy()

    def copy(self) -> int:
        """Flush the master and mirror it once; return the slave's TID."""
        admin.synctid(self.fs(1))
        self.run_hammer("mirror-copy", self.place, self.slave)
        return admin.sync_end_tid(self.slave)

    def run(
        self, *words: object, stdin: str = "", kill: Kill | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of hammerd with this config to its end, or killed within a step."""
        given = [*map(str, words), "-c", str(self.config)]
        return command_server.run(Request(given, {**os.environ, **self.env}, stdin, kill))

    def run_killed(self, command: str, when: str, *words: object, stdin: str = "") -> str:
        """Run a command that is killed `before`, `during` or `after` a program; see admin.trap.

        Returns what it printed until then.
        """
        armed = admin.trap(self.sbin, command, when=when)
        done = self.run(*words, stdin=stdin)
        assert not armed.is_armed, f"{words} never ran {command}:\n{done.stdout}{done.stderr}"
        assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
        return done.stdout

    def reboot(self) -> list[str]:
        """End all processes and null mounts, and mount what fstab names; return what failed."""
        self.clean_up()
        self.daemons.clear()
        return admin.reboot(self.root, self.fstab)

    def power_cut(self) -> list[str]:
        """Cut the power of the machine, and mount what fstab names; return what failed."""
        self.clean_up()
        self.daemons.clear()
        for number in (1, 2):
            admin.power_cut(self.fs(number))
        return admin.reboot(self.root, self.fstab)


@contextmanager
def plans_world(
    tid_bases: tuple[int, int] = (LOW_TIDS, HIGH_TIDS), env: dict[str, str] | None = None
) -> Iterator[PlansWorld]:
    """Make such a world, and remove it and all its processes at the end."""
    # Short, because a Unix socket's path is at most 104 bytes.
    root = Path(tempfile.mkdtemp(prefix="hammerd-"))
    world = PlansWorld(root, env or {}, tid_bases=tid_bases)
    world.make()
    try:
        yield world
    finally:
        world.clean_up()
        shutil.rmtree(root, ignore_errors=True)
