"""Each step of promote, switchover and reseed is killed after its action, and made up for.

With HAMMERD_KILLS=all each is killed before its action as well. The names of the steps are those
of the plan, so that none is left out. Both ends are looked at by pfs-status after each kill, as a
person would.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hammerd.core.exit_codes import Exit
from tests.cli.plans.roles.test_sessions import ends, is_master, link, mirrored, tree, write
from tests.plans_world import PAIR, PlansWorld

LAST = {"after": "after\n", "before": "before\n"}
"""The files that are written during a switchover."""

ALL_KILLS = os.environ.get("HAMMERD_KILLS") == "all"
MOMENTS = ("before", "after") if ALL_KILLS else ("after",)


@pytest.fixture
def world() -> Iterator[PlansWorld]:
    with mirrored() as made:
        yield made


def plan(world: PlansWorld, *words: str) -> list[str]:
    done = world.run(*words, "--plan", "--json")
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    return [step["name"] for step in json.loads(done.stdout)["steps"]]


def killed(world: PlansWorld, step: str, when: str, words: tuple[str, ...]) -> None:
    """Run a command; fail if it does not reach the step, which kills it."""
    done = world.run(*words, kill=(step, when))
    assert done.returncode == -signal.SIGKILL, f"{step} {when}:\n{done.stdout}{done.stderr}"


def look_at(world: PlansWorld) -> None:
    for number in (1, 2):
        if link(world, number).is_symlink():
            world.run_hammer("pfs-status", link(world, number))


def kill_each(
    world: PlansWorld,
    count: int,
    words: tuple[str, ...],
    *,
    spared: int = 0,
    on_kill: Callable[[], None] = lambda: None,
) -> None:
    """Kill each step of a plan, or all but `spared` between two; each run goes on from the last.

    In a switchover a file is written to the old master after the first copy, so that it is done
    again, and another one right before the downgrade, so that only the last copy brings it.
    """
    steps = plan(world, *words)
    assert len(steps) == count, steps
    chosen = [
        step
        for number, step in enumerate(steps, 1)
        if number % (spared + 1) == 0 or number == count or step in ("copy", "downgrade")
    ]
    ended = 0
    for step in chosen:
        if (words[0], step) == ("switchover", "downgrade"):
            write(world, 1, "before", "before\n")
        for when in MOMENTS:
            killed(world, step, when, words)
            look_at(world)
            if is_held(world):
                on_kill()
            ended += 1
            if (words[0], step, when) == ("switchover", "copy", "after"):
                write(world, 1, "after", "after\n")
    sys.stdout.write(f"{words[0]}: {ended} of {len(MOMENTS) * len(chosen)} kills made up for\n")


def is_held(world: PlansWorld) -> bool:
    return (world.root / f"db/plans/{PAIR}.json").exists()


def test_promote(world: PlansWorld) -> None:
    kill_each(world, 5, ("promote", PAIR, "--yes"))

    assert plan(world, "promote", PAIR) == []
    assert is_master(world, 2)
    assert is_held(world)
    assert tree(world, 2) == {"first": "first\n"}


@pytest.mark.timeout(180)
def test_switchover(world: PlansWorld) -> None:
    kill_each(world, 15, ("switchover", PAIR, "--yes", "--config"))

    assert (is_master(world, 1), is_master(world, 2)) == (False, True)
    assert tree(world, 2) == {"first": "first\n", "late": "late\n", **LAST}
    assert ends(world) == ['master = "/Backup2/data"', 'slave = "/Backup1/pfs/data"']
    assert not is_held(world)


@pytest.mark.timeout(180)
def test_reseed(world: PlansWorld) -> None:
    assert world.run("promote", PAIR, "--yes").returncode == Exit.OK
    write(world, 2, "after", "after\n")
    kill_each(world, 10, ("reseed", PAIR, "--config", "--lose", str(world.place)))

    assert tree(world, 1) == tree(world, 2) == {"first": "first\n", "after": "after\n"}
    assert (is_master(world, 1), is_master(world, 2)) == (False, True)
    assert ends(world) == ['master = "/Backup2/data"', 'slave = "/Backup1/pfs/data"']
    assert not is_held(world)


def test_copy_whose_caller_was_killed_harms_nothing(world: PlansWorld) -> None:
    words = ("switchover", PAIR, "--yes")
    world.run_killed("mirror-copy", "during", *words)

    done = world.run(*words)
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert Path(link(world, 2) / "late").read_text() == "late\n"
