from dataclasses import replace

import pytest

from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import Endpoint
from hammerd.core.plans import steps
from hammerd.core.plans.record import PlanName, PlanRecord, Stage
from hammerd.core.plans.roles.facts import Loss, OpenFiles, PairFacts, Role, Writer, WriterKind
from hammerd.core.plans.roles.switchover import oriented, plan_switchover, plan_undo, turned_ends
from hammerd.core.plans.roles.turn import Turn
from hammerd.core.tid import NEVER_MIRRORED, Tid
from tests.core.plans.roles import role_facts as given

EDIT = steps.WriteFile("/etc/hammerd.toml", "new", ("- old", "+ new"), "old")
TID = "0x0000000000001000"
FOREIGN = Writer(78, "hammer mirror-stream", WriterKind.FOREIGN)

FIRST = ["hold", "flush", "copy", "downgrade"]
SECOND = ["last-copy", "compare", "upgrade"]
THIRD = ["write-proof", "flush-proof", "copy-back", "remove-proof"]
LAST = ["config", "reload", "release"]


def running(**notes: str) -> PlanRecord:
    return given.record(PlanName.SWITCHOVER, notes=notes)


def planned(found: PairFacts, turn: Turn | None = None) -> steps.Plan:
    plan = plan_switchover(found, turn)
    assert isinstance(plan, steps.Plan), plan
    return plan


def names(found: PairFacts, turn: Turn | None = None) -> list[str]:
    return [step.name for step in planned(found, turn).steps]


OLD_SLAVE = given.slave(1, given.LOW, given.LOW)
NEW_MASTER = given.master(2, given.HIGH)
BEHIND = Tid(given.LOW - 0x10)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (given.facts(given.master(), given.slave(tid=BEHIND)), FIRST + SECOND + THIRD),
        (
            given.facts(given.master(), given.slave()),
            ["hold", "flush", "downgrade", *SECOND, *THIRD],
        ),
        (
            given.facts(given.master(), given.slave(tid=BEHIND), running()),
            [*FIRST[1:], *SECOND, *THIRD],
        ),
        (
            given.facts(given.master(), given.slave(tid=BEHIND), running(flushed="yes")),
            [*FIRST[2:], *SECOND, *THIRD],
        ),
        (
            given.facts(
                replace(given.master(), mounts=("/m", "/m", "/n")),
                replace(given.slave(), mounts=("/s",)),
                running(flushed="yes"),
            ),
            [
                *("umount-/m-2", "umount-/m", "umount-/n", "downgrade"),
                *("last-copy", "compare", "umount-/s", "upgrade", *THIRD),
            ],
        ),
        (given.facts(OLD_SLAVE, given.slave(tid=BEHIND), running()), SECOND + THIRD),
        (given.facts(OLD_SLAVE, given.slave(), running()), [*SECOND[1:], *THIRD]),
        (
            given.facts(OLD_SLAVE, given.slave(), running(compared_tid=TID)),
            [*SECOND[2:], *THIRD],
        ),
        (
            given.facts(OLD_SLAVE, given.slave(), running(compared_tid="0x0000000000000ff0")),
            [*SECOND[1:], *THIRD],
        ),
        (given.facts(OLD_SLAVE, NEW_MASTER, running()), THIRD),
        (given.facts(OLD_SLAVE, replace(NEW_MASTER, proof="/p"), running()), THIRD[1:]),
        (
            given.facts(
                replace(OLD_SLAVE, proof="/p"), replace(NEW_MASTER, proof="/p"), running()
            ),
            ["flush-proof", "remove-proof"],
        ),
        (given.facts(replace(OLD_SLAVE, proof="/p"), NEW_MASTER, running()), []),
        (given.facts(OLD_SLAVE, NEW_MASTER, running(proved="yes")), []),
    ],
)
def test_each_state_is_recognised(found: PairFacts, expected: list[str]) -> None:
    assert names(found) == [*expected, "release"]


