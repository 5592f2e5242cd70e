"""A far slave has one writer, also while an earlier one was frozen, cut off, and thawed.

HAMMERD_LOOKS sets how many looks at the processes each test takes.
"""

import contextlib
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from hammerd.core.hosts.far_guard import lock_name
from hammerd.simulator import admin
from tests import hammerd_program
from tests.daemon.conftest import a_world
from tests.daemon.world import INTERPRETER, World, living_pids
from tests.hammerd_program import HAMMERD
from tests.remote.remote_world import RemoteWorld
from tests.remote.sshd import make_key
from tests.waiting import until

LOOKS = int(os.environ.get("HAMMERD_LOOKS", "30"))
LOOKS_AFTER_A_CUT = 25
TEXT = "x" * (7 << 18)
"""It fits into what ssh sends before the far half has read any of it."""

SLOW_WRITE_MS = 500
"""Of each write of 512 KiB, at five times the speed."""


RELAY = shlex.quote(str(Path(__file__).with_name("silent_relay.py")))


@dataclass
class FarSlave:
    """A slave that hammerd reaches through ssh, and what looks at its writers have shown."""

    near: World
    far: World
    link: Path
    looks: int = 0
    most_writers: int = 0
    tids: list[int] = field(default_factory=list)

    def writers(self) -> set[int]:
        """Return the mirror-writes of the slave that run; a stopped one cannot write."""
        found = living_pids(f"mirror-write {self.link}")
        return {pid for pid in found if self._is_running_hammer(pid)}

    def _is_running_hammer(self, pid: int) -> bool:
        """Tell hammer, a script of some interpreter, from a shell or hammerd-rsh on its way."""
        try:
            process = psutil.Process(pid)
            return (
                str(self.far.hammer) in process.cmdline()[:3]
                and process.status() != psutil.STATUS_STOPPED
            )
        except psutil.NoSuchProcess:
            return False

    def look(self) -> None:
        """Count the writers, and read the slave's TID."""
        found = self.writers()
        if len(found) > 1:
            # A look takes a moment, in which one may end and another begin.
            found &= self.writers()
        self.looks += 1
        self.most_writers = max(self.most_writers, len(found))
        self.tids.append(admin.sync_end_tid(self.link))

    def look_until(self, claim: Callable[[], object], what: str) -> None:
        def is_true() -> object:
            self.look()
            return claim()

        until(is_true, what)

    def begin_to_write(self, text: str = TEXT) -> set[int]:
        """Write to the master until the slave's writer is in the middle of that; return it."""
        self.near.write(f"file{self.looks}", text)
        self.near.wait_for(lambda now: now["phase"] == "copying", "it copies")
        return self.writers()

    @property
    def goes_back(self) -> bool:
        return self.tids != sorted(self.tids)


def cut(needle: object) -> None:
    """Kill every ssh of the near host, as a link does that is cut."""
    for pid in living_pids(str(needle)):
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).name() == "ssh":
                psutil.Process(pid).kill()


def _address(remote: RemoteWorld) -> str:
    """Return the words of the relay; by the last one it ends with its world."""
    sshd = remote.far.sshd
    return f"{sshd.address} {sshd.port} {remote.near.root}"


def push(remote: RemoteWorld, **more: object) -> tuple[FarSlave, Path]:
    """Make a pair with a slave on the far host; return the slave and the config."""
    near, far = remote.near, remote.far
    pair = remote.push_pair()
    slave = FarSlave(near, far.disks, Path(pair[1].partition(":")[2]))
    keys: Mapping[str, object] = {
        **far.keys(),
        "remote_hammer": str(far.disks.hammer),
        "following_delay": "1s",
        "ssh_options": [f"ProxyCommand={INTERPRETER} -IS {RELAY} {_address(remote)}"],
        **more,
    }
    return slave, near.configure({"test": pair}, {"test": keys})


def start(slave: FarSlave, config: Path, slow_write_ms: int = SLOW_WRITE_MS) -> None:
    """Start hammerd; when the slave is in sync it becomes slow."""
    slave.near.write("first", "first\n")
    slave.near.start(config)
    slave.near.wait_for(lambda now: now["phase"] == "idle", "it is in sync")
    admin.set_knob(slave.far.fs(2), "slow_write_ms", slow_write_ms)


