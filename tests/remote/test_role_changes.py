"""Changes of roles of a pair whose slave is on another host, over a real sshd."""

import os
import subprocess
from pathlib import Path

import pytest

from hammerd.core.exit_codes import Exit
from hammerd.core.hammer.pfs_links import parse_link_text
from hammerd.simulator import admin
from tests import hammerd_program
from tests.hammerd_program import HAMMERD
from tests.remote.remote_world import RemoteWorld
from tests.waiting import DEADLINE_S


class FarPair:
    """A master here, and its slave on another host."""

    def __init__(self, remote: RemoteWorld) -> None:
        self._remote = remote
        self.master = remote.near.make_master()
        self.slave = remote.far.disks.make_slave(self.master)
        remote.near.write("first", "first\n")
        self.keys: dict[str, object] = dict(remote.far.keys())
        self.configure()
        remote.near.run_hammer("mirror-copy", self.master, self.slave)

    def configure(self, **keys: object) -> None:
        place = self._remote.far.place(str(self.slave))
        pair = {"test": (self.master, place)}
        self.config = self._remote.near.configure(pair, {"test": {**self.keys, **keys}})

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return hammerd_program.run(
            [*HAMMERD, *words, "-c", str(self.config)],
            capture_output=True,
            text=True,
            start_new_session=True,
            timeout=DEADLINE_S,
            check=False,
        )

    def as_person_there(self, line: str) -> None:
        env = {**os.environ, "PATH": f"{self._remote.far.disks.root}/bin:/usr/bin:/bin"}
        subprocess.run(["/bin/sh", "-c", line], env=env, check=True, capture_output=True)


@pytest.fixture
def pair(remote: RemoteWorld) -> FarPair:
    return FarPair(remote)


def is_master(link: Path) -> bool:
    pfs = parse_link_text(os.readlink(link))
    return pfs is not None and pfs.is_master


def test_far_slave_is_promoted_by_a_person_there(pair: FarPair) -> None:
    done = pair.run("promote", "test", "--yes")

    assert done.returncode == Exit.TEMPORARY, done.stdout + done.stderr
    lines = done.stdout.partition("to do on ")[2].splitlines()[1:]
    assert "pfs-upgrade" in lines[0]
    assert not is_master(pair.slave)
    pair.as_person_there("\n".join(line.strip() for line in lines))

    done = pair.run("promote", "test", "--yes")
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert is_master(pair.slave)


def test_second_key_changes_the_roles(pair: FarPair, remote: RemoteWorld) -> None:
    pair.configure(ssh_admin_identity=str(remote.far.sshd.identity))
    remote.near.write("late", "late\n")
    done = pair.run("switchover", "test", "--yes", "--config")

    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert (is_master(pair.master), is_master(pair.slave)) == (False, True)
    assert (pair.slave / "late").read_text() == "late\n"
    assert f'slave = "{pair.master}"' in pair.config.read_text()
    assert admin.sync_end_tid(pair.master) > 1