def test_switchover_goes_through_all_its_steps() -> None:
    found = given.facts(given.master(), given.slave(tid=BEHIND))
    world = given.RoleWorld(PlanName.SWITCHOVER, found)

    done = world.run(lambda now: plan_switchover(now, Turn()))
    assert done == [
        *FIRST,
        *("compare", "upgrade"),
        *THIRD,
        *("reload", "release"),
    ]
    assert (world.found.master.role, world.found.slave.role) == (Role.SLAVE, Role.MASTER)


def test_config_is_turned_before_the_release() -> None:
    found = given.facts(OLD_SLAVE, NEW_MASTER, running(proved="yes"))

    assert names(found, Turn(EDIT)) == LAST
    assert names(found, Turn()) == LAST[1:]
    reloaded = given.facts(OLD_SLAVE, NEW_MASTER, running(proved="yes", reloaded="yes"))
    assert names(reloaded, Turn()) == LAST[2:]


PROMOTED = Stage.PROMOTED
LOW_SLAVE = given.slave(system_tid=given.LOW)
AHEAD = Tid(given.LOW + 0x10)


@pytest.mark.parametrize(
    ("found", "reason", "hint"),
    [
        (
            given.facts(given.master(), LOW_SLAVE),
            "TIDs of the slave's file system are at 0x0000000000001000, not above",
            "hammerd reseed home",
        ),
        (
            given.facts(given.master(system_tid=given.HIGH), given.slave()),
            "would never be mirrored back",
            "hammerd promote home",
        ),
        (given.facts(given.master(), given.slave(system_tid=None)), "must be known", ""),
        (given.facts(given.master(), given.slave(tid=NEVER_MIRRORED)), "never mirrored", ""),
        (given.facts(given.master(), given.slave(tid=AHEAD)), "above its master's", "reseed"),
        (given.facts(given.dead(), given.slave()), "cannot be read", "hammerd promote home"),
        (given.facts(given.master(), given.dead(2)), "cannot be read", ""),
        (given.facts(given.master(), NEW_MASTER), "both ends are masters", "hammerd reseed home"),
        (given.facts(OLD_SLAVE, given.slave()), "both ends are slaves", "pfs-upgrade"),
        (given.facts(OLD_SLAVE, NEW_MASTER), "roles are changed already", "swap"),
        (given.facts(given.dead(), NEW_MASTER), "cannot be read", "swap"),
        (given.facts(given.dead(), NEW_MASTER, running()), "cannot be read", "promote home"),
        (given.facts(OLD_SLAVE, given.dead(2), running()), "cannot be read", "--undo"),
        (given.facts(given.master(), LOW_SLAVE, running()), "not above", "--undo"),
        (
            given.facts(given.master(), given.slave(), given.record(PlanName.PROMOTE)),
            "promote of home was not ended",
            "hammerd promote home",
        ),
        (
            given.facts(given.master(), NEW_MASTER, given.record(PlanName.PROMOTE, PROMOTED)),
            "promote of home was not ended",
            'end it first: "hammerd reseed home"',
        ),
        (
            given.facts(OLD_SLAVE, LOW_SLAVE, running()),
            "would never be mirrored back",
            "--undo",
        ),
    ],
)
def test_refused(found: PairFacts, reason: str, hint: str) -> None:
    refused = plan_switchover(found)

    assert isinstance(refused, steps.Refused)
    assert reason in refused.reasons[0].what
    assert hint in refused.reasons[0].hint


@pytest.mark.parametrize(
    ("found", "first"),
    [
        (
            given.facts(
                replace(given.master(), open_files=OpenFiles(("vi (pid 9, a): file 3",))),
                given.slave(),
            ),
            "open on the master: vi (pid 9, a)",
        ),
        (
            replace(given.facts(given.master(), given.slave()), loss=Loss("status", lag_s=301.0)),
            "the slave is 5 min 1 s behind",
        ),
        (replace(given.facts(given.master(), given.slave()), writers=(FOREIGN,)), "group 78"),
    ],
)
def test_a_person_comes_first(found: PairFacts, first: str) -> None:
    assert first in planned(found).before[0].what


