"""Three hundred pairs at once are started, disturbed and stopped; nothing is left."""

import os
import random
import signal
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.daemon.process.process_table import argv_of, process_ids
from hammerd.simulator import admin
from tests.daemon.world import Status, World, living_pids
from tests.waiting import until

PAIRS, VICTIMS = 300, 60
DEADLINE_S = 150.0


def make_pairs(world: World, count: int) -> dict[str, tuple[Path, Path]]:
    pairs: dict[str, tuple[Path, Path]] = {}
    for number in range(1, count + 1):
        master, slave = (world.fs(fs) / f"pfs/p{number}" for fs in (1, 2))
        pairs[f"p{number}"] = admin.new_master(master), admin.new_slave(slave, master)
        admin.write(world.fs(1), number, 1000)
    return pairs


def groups_by_slave(world: World) -> Mapping[str, set[int]]:
    """Return the groups that write to each slave, from the process table."""
    groups: dict[str, set[int]] = defaultdict(set)
    for pid in process_ids():
        words = argv_of(pid)
        with suppress(ProcessLookupError):
            if str(world.hammer) in words and "mirror-stream" in words:
                groups[words[-1]].add(os.getpgid(pid))
    return groups


def wait_until_all_stream(world: World, but: Mapping[str, int]) -> list[Status]:
    """Wait until all pairs have a stream that is not in `but`; return their statuses."""
    pairs: list[Status] = []

    def do() -> bool:
        assert max(map(len, groups_by_slave(world).values()), default=0) <= 1
        pairs[:] = world.ask(Verb.STATUS)["pairs"]
        return all(
            pair["state"] == "streaming"
            and len(pair["half_pids"]) == 2
            and but.get(pair["pair"]) != pair["pid"]
            for pair in pairs
        )

    until(do, "all pairs stream", DEADLINE_S)
    return pairs


@pytest.mark.timeout(400)
def test_three_hundred_pairs_are_started_disturbed_and_stopped(world_once: World) -> None:
    world = world_once
    pairs = make_pairs(world, PAIRS)
    config = world.configure(
        pairs,
        gear="bulk",
        sample_interval="5s",
        stop_timeout="100s",
        probe_timeout="100s",
        launch_timeout="100s",
    )
    daemon = world.start(config)
    first = wait_until_all_stream(world, but={})

    victims = random.Random(4711).sample(first, VICTIMS)
    for index, victim in enumerate(victims):
        os.kill((victim["pid"], *victim["half_pids"])[index % 3], signal.SIGKILL)
    second = wait_until_all_stream(
        world, but={victim["pair"]: victim["pid"] for victim in victims}
    )

    groups = groups_by_slave(world)
    assert groups == {str(pairs[pair["pair"]][1]): {pair["pid"]} for pair in second}
    assert sum(pair["restarts"] for pair in second) == VICTIMS
    assert sum(pair["failures"] for pair in second) == 0
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(DEADLINE_S) == 0
    assert not living_pids(str(world.hammer))
    assert not [*(world.run_dir / "streams").iterdir()]
