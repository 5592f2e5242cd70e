"""A world whose hammerd reaches far hosts through a real sshd.

A far host is a directory with its own simulated file systems and programs: Backup1 and Backup2, as
on the near host. Its sshd gives remote commands a PATH that begins with those programs.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.daemon.world import World
from tests.remote.sshd import Sshd, has_programs, has_shell, user

SYSTEM_PATH = "/usr/bin:/bin"


@dataclass
class FarHost:
    """The file systems of a host (`disks`) and its sshd."""

    disks: World
    sshd: Sshd

    def place(self, path: Path) -> str:
        """Return how the near host names a path of this host."""
        return f"{user()}@{self.sshd.address}:{path}"

    def keys(self, identity: Path | None = None) -> dict[str, object]:
        """Return the keys of a pair that leads here; `identity` is a client's key."""
        return {
            "ssh_port": self.sshd.port,
            "ssh_identity": str(identity or self.sshd.identity),
            "ssh_known_hosts": str(self.sshd.known_hosts),
        }


@dataclass
class RemoteWorld:
    """A near host with a hammerd (`near`), and far hosts."""

    near: World
    stack: ExitStack
    hosts: dict[str, FarHost] = field(default_factory=dict)

    def add_host(
        self, name: str = "far", address: str = "127.0.0.1", under: tuple[str, ...] = ()
    ) -> FarHost:
        """Make a far host and start its sshd."""
        disks = World(self.near.root / name, time_scale=self.near.time_scale)
        disks.make()
        sshd = Sshd(disks.root / "ssh", f"{disks.root}/bin:{SYSTEM_PATH}", address, under)
        sshd.make()
        sshd.start()
        self.stack.callback(sshd.stop)
        self.hosts[name] = FarHost(disks, sshd)
        return self.hosts[name]

    def push_pair(self, name: str = "test") -> tuple[Path, str]:
        """Make a master here and its slave on the host `far`; return both ends for a config."""
        master = self.near.make_master(name)
        return master, self.far.place(self.far.disks.make_slave(master, name))

    def pull_pair(self, name: str = "test") -> tuple[str, Path]:
        """Make a master on the host `far` and its slave here; return both ends for a config."""
        master = self.far.disks.make_master(name)
        return self.far.place(master), self.near.make_slave(master, name)

    @property
    def far(self) -> FarHost:
        return self.hosts["far"]


@contextmanager
def a_remote_world(*, time_scale: float = 5.0) -> Iterator[RemoteWorld]:
    """Make a near host; skip the test where no sshd can run a command as this user."""
    if not has_programs():
        pytest.skip("there is no sshd here")
    if not has_shell():
        pytest.skip("sshd runs no commands for a user without a shell")
    # Short, because a Unix socket's path is at most 104 bytes.
    root = Path(tempfile.mkdtemp(prefix="hammerd-"))
    near = World(root, time_scale=time_scale)
    near.make()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        stack.callback(near.clean_up)
        yield RemoteWorld(near, stack)