def test_unknown_null_mounts_of_the_master_come_first() -> None:
    unknown = replace(given.master(), mounts_unknown_because="mount hangs")

    (reason,) = planned(given.facts(unknown, given.slave())).before
    assert "the null mounts of /Backup1/pfs/home are not known: mount hangs" in reason.what


def test_old_master_is_mounted_again_on_the_way_back() -> None:
    held = running(master_mounts="/m\n/n")
    plan = plan_undo(given.facts(replace(OLD_SLAVE, mounts=("/n",)), given.slave(), held))

    assert isinstance(plan, steps.Plan)
    assert [step.name for step in plan.steps] == ["upgrade-old", "mount-/m", "release"]


def test_lag_is_no_reason_once_the_switchover_has_begun() -> None:
    found = given.facts(given.master(), given.slave(), running())

    assert planned(replace(found, loss=Loss("status", lag_s=3e3))).before == ()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (given.facts(given.master(), given.slave(), running()), ["release"]),
        (given.facts(OLD_SLAVE, given.slave(), running()), ["upgrade-old", "release"]),
        (given.facts(OLD_SLAVE, NEW_MASTER, running()), None),
        (given.facts(given.dead(), given.slave(), running()), None),
        (given.facts(given.master(), given.slave()), None),
    ],
)
def test_way_back_ends_at_the_upgrade(found: PairFacts, expected: list[str] | None) -> None:
    plan = plan_undo(found)

    found_steps = [step.name for step in plan.steps] if isinstance(plan, steps.Plan) else None
    assert found_steps == expected


def test_way_back_is_that_of_the_step() -> None:
    before = planned(given.facts(given.master(), given.slave()))
    after = planned(given.facts(OLD_SLAVE, NEW_MASTER, running()))

    assert "--undo" in next(one.way_back[0] for one in before.steps if one.name == "downgrade")
    assert all("--undo" not in line for one in after.steps for line in one.way_back)
    late = [one for one in before.steps if one.name in ("write-proof", "copy-back")]
    assert ["--undo" in one.way_back[0] for one in late] == [False, False]


def test_pair_is_looked_at_by_its_record_when_the_config_is_turned() -> None:
    notes = {"master_link": "/Backup1/pfs/home", "slave_link": "/Backup2/pfs/home"}
    held = running(**notes, master_host="", slave_host="")
    turned = replace(given.PAIR, master=given.PAIR.slave, slave=Endpoint("/Backup1/pfs/home"))

    for pair in (given.PAIR, turned):
        found = oriented(pair, held)
        assert (found.master.path, found.slave.path) == tuple(notes.values())
    assert oriented(given.PAIR, None) == given.PAIR


def test_turned_slave_is_named_by_its_softlink() -> None:
    ends = turned_ends(given.facts(given.master(), given.slave()))

    assert ends == {"master": "/Backup2/pfs/home", "slave": "/Backup1/pfs/home"}


def test_without_a_login_that_may_write_no_file_is_the_proof() -> None:
    far = replace(OLD_SLAVE, endpoint=Endpoint("/Backup1/pfs/home", SshHost("office")))

    assert names(given.facts(far, NEW_MASTER, running())) == ["release"]


@pytest.mark.parametrize(
    ("to", "count"),
    [("/Backup1/home", 0), ("/Backup1/pfs/home", 0), ("/Backup2/pfs/home", 12), ("/other", None)],
)
def test_named_end_is_made_the_master_once(to: str, count: int | None) -> None:
    found = given.facts(given.master(), given.slave(tid=BEHIND))
    plan = plan_switchover(found, to=to)

    assert (len(plan.steps) if isinstance(plan, steps.Plan) else None) == count
