import json
from dataclasses import dataclass, field, replace

import pytest

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.plans.runner import Order, Runner
from hammerd.core.exit_codes import Exit
from hammerd.core.hosts.host import Host
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.plans import steps
from hammerd.core.plans.record import PlanName, PlanRecord, Stage

NAMES = ("first", "second", "third")
ORDER = Order("home", PlanName.PROVISION)


@dataclass
class World:
    """A world in which each command of NAMES adds its name, unless it breaks or does nothing."""

    done: list[str] = field(default_factory=list)
    breaks: str = ""
    interrupted: str = ""
    idle: str = ""
    far: str = ""
    record: PlanRecord | None = None
    told: list[str] = field(default_factory=list)

    # --- what the runner looks at and what it plans

    def look(self) -> tuple[str, ...]:
        return tuple(self.done)

    def plan(self, found: tuple[str, ...]) -> steps.Plan | steps.Refused:
        left = [name for name in NAMES if name not in found]
        return steps.Plan(tuple(self.step(name) for name in left), question="Do it?")

    def step(self, name: str) -> steps.Step:
        host: Host = SshHost("office") if name == self.far else steps.THIS_HOST
        command = steps.Command((f"do-{name}",), host)
        return steps.Step(name, f"do the {name}", command, (f"undo {name}",))

    # --- the executor

    def can_run(self, host: Host) -> bool:
        return not host.needs_login

    def run(self, action: steps.Action) -> None:
        if isinstance(action, steps.ReloadDaemon):
            return
        assert isinstance(action, steps.Command)
        name = action.words[0].removeprefix("do-")
        if name == self.breaks:
            raise CommandFailed(f"{name} broke")
        if name == self.interrupted:
            raise KeyboardInterrupt
        if name != self.idle:
            self.done.append(name)

    # --- the record

    def read(self) -> PlanRecord | None:
        return self.record

    def write(self, record: PlanRecord) -> None:
        self.record = record

    def remove(self) -> None:
        self.record = None

    def tell_held(self) -> None:
        self.told.append("held")

    def tell_released(self) -> None:
        self.told.append("released")


CONFIRMED = replace(ORDER, is_confirmed=True)


def carry_out(world: World, order: Order = CONFIRMED) -> int:
    return Runner(order, world, world).carry_out(world.look, world.plan)


def test_all_steps_run_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    world = World()

    assert carry_out(world) == Exit.OK
    assert world.done == list(NAMES)
    assert capsys.readouterr().out.count("do-second") == 2


def test_dry_run_shows_each_step_and_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    world = World()

    assert carry_out(world, replace(ORDER, is_dry_run=True)) == Exit.OK
    assert world.done == []
    shown = capsys.readouterr().out
    assert all(f"do-{name}" in shown for name in NAMES)


def test_step_that_fails_ends_the_plan_and_tells_the_way_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = World(breaks="second")

    with pytest.raises(CommandFailed, match="second broke"):
        carry_out(world)
    assert world.done == ["first"]
    assert "way back: undo second" in capsys.readouterr().out

    world.breaks = ""
    assert carry_out(world) == Exit.OK
    assert world.done == list(NAMES)


