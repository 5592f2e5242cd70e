from dataclasses import replace

import pytest

from hammerd.core.pairs import Endpoint
from hammerd.core.plans import steps
from hammerd.core.plans.record import PlanName, PlanRecord, Stage
from hammerd.core.plans.roles.facts import End, OpenFiles, PairFacts, Role, Writer, WriterKind
from hammerd.core.plans.roles.reseed import Choice, plan_reseed, turned_ends
from hammerd.core.plans.roles.reseed_sides import oriented, sides_of
from hammerd.core.plans.roles.turn import Turn
from hammerd.core.tid import NEVER_MIRRORED, Tid
from tests.core.plans.roles import role_facts as given

OLD, NEW = "/Backup1/home", "/Backup2/pfs/home"
PARTED = {"slave_tid": "0x0000000000001000", "old_master": OLD}
PROMOTED = given.record(PlanName.PROMOTE, Stage.PROMOTED, PARTED)
NEW_MASTER = given.master(2, given.HIGH)
AFTER_PROMOTION = given.facts(given.master(1, Tid(0x1800)), NEW_MASTER, PROMOTED)
DIVERGED = given.facts(given.master(), given.slave(tid=Tid(0x1100)))

DESTROY = ["hold", "destroy"]
MAKE = ["slave-pfs", "flush", "copy", "compare"]


def planned(
    found: PairFacts, choice: Choice | None = None, turn: Turn | None = None
) -> steps.Plan:
    plan = plan_reseed(found, choice or Choice(), turn)
    assert isinstance(plan, steps.Plan), plan
    return plan


def names(found: PairFacts, choice: Choice | None = None, turn: Turn | None = None) -> list[str]:
    return [step.name for step in planned(found, choice, turn).steps]


def running(**notes: str) -> PlanRecord:
    own = {"target_uuid": "unique 1", "turned": "yes", **PARTED}
    return given.record(PlanName.RESEED, notes={**own, **notes})


def under_way(target: object, **notes: str) -> PairFacts:
    """Facts of a reseed: the source is the first end, its target the second."""
    source = replace(given.master(2, given.HIGH))
    return PairFacts(given.PAIR, source, target, running(**notes))  # type: ignore[arg-type]


FRESH = replace(given.slave(1, Tid(0x7000)), unique_uuid="fresh")
EMPTY = replace(FRESH, tid=NEVER_MIRRORED)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (AFTER_PROMOTION, [*DESTROY, *MAKE]),
        (DIVERGED, [*DESTROY, *MAKE]),
        (
            replace(AFTER_PROMOTION, master=replace(given.master(), mounts=("/Backup1/home",))),
            ["hold", "umount-/Backup1/home", "destroy", *MAKE],
        ),
        (given.facts(given.dead(is_missing=True), NEW_MASTER, PROMOTED), ["hold", *MAKE]),
        (
            given.facts(given.dead(is_missing=True, has_directory=False), NEW_MASTER, PROMOTED),
            ["hold", "slave-pfs-directory", *MAKE],
        ),
        (
            given.facts(replace(given.dead(), role=Role.GONE), NEW_MASTER, PROMOTED),
            ["hold", "remove-softlink", *MAKE],
        ),
        (under_way(given.master(1)), ["destroy", *MAKE]),
        (under_way(given.dead(is_missing=True)), MAKE),
        (under_way(replace(EMPTY, shared_uuid="another")), ["destroy", *MAKE]),
        (under_way(EMPTY), MAKE[1:]),
        (under_way(EMPTY, flushed="yes"), MAKE[2:]),
        (under_way(replace(FRESH, tid=Tid(0x6000)), begun_tid="0x6800"), MAKE[1:]),
        (under_way(FRESH, flushed="yes", begun_tid="0x6800"), MAKE[3:]),
        (under_way(FRESH, flushed="yes", compared="yes"), []),
    ],
)
def test_each_state_is_recognised(found: PairFacts, expected: list[str]) -> None:
    assert names(found) == [*expected, "release"]


