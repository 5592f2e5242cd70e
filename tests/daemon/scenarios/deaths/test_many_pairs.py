"""Three hundred pairs at once are started, disturbed and stopped; nothing is left."""

import os
import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.daemon.process.process_table import argv_of, process_ids
from tests.daemon.world import Status, World, living_pids
from tests.waiting import until

PAIRS, VICTIMS = 300, 60
DEADLINE_S = 150.0

MAKE_PFSS = """
import sys
from pathlib import Path
from hammerd.simulator import admin
from hammerd.simulator.utility.commands.pfs import create
root, count = Path(sys.argv[1]), int(sys.argv[2])
for number in range(1, count + 1):
    master, slave = (root / f"Backup{fs}/pfs/p{number}" for fs in (1, 2))
    create([str(master)], is_slave=False)
    create([str(slave), f"shared-uuid={admin.shared_uuid(master)}"], is_slave=True)
    admin.write(root / "Backup1", number, 1000)
"""
"""Made without hammer: 600 processes would take longer than the test itself."""


def make_pairs(world: World, count: int) -> dict[str, tuple[Path, Path]]:
    argv = [sys.executable, "-c", MAKE_PFSS, str(world.root), str(count)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    links = (world.fs(1) / "pfs", world.fs(2) / "pfs")
    return {f"p{n}": (links[0] / f"p{n}", links[1] / f"p{n}") for n in range(1, count + 1)}


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
