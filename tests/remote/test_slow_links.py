"""A link that is slow and loses packets: the stream stays up, and nothing takes it for dead."""

import pytest

from hammerd.simulator import admin
from tests.remote.netns import a_network
from tests.remote.remote_world import a_remote_world

DELAY_S, LOSS = 0.1, 0.07
"""A round trip of 200 ms, as to another continent, and what a bad radio link loses."""

FILES, FILE_BYTES = 20, 50_000


@pytest.mark.timeout(240)
def test_slow_and_lossy_link_is_no_dead_one() -> None:
    with a_network() as network, a_remote_world() as remote:
        host, cable = network.far[0], network.cables[0]
        far = remote.add_host("far", host.address, host.under)
        near, pairs = remote.near, {"push": remote.push_pair("push")}
        pairs["pull"] = remote.pull_pair("pull")
        near.write("first", "first\n", "push")
        far.disks.write("first", "first\n", "pull")
        near.start(
            near.configure(pairs, {name: far.keys() for name in pairs}, stall_timeout="10s"),
            *network.near.under,
        )
        for name in pairs:
            near.wait_until_following(name)
        cable.delay_s, cable.loss = DELAY_S, LOSS

        for fs in (near.fs(1), far.disks.fs(1)):
            admin.write(fs, 1, FILE_BYTES, count=FILES)
        tids = {"push": near.write("last", "last\n", "push")}
        tids["pull"] = far.disks.write("last", "last\n", "pull")

        for name, tid in tids.items():
            now = near.wait_for(
                lambda now: now["phase"] == "idle" and int(now["slave_tid"], 16) >= tid,  # noqa: B023
                "all of it is on the slave",
                name,
            )
            assert (now["restarts"], now["failures"]) == (0, 0)
        assert cable.lost > 0
        assert "pair.waiting" not in near.log()