@pytest.mark.parametrize("found", [AFTER_PROMOTION, DIVERGED])
def test_reseed_goes_through_all_its_steps(found: PairFacts) -> None:
    class Turned(given.RoleWorld):
        def act(self, step: steps.Step) -> None:
            super().act(step)
            if step.name == "hold" and found is AFTER_PROMOTION:
                # The next look takes source and target from the record.
                first, second = self.found.master, self.found.slave
                self.found = replace(self.found, master=second, slave=first)

    world = Turned(PlanName.RESEED, found)
    assert world.run(lambda now: plan_reseed(now, turn=Turn())) == [
        *DESTROY,
        *MAKE,
        *(["reload"] if found is AFTER_PROMOTION else []),
        "release",
    ]
    assert world.found.slave.unique_uuid == "new"
    assert world.found.master.role is Role.MASTER


@pytest.mark.parametrize(("role", "answers"), [(Role.MASTER, "y\ny\n"), (Role.SLAVE, "y\n")])
def test_destruction_answers_as_often_as_hammer_asks(role: Role, answers: str) -> None:
    target = replace(given.master(1), role=role)
    destroy = planned(under_way(target)).steps[0].action

    assert isinstance(destroy, steps.Command)
    assert destroy.words == ("hammer", "pfs-destroy", "/Backup1/pfs/home")
    assert (destroy.answers, destroy.expects) == (answers, "succeeded")


@pytest.mark.parametrize(
    ("found", "choice", "reason", "hint"),
    [
        (given.facts(given.master(), NEW_MASTER), "", "both ends are masters", f"--lose {OLD}"),
        (given.facts(given.master(), NEW_MASTER), "/other", "both ends are masters", "--lose"),
        (given.facts(given.slave(1), given.slave()), "", "no end is a master", "promote"),
        (given.facts(given.dead(), given.slave()), "", "no end is a master", "promote"),
        (
            given.facts(given.master(), given.slave(), given.record(PlanName.PROMOTE)),
            "",
            "promotion of /Backup2/pfs/home was interrupted",
            '"hammerd promote home" goes on',
        ),
        (AFTER_PROMOTION, NEW, "is not the end that would be lost", ""),
        (
            replace(AFTER_PROMOTION, slave=replace(NEW_MASTER, is_readable=False)),
            "",
            "must be a master that can be read",
            "nothing is destroyed",
        ),
        (replace(AFTER_PROMOTION, slave=given.dead(2)), "", "must be a master", ""),
        (replace(AFTER_PROMOTION, slave=given.slave()), "", "must be a master", "seen there"),
        (given.facts(given.master(), given.dead(2)), "", "cannot be read", f"--lose {NEW}"),
        (given.facts(given.dead(), NEW_MASTER), "", "cannot be read", f"--lose {OLD}"),
        (replace(AFTER_PROMOTION, master=given.dead()), "", "cannot be read", "--at"),
        (
            replace(AFTER_PROMOTION, master=replace(given.master(), shared_uuid="x")),
            "",
            "not of one mirror",
            "",
        ),
        (
            replace(AFTER_PROMOTION, slave=given.master(2, given.LOW)),
            "",
            "a copy would leave out what is between",
            "about 2 new directories",
        ),
        # Without a record nobody knows at which TID the new master was promoted.
        (
            given.facts(given.master(1, given.HIGH), given.master(2, given.LOW)),
            OLD,
            "it may hold data up to 0x0000000000007000",
            "new directories",
        ),
        (
            given.facts(given.master(), given.slave(), given.record(PlanName.SWITCHOVER)),
            "",
            "switchover of home was interrupted",
            "switchover",
        ),
        (
            under_way(replace(given.master(1), unique_uuid="a third")),
            "",
            "a master that was not there",
            "",
        ),
    ],
)
def test_refused(found: PairFacts, choice: str, reason: str, hint: str) -> None:
    refused = plan_reseed(found, Choice(choice))

    assert isinstance(refused, steps.Refused)
    assert reason in refused.reasons[0].what
    assert hint in refused.reasons[0].hint