def test_interrupt_names_the_step_and_the_way_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        carry_out(World(interrupted="second"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:] == [
        "interrupted at step second",
        "way back: undo second",
        "to go on: run the same command again",
    ]


def test_step_without_effect_is_not_run_again() -> None:
    with pytest.raises(CommandFailed, match="second ended well, and is still to do"):
        carry_out(World(idle="second"))


def test_steps_of_a_host_that_nobody_may_log_in_to_are_for_a_person(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = World(far="second")

    assert carry_out(world) == Exit.TEMPORARY
    assert world.done == ["first"]
    shown = capsys.readouterr().out.partition("to do on office")[2]
    assert "do-second" in shown
    assert "do-third" not in shown


def test_nothing_is_done_without_a_yes() -> None:
    world = World()

    with pytest.raises(CommandFailed, match="nobody can be asked") as failed:
        carry_out(world, ORDER)
    assert failed.value.code == Exit.USAGE
    assert world.done == []


def test_refused_plan_tells_all_its_reasons() -> None:
    world = World()
    refused = steps.Refused((steps.Reason("a is open", "close a"), steps.Reason("b is full")))

    with pytest.raises(CommandFailed) as failed:
        Runner(ORDER, world, world).carry_out(world.look, lambda _: refused)
    assert failed.value.code == Exit.UNAVAILABLE
    assert all(text in failed.value.message for text in ("a is open", "close a", "b is full"))


def test_record_stands_from_the_hold_to_the_release() -> None:
    world = World()
    actions = {
        "hold": steps.Hold((("tid", "0x7"),)),
        "first": steps.Command(("do-first",)),
        "release": steps.Release(),
    }
    seen: list[PlanRecord | None] = []

    def plan(_: tuple[str, ...]) -> steps.Plan:
        seen.append(world.record)
        left = list(actions)[len(seen) - 1 :]
        return steps.Plan(tuple(steps.Step(name, name, actions[name]) for name in left))

    Runner(ORDER, world, world).carry_out(world.look, plan)

    assert [record and record.step for record in seen] == [None, "hold", "first"]
    assert seen[1] is not None
    assert dict(seen[1].notes) == {"tid": "0x7"}
    assert world.told == ["held", "released"]


def test_step_that_ended_well_leaves_its_notes_in_the_record() -> None:
    world = World(record=PlanRecord("home", PlanName.SWITCHOVER, 1.0, notes={"tid": "0x7"}))
    flush = steps.Step("flush", "flush it", steps.ReloadDaemon(), notes=(("flushed", "yes"),))

    def plan(_: tuple[str, ...]) -> steps.Plan:
        record = world.record
        return steps.Plan(() if record and "flushed" in record.notes else (flush,))

    assert Runner(ORDER, world, world).carry_out(world.look, plan) == Exit.OK
    assert world.record is not None
    assert dict(world.record.notes) == {"tid": "0x7", "flushed": "yes"}


def test_plan_that_a_person_must_prepare_is_shown_and_not_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = World()
    first = (steps.Reason("a stream of somebody else runs", "end it"),)

    def plan(found: tuple[str, ...]) -> steps.Plan | steps.Refused:
        planned = world.plan(found)
        assert isinstance(planned, steps.Plan)
        return replace(planned, before=first)

    def run(order: Order) -> int:
        return Runner(order, world, world).carry_out(world.look, plan)

    assert run(replace(ORDER, is_dry_run=True)) == Exit.OK
    shown = capsys.readouterr().out
    assert "first: a stream of somebody else runs" in shown
    assert "do-third" in shown
    with pytest.raises(CommandFailed) as failed:
        run(CONFIRMED)
    assert failed.value.code == Exit.UNAVAILABLE
    assert world.done == []


def test_dry_run_as_json_holds_the_steps(capsys: pytest.CaptureFixture[str]) -> None:
    order = replace(ORDER, is_dry_run=True, as_json=True)

    assert carry_out(World(far="second"), order) == Exit.OK
    shown = json.loads(capsys.readouterr().out)
    assert [each["lines"] for each in shown["steps"]] == [[f"do-{name}"] for name in NAMES]
    assert [each["host"] for each in shown["steps"]] == [None, "office", None]
    assert shown["question"] == "Do it?"


def test_refusal_as_json_ends_with_its_status(capsys: pytest.CaptureFixture[str]) -> None:
    refused = steps.Refused((steps.Reason("a is open", "close a"),))
    order, world = replace(ORDER, is_dry_run=True, as_json=True), World()

    code = Runner(order, world, world).carry_out(world.look, lambda _: refused)
    assert code == Exit.UNAVAILABLE
    shown = json.loads(capsys.readouterr().out)
    assert shown["reasons"] == [{"what": "a is open", "hint": "close a"}]


def test_promotion_keeps_the_record() -> None:
    world = World(record=PlanRecord("home", PlanName.PROMOTE, 1.0))
    keep = steps.Plan((steps.Step("keep-held", "keep it", steps.KeepHeld()),))

    def plan(_: tuple[str, ...]) -> steps.Plan:
        record = world.record
        return steps.Plan(()) if record and record.stage is Stage.PROMOTED else keep

    assert Runner(ORDER, world, world).carry_out(world.look, plan) == Exit.OK
    assert world.record is not None
    assert world.told == ["held"]
