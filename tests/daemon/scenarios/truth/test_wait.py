"""`hammerd wait` comes back when the slave holds all, whatever the steps of the flushes."""

import json
import random
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.core.exit_codes import Exit
from hammerd.simulator import admin
from tests import hammerd_program
from tests.daemon.world import World
from tests.hammerd_program import HAMMERD
from tests.waiting import DEADLINE_S

ROUNDS = 5


def wait(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    config = str(world.root / "hammerd.toml")
    return hammerd_program.run(
        [*HAMMERD, "wait", "-c", config, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * DEADLINE_S,
    )


def only(done: subprocess.CompletedProcess[str]) -> Mapping[str, Any]:
    (pair,) = json.loads(done.stdout)["pairs"]
    return pair  # type: ignore[no-any-return]


def tree(world: World, number: int) -> dict[str, bytes]:
    root = world.fs(number) / "pfs/test"
    return {path.name: path.read_bytes() for path in root.iterdir() if path.is_file()}


def write_some(world: World, chance: random.Random) -> None:
    """Write files and flush nothing."""
    for _ in range(chance.randint(1, 3)):
        name, size = f"file{chance.randint(0, 9)}", chance.randint(1, 20_000)
        (world.fs(1) / "pfs/test" / name).write_bytes(chance.randbytes(size))


@pytest.mark.parametrize("steps", ["random 7", "late"])
def test_slave_holds_all_that_was_written_before_the_wait(world_once: World, steps: str) -> None:
    world, chance = world_once, random.Random(steps)
    world.mirror()
    for number in (1, 2):
        admin.set_knob(world.fs(number), "flush_steps", steps)
    for number in range(ROUNDS):
        admin.set_knob(world.fs(1), "synctid_ahead", "0x20" if number == ROUNDS - 1 else "0")
        write_some(world, chance)
        before = tree(world, 1)
        done = wait(world, "test", "--timeout", "2m")
        assert done.returncode == Exit.OK, done.stdout + done.stderr
        assert tree(world, 2) == before

    again = only(wait(world, "test", "--json", "--durable"))
    assert (again["outcome"], again["is_durable"]) == ("held", True)
    world.daemons[-1].kill()
    world.daemons[-1].wait()
    write_some(world, chance)
    before = tree(world, 1)
    assert wait(world, "test").returncode == Exit.OK, "orphans mirror on"
    assert tree(world, 2) == before


def test_pair_that_cannot_catch_up_is_given_up_at_once(world_once: World) -> None:
    world = world_once
    world.mirror()
    world.ask(Verb.PAUSE, "test")
    world.wait_for(lambda now: now["state"] == "stopped", "stopped")
    (world.fs(1) / "pfs/test/more").write_text("more\n")
    given_up = wait(world, "test", "--timeout", "1h", "--json")
    assert given_up.returncode == Exit.UNAVAILABLE
    assert only(given_up)["because"] == "the pair is paused"
    assert only(given_up)["slave_tid"] < only(given_up)["needed_tid"]

    world.stop(world.daemons[-1])
    dead = wait(world, "test", "--timeout", "1h")
    assert dead.returncode == Exit.UNAVAILABLE
    assert "no hammerd answers, and no stream writes to the slave" in " ".join(dead.stderr.split())
