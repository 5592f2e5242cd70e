"""The daemon verifies a pair by itself, and keeps what any verification found."""

from hammerd.core.api.protocol import Verb
from hammerd.simulator import admin
from tests import hammerd_program
from tests.daemon.world import Status, World
from tests.hammerd_program import HAMMERD
from tests.waiting import until


def verify(world: World) -> int:
    argv = [*HAMMERD, "verify", "test", "-c", str(world.root / "hammerd.toml")]
    return hammerd_program.run(argv, check=False, capture_output=True).returncode


def verified(world: World, status: Status | None = None) -> Status:
    found: Status = (status or world.status())["verified"]
    return found


def test_results_are_known_to_the_daemon_and_after_its_end(world_once: World) -> None:
    world = world_once
    for number in (1, 2):
        admin.set_knob(world.fs(number), "as_of", 8)
    daemon = world.mirror(verify_every="1h")

    by_itself = world.wait_for(lambda now: now["verified"] is not None, "verified by itself")
    assert verified(world, by_itself)["is_equal"]
    assert by_itself["health"] != "critical"
    assert "exit 0" in world.wait_for_log("verify.ended")

    # A slave that does not move: nothing is mirrored over the damage.
    world.ask(Verb.PAUSE, "test")
    world.wait_for(lambda now: now["state"] == "stopped", "the stream has ended")
    admin.damage_slave(world.fs(2) / "pfs/test", "first", "byte")
    assert verify(world) == 1
    found = world.status()
    assert (found["health"], verified(world, found)["differences"]) == ("critical", 1)
    assert "first: content differs" in world.wait_for_log("1 content")

    assert world.stop(daemon) == 0
    assert verify(world) == 1
    daemon = world.start(world.root / "hammerd.toml")
    again = world.status()
    assert again["health"] == "critical"
    assert verified(world, again)["time"] > verified(world, found)["time"]
    until(lambda: world.log().count("1 content") == 2, "the second result is logged")

    world.ask(Verb.ACK, "test")
    assert verified(world)["is_acknowledged"]
    assert world.status()["health"] != "critical"
    assert world.stop(daemon) == 0
    world.start(world.root / "hammerd.toml")
    assert verified(world)["is_acknowledged"]
    assert world.log().count("1 content") == 2
