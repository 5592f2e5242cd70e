"""Records of plans hold their pairs: by verbs, at the start, at intervals, until they are gone."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest
import structlog

from hammerd.core.api.protocol import Answer, Refusal
from hammerd.core.exit_codes import Exit
from hammerd.core.holds import Hold, HoldStage
from hammerd.core.pair.events import DivergedSeen
from hammerd.core.pair.machine import new_life
from hammerd.core.pair.slave_claims import Claim, SlaveClaims, slave_keys
from hammerd.core.pair.states import Memory, Probing, Stopped, Stopping, ThenProbe
from hammerd.core.pairs import Endpoint, Pair, Rotation
from hammerd.core.plans.record import PlanName, PlanRecord, Stage
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.state import plan_records
from hammerd.daemon.supervisor import holds as holds_module
from hammerd.daemon.supervisor.held_ends import HeldEnds
from hammerd.daemon.supervisor.holds import Holds, Surroundings
from hammerd.daemon.timing.clock import Clock
from tests.daemon.quiet_engine import Prober, quiet_engine

HOME = Pair("home", Endpoint("/m"), Endpoint("/s"))
NEXT = Pair("next", Endpoint("/s"), Endpoint("/t"))
"""The second pair of a cascade."""

TWIN = Pair("twin", Endpoint("/other"), Endpoint("/null/s"))
"""A pair that names the slave of the first one differently."""

SWITCHOVER = PlanRecord("home", PlanName.SWITCHOVER, 1000.0, step="downgrade")


@dataclass
class Setup:
    """The holds of three pairs that are up."""

    state_dir: str
    is_reading: bool = False

    def __post_init__(self) -> None:
        log, loop = cast(Logger, structlog.get_logger()), asyncio.get_running_loop()
        self.prober, self.slaves = Prober(), SlaveClaims()
        self.engine = quiet_engine(Journal(log, log), ReadingStore(), self.prober, self.slaves)
        for pair in (HOME, NEXT, TWIN):
            self.engine.add(new_life(pair, Memory(), 0.0))
        self.explained: list[tuple[set[str], str]] = []
        self.ends = HeldEnds(self.engine.lives, keys_of, self.slaves)
        around = Surroundings(
            self.slaves,
            lambda _ends: self.is_reading,
            lambda _pair: None,
            lambda ends, plan: self.explained.append(({one.path for one in ends}, plan)),
        )
        self.holds = Holds(self.state_dir, self.engine, self.ends, around, Clock(loop.time))

    def write(self, record: PlanRecord) -> None:
        plan_records.write_record(self.state_dir, record)

    def hold(self) -> Hold | None:
        return self.engine.life("home").memory.hold

    def left_alone(self) -> dict[str, str | None]:
        paths = ("/m", "/s", "/null/s", "/t")
        return {path: self.ends.holder_of(Endpoint(path)) for path in paths}


def keys_of(end: Endpoint) -> frozenset[str]:
    return slave_keys((end,), "uuid-of-s" if end.path.endswith("/s") else None)


def play(root: Path, story: Callable[[Setup], Awaitable[None]]) -> None:
    async def main() -> None:
        await story(Setup(str(root)))

    asyncio.run(main())


def test_held_pair_is_at_rest_when_its_hold_is_answered(tmp_path: Path) -> None:
    async def story(setup: Setup) -> None:
        setup.write(SWITCHOVER)
        with plan_records.locked(setup.state_dir, "home"):
            reply = await setup.holds.hold("home")

        assert isinstance(reply, Answer)
        assert reply.data["state"] == "stopped"
        assert isinstance(setup.engine.life("home").state, Stopped)
        hold = setup.hold()
        assert hold is not None
        assert (hold.plan, hold.step, hold.is_interrupted) == ("switchover", "downgrade", False)

    play(tmp_path, story)


def test_ends_of_a_plan_are_left_alone_if_no_pair_has_its_name(tmp_path: Path) -> None:
    async def story(setup: Setup) -> None:
        notes = {"old_master": "/t", "master_link": "/pfs/t", "slave_link": "/null/s"}
        setup.write(replace(SWITCHOVER, pair="renamed", notes=notes))
        setup.holds.load()
        setup.holds.settle()

        of_plan = "switchover of renamed"
        assert setup.hold() is None
        assert setup.left_alone() == {
            "/m": None,
            "/s": of_plan,
            "/null/s": of_plan,
            "/t": of_plan,
        }
        holder = setup.slaves.holder(keys_of(HOME.slave))
        assert holder is not None
        assert holder.owner == of_plan

        plan_records.remove_record(setup.state_dir, "renamed")
        await setup.holds.check()
        assert set(setup.left_alone().values()) == {None}
        assert setup.slaves.holder(keys_of(HOME.slave)) is None

    play(tmp_path, story)


def test_hold_without_a_record_is_refused_and_holds_nothing(tmp_path: Path) -> None:
    async def story(setup: Setup) -> None:
        reply = await setup.holds.hold("home")

        assert isinstance(reply, Refusal)
        assert reply.code == Exit.UNAVAILABLE
        assert setup.hold() is None

    play(tmp_path, story)


def test_hold_waits_for_another_writer_and_for_a_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(setup: Setup) -> None:
        setup.write(SWITCHOVER)
        setup.is_reading = True
        setup.slaves.hold(Claim("twin", keys_of(TWIN.slave)))
        held = asyncio.create_task(setup.holds.hold("home"))
        await asyncio.sleep(0.2)
        assert not held.done()
        setup.slaves.release("twin")
        await asyncio.sleep(0.2)
        assert not held.done()
        setup.is_reading = False
        assert isinstance(await held, Answer)

        monkeypatch.setattr(holds_module, "MARGIN_S", -1000.0)
        setup.is_reading = True
        refused = await setup.holds.hold("home")
        assert isinstance(refused, Refusal)
        assert "a command reads or flushes an end" in refused.error
        assert setup.hold() is not None, "the plan did not begin, and may be run again"

    play(tmp_path, story)


def test_hold_of_a_group_that_survives_kill_is_refused_and_stays(tmp_path: Path) -> None:
    async def story(setup: Setup) -> None:
        setup.write(SWITCHOVER)
        stuck = Stopping(0.0, 1e9, ThenProbe(), kills=2, is_unkillable=True)
        setup.engine.add(replace(setup.engine.life("home"), state=stuck))

        refused = await setup.holds.hold("home")

        assert isinstance(refused, Refusal)
        assert refused.code == Exit.UNAVAILABLE
        assert "its stream has not ended (pids" in refused.error
        assert setup.hold() is not None

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("record", "left_alone"),
    [
        (SWITCHOVER, {"/m", "/s", "/null/s"}),
        (replace(SWITCHOVER, plan=PlanName.RESEED), {"/s", "/null/s"}),
        (replace(SWITCHOVER, plan=PlanName.PROMOTE, stage=Stage.PROMOTED), {"/null/s"}),
    ],
)
def test_ends_of_a_plan_are_left_alone_by_all_their_names(
    tmp_path: Path, record: PlanRecord, left_alone: set[str]
) -> None:
    """A promoted slave that is the master of another pair goes on as its master."""

    async def story(setup: Setup) -> None:
        setup.write(record)
        await setup.holds.hold("home")
        found = setup.left_alone()

        assert {path for path, holder in found.items() if holder} == left_alone
        assert found["/null/s"] == f"{record.plan} of home"
        busy = setup.slaves.take(Claim("twin", keys_of(TWIN.slave)))
        assert busy is not None
        assert busy.owner == f"{record.plan} of home"
        plan_records.remove_record(setup.state_dir, "home")
        await setup.holds.release("home")
        assert set(setup.left_alone().values()) == {None}
        assert setup.slaves.take(Claim("twin", keys_of(TWIN.slave))) is None

    play(tmp_path, story)


def test_all_slaves_that_take_turns_are_left_alone(tmp_path: Path) -> None:
    async def story(setup: Setup) -> None:
        rotation = Rotation(takes_turns=True, paths=("/s", "/away"))
        setup.engine.change(replace(HOME, rotate=rotation))
        setup.write(SWITCHOVER)
        with plan_records.locked(setup.state_dir, "home"):
            await setup.holds.hold("home")

        assert setup.ends.holder_of(Endpoint("/away")) == "switchover of home"
        assert setup.ends.holder_of(Endpoint("/t")) is None

    play(tmp_path, story)


def test_release_needs_the_record_gone_and_explains_what_the_plan_changed(tmp_path: Path) -> None:
    async def story(setup: Setup) -> None:
        setup.write(SWITCHOVER)
        await setup.holds.hold("home")
        assert isinstance(await setup.holds.release("home"), Refusal)
        assert setup.hold() is not None

        plan_records.remove_record(setup.state_dir, "home")
        assert isinstance(await setup.holds.release("home"), Answer)
        assert setup.hold() is None
        assert isinstance(setup.engine.life("home").state, Probing)
        assert setup.explained == [({"/m", "/s", "/null/s"}, "switchover")]

    play(tmp_path, story)


@pytest.mark.parametrize("plan", PlanName)
@pytest.mark.parametrize("is_told", [True, False])
def test_only_a_reseed_that_has_ended_lifts_a_latch(
    tmp_path: Path, plan: PlanName, is_told: bool
) -> None:
    """The command tells that it has removed the record, or a sample finds that."""

    async def story(setup: Setup) -> None:
        setup.engine.post("home", DivergedSeen())
        setup.write(replace(SWITCHOVER, plan=plan))
        await setup.holds.hold("home")
        plan_records.remove_record(setup.state_dir, "home")
        await (setup.holds.release("home") if is_told else setup.holds.check())

        assert setup.engine.life("home").memory.is_diverged == (plan is not PlanName.RESEED)

    play(tmp_path, story)


def test_plan_whose_lock_nobody_holds_is_interrupted(tmp_path: Path) -> None:
    async def story(setup: Setup) -> None:
        setup.write(SWITCHOVER)
        with plan_records.locked(setup.state_dir, "home"):
            await setup.holds.hold("home")
            setup.write(replace(SWITCHOVER, step="upgrade"))
            await setup.holds.check()
            assert setup.hold() == replace(
                setup.hold() or HELD, step="upgrade", is_interrupted=False
            )
        await setup.holds.check()
        hold = setup.hold()
        assert hold is not None
        assert hold.is_interrupted

        plan_records.remove_record(setup.state_dir, "home")
        await setup.holds.check()
        assert setup.hold() is None

    play(tmp_path, story)


HELD = Hold("switchover", HoldStage.RUNNING, 0.0)


def test_damaged_record_holds_its_pair(tmp_path: Path) -> None:
    async def story(setup: Setup) -> None:
        setup.write(SWITCHOVER)
        plan_records.record_path(setup.state_dir, "home").write_text("{}")
        setup.holds.load()

        hold = setup.holds.hold_of("home")
        assert hold is not None
        assert hold.stage is HoldStage.UNREADABLE
        assert "home.json" in hold.step
        assert setup.holds.hold_of("next") is None

    play(tmp_path, story)


def test_records_that_cannot_be_listed_hold_every_pair(tmp_path: Path) -> None:
    async def story(setup: Setup) -> None:
        plan_records.plans_dir(setup.state_dir).write_text("no directory")
        setup.holds.load()

        hold = setup.holds.hold_of("next")
        assert hold is not None
        assert hold.stage is HoldStage.UNREADABLE

    play(tmp_path, story)


def test_lift_removes_the_record_of_a_promotion(tmp_path: Path) -> None:
    async def story(setup: Setup) -> None:
        setup.write(replace(SWITCHOVER, plan=PlanName.PROMOTE, stage=Stage.PROMOTED))
        await setup.holds.hold("home")

        assert await setup.holds.lift("home") is None
        assert setup.hold() is None
        assert not plan_records.record_path(setup.state_dir, "home").exists()
        assert setup.explained == [({"/null/s"}, "promote")]

    play(tmp_path, story)