@pytest.mark.parametrize("lose", [OLD, "/Backup1/pfs/home"])
def test_two_masters_need_the_name_of_the_one_to_lose(lose: str) -> None:
    found = given.facts(given.master(), NEW_MASTER)

    sides = sides_of(found, lose)
    assert not isinstance(sides, steps.Reason)
    assert sides.target.endpoint.path == OLD
    assert names(found, Choice(lose))[:2] == DESTROY


def test_question_and_script_name_what_is_lost() -> None:
    plan = planned(AFTER_PROMOTION)

    assert plan.question.startswith(f"Destroy {OLD}, ")
    assert plan.confirmed_by == f"--lose {OLD}"
    assert "after TID 0x0000000000001000, 2,048 TIDs, is not in" in plan.warnings[0]


def test_after_the_destruction_nothing_asks_for_it() -> None:
    plan = planned(under_way(EMPTY))

    assert "Destroy" not in plan.question
    assert plan.warnings == ()


def test_sound_slave_is_left_alone_unless_forced() -> None:
    sound = given.facts(given.master(), given.slave())

    assert names(sound) == []
    assert names(sound, Choice(is_forced=True))[:2] == DESTROY


def test_config_that_still_has_the_old_roles_is_told() -> None:
    assert planned(given.facts(given.slave(1), NEW_MASTER)).afterwards[0].startswith("swap")
    told = planned(given.facts(given.master(), given.slave())).afterwards
    assert "swap" not in str(told)
    assert '"hammerd resume home"' in told[-1]


def test_open_files_and_other_streams_come_first() -> None:
    target = replace(given.master(), open_files=OpenFiles(("sh (pid 9, a): x",)))
    stream = Writer(78, "hammer mirror-copy", WriterKind.FOREIGN)
    found = replace(AFTER_PROMOTION, master=target, writers=(stream,))

    assert [reason.what for reason in planned(found).before] == [
        "process group 78 writes to an end of the pair and is not hammerd's: hammer mirror-copy",
        "open on the lost end: sh (pid 9, a): x",
    ]


def test_config_is_turned_only_if_the_direction_changed() -> None:
    edit = Turn(steps.WriteFile("/etc/hammerd.toml", "new", (), "old"))

    assert "config" in names(AFTER_PROMOTION, turn=edit)
    assert "config" not in names(DIVERGED, turn=edit)


def test_turned_ends_keep_the_name_of_the_new_master() -> None:
    found = under_way(EMPTY, source_name="/Backup2/home")
    sides = sides_of(found, "")

    assert not isinstance(sides, steps.Reason)
    assert turned_ends(found, sides) == {"master": "/Backup2/home", "slave": "/Backup1/pfs/home"}


def test_look_takes_the_sides_from_the_record() -> None:
    notes = {"source_link": "/Backup2/pfs/home", "target_link": "/Backup1/pfs/home"}
    found = oriented(given.PAIR, running(**notes, source_host="", target_host=""))

    assert (found.master, found.slave) == (Endpoint(NEW), Endpoint("/Backup1/pfs/home"))
    linked = given.record(PlanName.PROMOTE, notes={"master_link": "/Backup1/pfs/home"})
    assert oriented(given.PAIR, linked).master.path == "/Backup1/pfs/home"
    assert oriented(given.PAIR, None) == given.PAIR


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (replace(given.master(), open_files=OpenFiles(unknown_because="x")), "open files"),
        (replace(given.master(), mounts_unknown_because="x"), "null mounts"),
    ],
)
def test_nothing_is_destroyed_that_may_be_in_use(target: End, reason: str) -> None:
    (first,) = planned(replace(AFTER_PROMOTION, master=target)).before

    assert reason in first.what
