from dataclasses import replace

import pytest

from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import Endpoint
from hammerd.core.plans import steps
from hammerd.core.plans.record import PlanName, Stage
from hammerd.core.plans.roles.facts import (
    End,
    Loss,
    OpenFiles,
    PairFacts,
    Role,
    Writer,
    WriterKind,
)
from hammerd.core.plans.roles.promotion import plan_promotion, plan_undo
from hammerd.core.tid import NEVER_MIRRORED, Tid, format_tid
from tests.core.plans.roles import role_facts as given

RUNNING = given.record(PlanName.PROMOTE)
PROMOTED = given.record(PlanName.PROMOTE, Stage.PROMOTED)
UNREADABLE = replace(given.slave(), is_readable=False)
ORPHAN = Writer(77, "hammer mirror-stream", WriterKind.ORPHAN)
FOREIGN = Writer(78, "hammer mirror-stream", WriterKind.FOREIGN)
OURS = Writer(79, "hammer mirror-stream", WriterKind.RUNNING)


def planned(found: PairFacts) -> steps.Plan:
    plan = plan_promotion(found)
    assert isinstance(plan, steps.Plan)
    return plan


def names(found: PairFacts) -> list[str]:
    return [step.name for step in planned(found).steps]


LAST = ["check-write", "remove-check", "keep-held"]
WRITABLE = given.record(PlanName.PROMOTE, notes={"writable": "yes"})
CHECKED = given.record(PlanName.PROMOTE, notes={"writable": "yes", "removed": "yes"})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (given.facts(given.dead(), given.slave()), ["hold", "upgrade", *LAST]),
        (given.facts(given.dead(hangs=True), given.slave()), ["hold", "upgrade", *LAST]),
        (given.facts(given.master(), given.slave()), ["hold", "upgrade", *LAST]),
        (given.facts(given.dead(), given.slave(), RUNNING), ["upgrade", *LAST]),
        (given.facts(given.dead(), given.master(2), RUNNING), LAST),
        (given.facts(given.dead(), given.master(2), WRITABLE), LAST[1:]),
        (given.facts(given.dead(), given.master(2), CHECKED), LAST[2:]),
        (given.facts(given.dead(), given.master(2)), ["hold", *LAST]),
        (given.facts(given.dead(), given.master(2), PROMOTED), []),
        (
            replace(given.facts(given.dead(), given.slave()), writers=(ORPHAN,)),
            ["hold", "end-stream-77", "upgrade", *LAST],
        ),
        (
            replace(
                given.facts(given.dead(), given.slave()), writers=(replace(ORPHAN, hangs=True),)
            ),
            ["hold", "upgrade", *LAST],
        ),
    ],
)
def test_steps_are_those_that_are_missing(found: PairFacts, expected: list[str]) -> None:
    assert names(found) == expected


def test_promotion_goes_through_all_its_steps() -> None:
    found = replace(given.facts(given.dead(), given.slave()), writers=(ORPHAN,))
    world = given.RoleWorld(PlanName.PROMOTE, found)

    assert world.run(plan_promotion) == ["hold", "end-stream-77", "upgrade", *LAST]
    assert world.found.slave.role is Role.MASTER
    assert world.found.record is not None
    assert world.found.record.stage is Stage.PROMOTED
    assert world.found.record.notes["slave_tid"] == "0x0000000000001000"


def test_upgrade_names_the_softlink_and_expects_success() -> None:
    _, upgrade, *_ = planned(given.facts(given.dead(), given.slave())).steps

    assert isinstance(upgrade.action, steps.Command)
    assert upgrade.action.words == ("hammer", "pfs-upgrade", "/Backup2/pfs/home")
    assert upgrade.action.expects == "succeeded"


