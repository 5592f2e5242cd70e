"""hammerd provision beside a running hammerd: the pair rests meanwhile, and streams afterwards.

The tests share a daemon; each has a pair of its own.
"""

from collections.abc import Iterator

import pytest

from hammerd.core.plans.record import PlanName, PlanRecord
from hammerd.daemon.state import plan_records
from hammerd.simulator import admin
from tests.cli.provision.provisioning import killed, provision, steps_left
from tests.plans_world import PAIR, PlansWorld, plans_world


@pytest.fixture(scope="module")
def world() -> Iterator[PlansWorld]:
    """A machine on which nothing is set up, with a hammerd that waits for the pair."""
    with plans_world() as world:
        world.start(world.config)
        yield world


def test_pair_rests_while_its_ends_are_made_and_streams_then(world: PlansWorld) -> None:
    world.wait_for(lambda now: now["waiting_for"] == "mount", "the ends are missing", PAIR)
    killed(world, "copy", "after")
    world.wait_for(lambda now: now["hold"]["is_interrupted"], "the plan is interrupted", PAIR)
    assert world.status(PAIR)["hold"]["step"] == "copy"

    provision(world)

    follows(world, PAIR)
    assert steps_left(world) == []


def test_new_pair_is_read_and_streamed_at_once(world: PlansWorld) -> None:
    ends = ("--master", str(world.fs(1) / "more"), "--slave", str(world.fs(2) / "more"))
    done = world.run("provision", "more", "--config", *ends)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "hammerd reload" in done.stdout
    follows(world, "more")
    tells_first_of_a_hold_that_hammerd_did_not_hear_of(world)


def tells_first_of_a_hold_that_hammerd_did_not_hear_of(world: PlansWorld) -> None:
    record = PlanRecord("more", PlanName.PROVISION, 1.0, step="hold", notes={"copy": "yes"})
    plan_records.write_record(str(world.root / "db"), record)
    held_before = held_count(world)

    done = world.run("provision", "more")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "mirror-copy" in done.stdout
    assert held_count(world) == held_before + 1
    follows(world, "more")


def follows(world: PlansWorld, pair: str) -> None:
    world.wait_for(lambda now: now["state"] == "streaming", "it streams", pair)
    (world.fs(1) / pair / "file").write_text("text")
    admin.synctid(world.fs(1))
    copied = world.fs(2) / pair / "file"
    world.wait_for(lambda _: copied.exists(), "it follows", pair)


def held_count(world: PlansWorld) -> int:
    lines = world.log().splitlines()
    return sum("pair.held" in line and "pair=more" in line for line in lines)
