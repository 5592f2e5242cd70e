"""Links that die without a word: a cable that is cut, and a host that forgot its connections.

The hosts are network namespaces with a cable each. ssh's keepalive is the only sign of the death.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hammerd.simulator import admin
from tests.daemon.world import World
from tests.remote.link_deaths import IMPATIENT
from tests.remote.netns import Network, a_network
from tests.remote.remote_world import FarHost, RemoteWorld, a_remote_world
from tests.waiting import until

PATIENT = ("ConnectTimeout=2", "ServerAliveInterval=1", "ServerAliveCountMax=1000")
"""Such a link ends only when the other host resets it."""

FILES, FILE_BYTES = 40, 1 << 20
SLOW_WRITE_MS = 500
"""The busy stream takes longer than the test needs to cut its cable."""


@pytest.fixture
def joined() -> Iterator[tuple[Network, RemoteWorld]]:
    """A near host with a cable to each of two far hosts, `far` and `rebooted`."""
    with a_network(2) as network, a_remote_world() as remote:
        for name, host in zip(("far", "rebooted"), network.far, strict=True):
            remote.add_host(name, host.address, host.under)
        yield network, remote


def busy_pair(remote: RemoteWorld, far: FarHost) -> tuple[Path, str]:
    """Make a push pair with much to copy to a slow disk."""
    near, disk = remote.near, far.disks.fs(3)
    admin.new_file_system(disk, disk.name)
    (disk / "pfs").mkdir()
    master = near.make_master("busy")
    admin.write(near.fs(1), 2, FILE_BYTES, count=FILES)
    slave = far.disks.make_slave(master, "busy", number=3)
    admin.set_knob(disk, "slow_write_ms", SLOW_WRITE_MS)
    return master, far.place(slave)


def wait_for_end(near: World, pair: str, because: str) -> None:
    near.wait_for_log(f"pair.stopping pair={pair} from_state=streaming because={because}")


def restart(network: Network, host: FarHost) -> None:
    """Restart the second far host, so that no end of a connection leaves it."""
    new = network.restart(1)
    host.sshd.stop()
    host.sshd.under = new.under
    host.sshd.start()


@pytest.mark.timeout(240)
def test_silent_deaths_are_noticed_and_a_mended_link_mirrors_again(
    joined: tuple[Network, RemoteWorld],
) -> None:
    network, remote = joined
    near, far, rebooted = remote.near, remote.far, remote.hosts["rebooted"]
    push, pull = remote.push_pair("push"), remote.pull_pair("pull")
    slave = rebooted.disks.make_slave(push[0], "push")
    pairs = {"push": push, "pull": pull, "busy": busy_pair(remote, far)}
    keys = {name: {**far.keys(), "ssh_options": IMPATIENT} for name in pairs}
    keys["pull"] = far.keys()  # hammerd's own limits
    pairs["half_open"] = push[0], rebooted.place(slave)
    keys["half_open"] = {**rebooted.keys(), "ssh_options": PATIENT}
    near.write("before", "text\n", "push")
    far.disks.write("before", "text\n", "pull")
    near.start(near.configure(pairs, keys), *network.near.under)
    for name in ("push", "pull", "half_open"):
        near.wait_until_following(name)
    near.wait_for(lambda now: now["phase"] == "copying", "copying", "busy")

    network.cables[0].cut()
    restart(network, rebooted)

    wait_for_end(near, "half_open", "connection_lost")
    near.wait_until_following("half_open")
    for name in ("push", "busy", "pull"):
        wait_for_end(near, name, "link_silent")
    near.wait_for(lambda now: now["connecting_to"], "it waits for the host", "push")
    for name in ("push", "busy"):
        gone = near.wait_for(lambda now: now["waiting_for"] == "backoff", "it is gone", name)
        assert (gone["because"], gone["health"]) == ("connection_timed_out", "warning")

    near.write("after", "text\n", "push")
    far.disks.write("after", "text\n", "pull")
    network.cables[0].mend()
    slaves = (far.disks.fs(2) / "pfs/push", slave, pull[1])
    until(lambda: all((one / "after").exists() for one in slaves), "all slaves have the file")
    near.wait_for(lambda now: now["phase"] == "copying", "copying again", "busy")
