"""A pair that a plan holds is left alone, by all its names, over the death of hammerd too."""

import time
from pathlib import Path

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.core.errors import HammerdError
from hammerd.core.plans.record import PlanName, PlanRecord, Stage
from hammerd.daemon.state import plan_records
from hammerd.simulator import admin
from tests.daemon.scenarios.endpoints.test_latches import wait_for_samples
from tests.daemon.world import World, living_pids
from tests.waiting import until


class CalledHammer:
    """A hammer that notes its calls; `since()` returns those in its world since the last mark.

    A daemon also identifies the slaves of foreign streams, which may be those of other tests.
    """

    def __init__(self, world: World) -> None:
        self._root = str(world.root)
        self._calls = world.root / "calls"
        self._calls.touch()
        self._seen = 0
        self.real = world.hammer
        program = world.root / "noting-hammer"
        program.write_text(f'#!/bin/sh\necho "$@" >>{self._calls}\nexec {world.hammer} "$@"\n')
        program.chmod(0o755)
        world.hammer = program

    def mark(self) -> None:
        self._seen = len(self._calls.read_text().splitlines())

    def since(self) -> list[str]:
        calls = self._calls.read_text().splitlines()[self._seen :]
        return [call for call in calls if self._root in call]


def record_of(plan: PlanName, stage: Stage = Stage.RUNNING) -> PlanRecord:
    return PlanRecord("test", plan, time.time(), stage, step="hold")


def test_held_pair_is_left_alone_over_a_kill_of_hammerd(world_once: World) -> None:
    world, hammer = world_once, CalledHammer(world_once)
    master, slave = world.make_pair()
    alias, state_dir = world.root / "alias", str(world.root / "db")
    alias.symlink_to(slave)
    world.write("first", "first\n")
    nulled = world.fs(2) / "nulled"
    nulled.mkdir()
    pairs = {"test": (master, slave), "twin": (master, alias), "nulled": (master, nulled)}
    start_twin_last(world, pairs)
    admin.mount_null(slave, nulled)
    world.wait_for(lambda now: now["state"] == "waiting", "the slave has another name", "nulled")
    world.wait_for(lambda now: now["slave_tid"], "its uuid was read", "nulled")

    with plan_records.locked(state_dir, "test"):
        plan_records.write_record(state_dir, record_of(PlanName.SWITCHOVER))
        assert world.ask(Verb.HOLD, "test")["state"] == "stopped"
        assert living_pids(f"{hammer.real} -v") == set()
        hammer.mark()
        wait_for_samples(world)
        world.daemons[-1].kill()
        world.daemons[-1].wait()
        world.start(world.root / "hammerd.toml")
        wait_for_samples(world)
        check_held(world, f"slave {alias} is left alone: held by switchover of test")

    check_interrupted(world)
    assert hammer.since() == []
    plan_records.remove_record(state_dir, "test")
    world.ask(Verb.RELEASE, "test")
    until(lambda: any(world.status(name)["state"] == "streaming" for name in pairs), "a stream")
    for text in ("pair.held pair=test", "plan=switchover stage=running", "pair.released"):
        world.wait_for_log(text)


def start_twin_last(world: World, pairs: dict[str, tuple[Path, Path]]) -> None:
    """Start a daemon; a twin that was there would take the slave at a change of the gear."""
    first = {name: ends for name, ends in pairs.items() if name != "twin"}
    world.start(world.configure(first, flush_every="1s"))
    world.wait_until_following()
    world.configure(pairs, flush_every="1s")
    world.ask(Verb.RELOAD)


def check_held(world: World, because: str) -> None:
    held = world.status()
    assert (held["state"], held["wanted"], held["health"]) == ("stopped", "up", "ok")
    assert (held["hold"]["plan"], held["hold"]["is_interrupted"]) == ("switchover", False)
    left_alone = ("waiting", because)
    world.wait_for(
        lambda now: (now["state"], now["lag_unknown_because"]) == left_alone, "left alone", "twin"
    )
    assert world.status("twin")["anomalies"] == []


def check_interrupted(world: World) -> None:
    """Check a plan whose command is gone: a warning, and no resume."""
    stuck = world.wait_for(lambda now: now["hold"]["is_interrupted"], "interrupted")
    assert (stuck["health"], stuck["because"]) == ("warning", "plan_interrupted")
    with pytest.raises(HammerdError) as refused:
        world.ask(Verb.RESUME, "test")
    assert '"hammerd switchover test"' in refused.value.hint


def test_promotion_while_hammerd_was_dead_holds_until_a_resume(world_once: World) -> None:
    world = world_once
    world.mirror()
    slave, state_dir = world.fs(2) / "pfs/test", str(world.root / "db")
    world.stop(world.daemons[-1])
    plan_records.write_record(state_dir, record_of(PlanName.PROMOTE, Stage.PROMOTED))
    world.run_hammer("pfs-upgrade", slave)
    held_tid = admin.sync_end_tid(slave)

    world.start(world.root / "hammerd.toml")
    wait_for_samples(world, 0)
    held = world.status()
    assert (held["state"], held["because"], held["health"]) == ("stopped", "promoted", "warning")
    assert admin.sync_end_tid(slave) == held_tid

    world.ask(Verb.RESUME, "test")
    world.wait_for(lambda now: now["because"] == "not_a_slave", "parked")
    assert not plan_records.record_path(state_dir, "test").exists()
    assert world.status()["anomalies"] == []
