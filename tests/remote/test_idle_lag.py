"""The lag of an idle pull pair is told by its silence, and a cut link is silent, too."""

import time
from datetime import datetime

import pytest

from hammerd.core.api.protocol import Verb
from tests.remote.link_deaths import IMPATIENT
from tests.remote.netns import a_network
from tests.remote.remote_world import RemoteWorld, a_remote_world
from tests.waiting import until

NAMES = ("probed", "unprobed")


def held_times(remote: RemoteWorld) -> tuple[dict[str, float], set[str]]:
    """Return the last moment of the master that each slave holds, and the pairs that stream.

    A moment is told by the lag, and by what is safe.
    """
    reply = remote.near.ask(Verb.STATUS)
    measured = datetime.fromisoformat(reply["measured_time"]).timestamp()
    held = {}
    for now in reply["pairs"]:
        safe = now["safe_until_time"]
        moments = [measured - now["lag_s"]] if now["lag_s"] is not None else []
        moments += [datetime.fromisoformat(safe).timestamp()] if safe else []
        held[now["pair"]] = max(moments, default=0.0)
    return held, {now["pair"] for now in reply["pairs"] if now["state"] == "streaming"}


@pytest.mark.timeout(240)
def test_lag_is_never_told_too_short_while_a_link_is_silently_dead() -> None:
    with a_network() as network, a_remote_world() as remote:
        far = remote.add_host("far", network.far[0].address, network.far[0].under)
        near, pairs = remote.near, {name: remote.pull_pair(name) for name in NAMES}
        keys = {name: {**far.keys(), "ssh_options": IMPATIENT} for name in NAMES}
        keys["unprobed"]["probe_remote"] = False
        for name in NAMES:
            far.disks.write("first", "first\n", name)
        near.start(near.configure(pairs, keys), *network.near.under)
        for name in NAMES:
            near.wait_for(
                lambda now: (
                    (now["lag_verdict"], now["phase"], now["gear"])
                    == ("in_sync", "idle", "following")
                ),
                "idle",
                name,
            )

        network.cables[0].cut()
        for name in NAMES:
            far.disks.write("second", "second\n", name)
        written = time.time()
        looks: list[dict[str, float]] = []

        def has_ended() -> bool:
            held, streaming = held_times(remote)
            looks.append(held)
            return not streaming

        until(has_ended, "the death of the link is noticed")
        assert max(held for look in looks for held in look.values()) <= written
        assert all(look[name] > 0 for look in looks for name in NAMES), "the lag was known"
