"""Changes of roles beside a running hammerd: the pair rests meanwhile, and streams afterwards."""

from collections.abc import Iterator

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.core.errors import HammerdError
from hammerd.core.exit_codes import Exit
from hammerd.simulator import admin
from tests.cli.plans.roles.test_killed_plans import ALL_KILLS, kill_each, killed
from tests.cli.plans.roles.test_sessions import is_master, link, tree, write
from tests.daemon.world import Status, living_pids
from tests.plans_world import PAIR, PlansWorld, plans_world
from tests.waiting import until

pytestmark = pytest.mark.timeout(240)

PROMOTE = ("promote", PAIR, "--yes")
SPARED = 0 if ALL_KILLS else 3
"""Without a hammerd every step is killed (test_killed_plans.py); beside one, one of four."""


@pytest.fixture
def world() -> Iterator[PlansWorld]:
    with plans_world() as made:
        admin.install(made.sbin, time_scale=50)
        made.set_up()
        write(made, 1, "first", "first\n")
        made.start(made.config)
        yield made


def run(world: PlansWorld, *words: str) -> str:
    done = world.run(*words)
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    return done.stdout


def arrives(world: PlansWorld, name: str, source: int, target: int) -> None:
    """Write a file to a master, and wait until a stream has brought it to the slave."""
    write(world, source, name, f"{name}\n")
    admin.synctid(world.fs(source))
    copied = link(world, target) / name
    until(copied.exists, f"{name} arrives")


def streams(world: PlansWorld) -> set[int]:
    return living_pids(f"{world.root}/Backup") & living_pids("mirror-stream")


def is_held(now: Status) -> bool:
    return bool(now["hold"]) and now["state"] == "stopped"


def assert_rests(world: PlansWorld) -> None:
    assert streams(world) == set()


def restart(world: PlansWorld) -> None:
    world.stop(world.daemons[-1])
    world.start(world.config)


def test_promotion_lasts_until_a_reseed_streams_the_other_way(world: PlansWorld) -> None:
    promote_over_restarts(world)
    words = ("reseed", PAIR, "--config", "--lose", str(world.place))
    kill_each(world, 10, words, spared=SPARED, on_kill=lambda: assert_rests(world))
    arrives(world, "fourth", 2, 1)
    assert tree(world, 1) == tree(world, 2)


def promote_over_restarts(world: PlansWorld) -> None:
    """Promote the slave, killed once, and restart hammerd in between and afterwards."""
    arrives(world, "second", 1, 2)
    shown = run(world, "promote", PAIR, "--plan")
    assert "hammerd's status of" in shown
    assert "hammerd ends it" in shown
    assert streams(world)

    killed(world, "upgrade", "after", PROMOTE)

    now = world.wait_for(lambda now: now["hold"]["is_interrupted"], "it is interrupted", PAIR)
    assert is_held(now)
    with pytest.raises(HammerdError, match="interrupted"):
        world.ask(Verb.RESUME, PAIR)
    restart(world)
    assert is_held(world.wait_for(is_held, "it is held by the next hammerd", PAIR))

    assert "keep-held" in run(world, *PROMOTE)
    restart(world)
    world.ask(Verb.RELOAD)
    assert world.wait_for(is_held, "it is held", PAIR)["hold"]["stage"] == "promoted"
    assert streams(world) == set()
    write(world, 2, "third", "third\n")
    assert tree(world, 2) == {"first": "first\n", "second": "second\n", "third": "third\n"}


def test_switchover_streams_back_if_that_is_wanted(world: PlansWorld) -> None:
    arrives(world, "second", 1, 2)
    world.ask(Verb.PAUSE, PAIR)
    # The first copy must have something to do.
    write(world, 1, "late", "late\n")
    words = ("switchover", PAIR, "--yes", "--config")
    kill_each(world, 15, words, spared=SPARED, on_kill=lambda: assert_rests(world))
    assert (is_master(world, 1), is_master(world, 2)) == (False, True)
    assert world.status(PAIR)["wanted"] == "paused"

    world.ask(Verb.RESUME, PAIR)
    arrives(world, "third", 2, 1)
    until(lambda: tree(world, 1) == tree(world, 2), "both are equal")
    assert set(tree(world, 1)) == {"first", "second", "third", "late", "before", "after"}

    refused = world.run(*words)
    assert refused.returncode == Exit.UNAVAILABLE
    assert "would never be mirrored back" in " ".join(refused.stderr.split())
    arrives(world, "fourth", 2, 1)


def test_stream_of_a_killed_hammerd_is_ended_by_the_plan(world: PlansWorld) -> None:
    world.wait_until_following(PAIR)
    saved = world.root / "db/status.json"
    until(lambda: saved.exists() and '"safe_until_time": "' in saved.read_text(), "it is saved")
    daemon = world.daemons[-1]
    daemon.kill()
    daemon.wait()
    assert streams(world)

    shown = run(world, *PROMOTE)
    assert "== end-stream-" in shown
    assert "the last status of hammerd of" in " ".join(shown.split())
    assert streams(world) == set()
    assert is_master(world, 2)
    world.start(world.config)
    assert is_held(world.wait_for(is_held, "it is held", PAIR))
