"""The options of a pair arrive at a reader on another host, also through a restricted key."""

from tests.remote.remote_world import RemoteWorld
from tests.waiting import until


def far_readers(remote: RemoteWorld) -> list[list[str]]:
    """Return the command lines of the far hammers that read."""
    lines = [process.cmdline() for process in remote.far.sshd.processes()]
    return [line for line in lines if "mirror-read-stream" in line]


def test_pull_pair_follows_with_its_own_delay_and_bandwidth(remote: RemoteWorld) -> None:
    pair, far = remote.pull_pair(), remote.far
    forced = f"hammer ssh-remote mirror-read-stream,pfs-status {pair[0].partition(':')[2]}"
    key = far.sshd.allow("restricted", forced, "restrict")
    far.disks.write("first", "first\n")
    keys = {**far.keys(key), "following_delay": "2s", "bandwidth": "10m"}
    remote.near.start(remote.near.configure({"test": pair}, {"test": keys}))

    following = remote.near.wait_for(
        lambda now: now["gear"] == "following" and now["phase"] == "idle", "it follows"
    )
    words = " ".join(next(iter(far_readers(remote)), []))
    assert "-i 2 -b 10485760 -B -vv -2 " in words, following

    far.disks.write("second", "second\n")
    until((pair[1] / "second").exists, "the write is on the slave")