def restrict_key(remote: RemoteWorld, config: Path) -> None:
    """Append what `hammerd authorized-keys` prints, as it is."""
    argv = [*HAMMERD, "authorized-keys", "-c", str(config), "test"]
    printed = hammerd_program.run(argv, capture_output=True, text=True, check=True).stdout
    with (remote.far.sshd.root / "authorized_keys").open("a") as file:
        file.write(printed)


def freeze_cut_and_thaw(remote: RemoteWorld, slave: FarSlave) -> None:
    """Freeze the far sessions while they write, cut the link, thaw them beside the next stream."""
    earlier = slave.begin_to_write()
    frozen = remote.far.sshd.processes()
    for process in frozen:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
    cut(remote.far.sshd.known_hosts)
    newest = slave.near.write(f"later{slave.looks}", "later\n")
    slave.look_until(lambda: slave.writers() - earlier, "the next writer")
    slave.look_until(lambda: slave.tids[-1] >= newest, "the next writer has the later write")
    for process in frozen:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()
    for _ in range(LOOKS_AFTER_A_CUT):
        slave.look()


@pytest.mark.parametrize("is_restricted", [False, True], ids=["any key", "restricted key"])
def test_a_frozen_and_thawed_writer_never_writes_beside_the_next(
    remote: RemoteWorld, *, is_restricted: bool
) -> None:
    key = remote.near.root / "key"
    make_key(key)
    slave, config = push(remote, **({"ssh_identity": str(key)} if is_restricted else {}))
    if is_restricted:
        restrict_key(remote, config)
    start(slave, config)
    while slave.looks < LOOKS:
        freeze_cut_and_thaw(remote, slave)

    assert slave.most_writers == 1
    assert not slave.goes_back
    assert "guard_refused" not in remote.near.log()
    assert remote.near.wait_for(lambda now: now["phase"], "it mirrors")["slave_locked"]
    assert (remote.far.sshd.root / lock_name(str(slave.link))).exists()


def test_under_a_key_without_a_guard_a_launch_waits_until_the_far_writer_is_done(
    remote: RemoteWorld,
) -> None:
    """The writer is in a last write when its link breaks, for longer than a launch takes."""
    key = remote.near.root / "key"
    slave, config = push(
        remote, ssh_identity=str(key), ssh_options=[], remote_drain="3s", gear="bulk"
    )
    forced = f"hammer ssh-remote mirror-write,pfs-status {slave.link}"
    remote.far.sshd.allow_public(make_key(key), forced, "restrict")
    start(slave, config, 10 * SLOW_WRITE_MS)
    assert slave.near.status()["slave_locked"] is False
    refusals = [each for each in slave.near.log().splitlines() if "=guard_refused" in each]
    assert [line.split()[2] for line in refusals] == ["pair.stopping", "pair.waiting"]

    earlier = slave.begin_to_write("one write\n")
    cut(remote.far.sshd.known_hosts)
    slave.look_until(lambda: slave.writers() - earlier, "the next writer")

    assert slave.most_writers == 1
    assert not slave.goes_back
    assert not (remote.far.sshd.root / lock_name(str(slave.link))).exists()


SESSION_SSH = """\
#!{python} -IS
import os, subprocess, sys
env = {{**os.environ, "HAMMERD_FAR_DIR": "{root}", "PATH": "{root}/bin:/usr/bin:/bin"}}
sys.exit(subprocess.call(["/bin/sh", "-c", sys.argv[-1]], env=env, start_new_session=True))
"""
"""An ssh whose remote command is in a session of its own, as on another host."""


def test_a_writer_that_outlives_its_ssh_never_writes_beside_the_next() -> None:
    with a_world({}) as world:
        ssh = world.root / "ssh"
        ssh.write_text(SESSION_SSH.format(python=INTERPRETER, root=world.root))
        ssh.chmod(0o755)
        master, link = world.make_pair()
        slave = FarSlave(world, world, link)
        config = world.configure({"test": (master, f"far:{link}")}, ssh=str(ssh))
        start(slave, config, 10 * SLOW_WRITE_MS)
        while slave.looks < LOOKS:
            earlier = slave.begin_to_write()
            cut(ssh)
            slave.look_until(lambda earlier=earlier: slave.writers() - earlier, "the next writer")
            for _ in range(LOOKS_AFTER_A_CUT):
                slave.look()

    assert slave.most_writers == 1
    assert not slave.goes_back