def test_upgrade_of_a_far_slave_is_for_its_host() -> None:
    far = SshHost("office")
    slave = replace(given.slave(), endpoint=Endpoint("/Backup2/pfs/home", far))
    hold, upgrade, keep = planned(given.facts(given.dead(), slave)).steps

    assert steps.host_of(hold.action) == steps.THIS_HOST
    assert steps.host_of(upgrade.action) == far
    assert isinstance(keep.action, steps.KeepHeld)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (given.facts(given.master(), given.dead(2)), "slave /Backup2/pfs/home cannot be read"),
        (given.facts(given.master(), given.slave(tid=NEVER_MIRRORED)), "no TID of its master"),
        (given.facts(given.dead(), UNREADABLE), "can be read as of its TID"),
        (
            given.facts(given.master(), given.slave(), given.record(PlanName.SWITCHOVER)),
            "switchover of home was interrupted at step a step",
        ),
    ],
)
def test_refused(found: PairFacts, reason: str) -> None:
    refused = plan_promotion(found)

    assert isinstance(refused, steps.Refused)
    assert reason in refused.reasons[0].what


HOSTS = {"master_host": "", "slave_host": ""}
LINKS = {"master_link": "/Backup1/pfs/home", "slave_link": "/Backup2/pfs/home", **HOSTS}
SWITCHOVER = given.record(PlanName.SWITCHOVER, notes={**LINKS, "compared_tid": "0x5"})


def test_old_master_that_is_lost_in_a_switchover_is_given_up() -> None:
    world = given.RoleWorld(PlanName.PROMOTE, given.facts(given.dead(), given.slave(), SWITCHOVER))

    assert world.run(plan_promotion) == ["hold", "upgrade", *LAST]
    assert world.found.record is not None
    assert HOSTS.items() <= world.found.record.notes.items()


def test_new_master_of_that_switchover_is_kept_with_the_tid_that_both_had() -> None:
    found = given.facts(given.dead(), given.master(2, given.HIGH), SWITCHOVER)
    world = given.RoleWorld(PlanName.PROMOTE, found)

    assert world.run(plan_promotion) == ["hold", *LAST]
    assert world.found.record is not None
    assert world.found.record.notes["slave_tid"] == "0x5"


@pytest.mark.parametrize(("noted", "is_moved"), [(given.LOW, False), (given.HIGH, True)])
def test_tid_of_the_upgrade_is_the_one_that_is_noted(noted: Tid, is_moved: bool) -> None:
    notes = {"slave_tid": format_tid(noted), **HOSTS}
    record = given.record(PlanName.PROMOTE, notes=notes)
    world = given.RoleWorld(PlanName.PROMOTE, given.facts(given.dead(), given.slave(), record))

    done = world.run(plan_promotion)
    assert done == [*(["note-tid"] if is_moved else []), "upgrade", *LAST]
    assert world.found.record is not None
    noted_last = {"slave_tid": format_tid(given.LOW), **HOSTS}
    assert noted_last.items() <= world.found.record.notes.items()


@pytest.mark.parametrize("slave", [given.slave(tid=NEVER_MIRRORED), UNREADABLE])
def test_promotion_that_cannot_go_on_tells_its_way_back(slave: End) -> None:
    for record, is_told in ((RUNNING, True), (None, False)):
        refused = plan_promotion(given.facts(given.dead(), slave, record))

        assert isinstance(refused, steps.Refused)
        assert ('"hammerd promote home --undo"' in refused.reasons[0].hint) == is_told


@pytest.mark.parametrize(
    ("found", "first"),
    [
        (replace(given.facts(given.dead(), given.slave()), writers=(FOREIGN,)), "group 78"),
        (
            given.facts(
                given.dead(),
                replace(given.slave(), open_files=OpenFiles(("vi (pid 952, root): file 3",))),
            ),
            "open on the slave: vi (pid 952, root)",
        ),
        (
            replace(given.facts(given.dead(), given.slave(), RUNNING), writers=(OURS,)),
            "process group 79, has not ended",
        ),
    ],
)
def test_a_person_comes_first(found: PairFacts, first: str) -> None:
    assert first in planned(found).before[0].what


def test_own_stream_is_no_hindrance_before_the_hold() -> None:
    found = replace(given.facts(given.dead(), given.slave()), writers=(OURS,))

    assert planned(found).before == ()


