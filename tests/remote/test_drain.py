"""A far slave whose writer held no lock rests before the next launch, also after a kill."""

from datetime import datetime

import pytest

from tests.daemon.world import Status, World
from tests.remote.remote_world import RemoteWorld
from tests.waiting import until

DRAIN_S = 1.5


def drains(now: Status) -> bool:
    return (now["state"], now["waiting_for"], now["because"]) == ("waiting", "drain", "drain")


def last_time(near: World, event: str) -> datetime:
    """Return the time of the last line of an event in the log."""
    lines = [line.split() for line in near.log().splitlines()]
    return datetime.fromisoformat([words[0] for words in lines if event in words[:3]][-1])


@pytest.mark.timeout(120)
def test_far_slave_without_a_lock_drains_after_a_change_of_gear_and_after_a_kill(
    remote: RemoteWorld,
) -> None:
    near, pair = remote.near, remote.push_pair()
    near.write("file", "text\n")
    keys = {**remote.far.keys(), "remote_guard": False}
    config = near.configure({"test": pair}, {"test": keys}, remote_drain=f"{DRAIN_S}s")
    daemon = near.start(config)

    at_gear_change = near.wait_for(drains, "it drains after its first bulk")
    near.wait_until_following()
    daemon.kill()
    daemon.wait()
    near.start(config)
    after_kill = near.wait_for(drains, "it drains after a kill")
    near.wait_until_following()
    started_time = last_time(near, "daemon.started")
    until(lambda: last_time(near, "pair.streaming") > started_time, "the log tells of the stream")

    assert at_gear_change["health"] in ("ok", "unknown")
    assert f"remote_drain is {DRAIN_S} s" in after_kill["hint"]
    rested = last_time(near, "pair.streaming") - started_time
    assert rested.total_seconds() >= DRAIN_S
    assert (remote.far.disks.fs(2) / "pfs/test/file").read_text() == "text\n"