LOSS = Loss(
    "hammerd's status", 50_520.0, 50_532.0, 50_539.0, Tid(given.LOW + 1204), given.LOW, None
)


def test_loss_is_told_in_time_and_tids() -> None:
    found = replace(given.facts(given.dead(), given.slave()), loss=LOSS, now_time=50_600.0)
    notes = "\n".join(planned(found).notes)

    assert "everything flushed by 14:02:00 UTC is on the slave" in notes
    assert "hammerd's status of 14:02:19 UTC, 1 min 1 s ago" in notes
    assert (
        "at most 12 s of work, 1,204 TIDs, what was written to the master after 14:02:12 UTC,"
        " and what the master had not flushed"
    ) in notes


def test_nothing_is_safe_on_a_slave_that_went_back() -> None:
    slave = given.slave(tid=Tid(given.LOW - 1))
    found = replace(given.facts(given.dead(), slave), loss=LOSS, now_time=50_600.0)
    notes = "\n".join(planned(found).notes)

    assert "everything flushed by" not in notes
    assert "the slave went back from TID 0x0000000000001000 to 0x0000000000000fff" in notes
    assert "what would be lost: 1,205 TIDs" in notes


def test_loss_of_a_living_master_counts_from_its_tid_and_now() -> None:
    alive = given.master(1, Tid(given.LOW + 7))
    found = replace(given.facts(alive, given.slave()), loss=LOSS, now_time=50_600.0)
    plan = planned(found)

    assert "at most 1 min 20 s of work, 7 TIDs" in "\n".join(plan.notes)
    assert "hammerd switchover home" in plan.warnings[0]
    assert "although its master is alive" in plan.question


def test_without_any_status_only_tids_are_told() -> None:
    notes = "\n".join(planned(given.facts(given.dead(), given.slave())).notes)

    assert "by when everything is on the slave is not known" in notes
    assert "nobody knows how much" in notes


def test_trap_of_the_downgrade_has_its_numbers() -> None:
    found = replace(given.facts(given.dead(), given.slave()), loss=LOSS)
    (trap,) = [line for line in planned(found).afterwards if "never pfs-downgrade" in line]

    assert "now 0x0000000000007000; the old master is at 0x00000000000014b4" in trap


@pytest.mark.parametrize(("system_tid", "is_told"), [(given.LOW, True), (given.HIGH, False)])
def test_lower_tids_of_the_slaves_disk_are_a_warning(system_tid: Tid, is_told: bool) -> None:
    found = given.facts(given.dead(), given.slave(system_tid=system_tid))

    told = any("no copy of it is complete" in each for each in planned(found).warnings)
    assert told == is_told


@pytest.mark.parametrize(("seen", "is_told"), [(0x10, True), (0, False), (-0x10, False)])
def test_tid_of_the_slave_that_went_back_is_a_warning(seen: int, is_told: bool) -> None:
    loss = Loss("hammerd's status", slave_tid=Tid(given.LOW + seen))
    found = replace(given.facts(given.dead(), given.slave()), loss=loss)

    assert any("and hammerd saw it at" in each for each in planned(found).warnings) == is_told


def test_null_mount_of_the_slave_must_be_mounted_again() -> None:
    found = given.facts(given.dead(), replace(given.slave(), mounts=("/s",)))

    assert '"umount /s" and "mount_null /Backup2/pfs/home /s"' in planned(found).afterwards[0]


def test_hammers_own_warning_is_told() -> None:
    found = given.facts(given.dead(), given.slave())

    assert any("file system corruption" in each for each in planned(found).warnings)


@pytest.mark.parametrize(
    ("found", "is_possible"),
    [
        (given.facts(given.dead(), given.slave(), RUNNING), True),
        (given.facts(given.dead(), given.master(2), RUNNING), False),
        (given.facts(given.dead(), given.slave()), False),
    ],
)
def test_way_back_ends_at_the_upgrade(found: PairFacts, is_possible: bool) -> None:
    plan = plan_undo(found)

    assert isinstance(plan, steps.Plan) == is_possible
    if isinstance(plan, steps.Plan):
        assert [step.name for step in plan.steps] == ["release"]
