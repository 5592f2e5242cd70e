"""Which steps provision plans, and for which reasons it plans none."""

from dataclasses import replace

import pytest

from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.hosts.ssh_argv import SshSettings
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import Endpoint
from hammerd.core.plans.provision import UNKNOWN_UUID, plan_provision
from hammerd.core.plans.provision_facts import (
    EditableFile,
    End,
    Facts,
    Kind,
    PathFact,
    RunningDaemon,
    Writer,
)
from hammerd.core.plans.provision_reasons import MOST_COPIES, other_plan_reasons
from hammerd.core.plans.record import PlanName, PlanRecord
from hammerd.core.plans.steps import Command, Copy, Plan, Refused, Step
from hammerd.core.tid import Tid

OURS, OTHERS = "aaaaaaaa-0000-0000-0000-000000000000", "bbbbbbbb-0000-0000-0000-000000000000"
M, S = "/Backup1/pfs/test", "/Backup2/pfs/test"


def pfs(path: str, tid: int, *, is_master: bool, shared: str = OURS, number: int = 1) -> PfsStatus:
    return PfsStatus(path, number, Tid(tid), shared, f"{path} {number}", is_master)


ROOT = pfs("/Backup1", 9, is_master=True, number=0)
MASTER_PFS, SLAVE_PFS = pfs(M, 100, is_master=True), pfs(S, 90, is_master=False)
NEW_SLAVE_PFS = replace(SLAVE_PFS, sync_end_tid=Tid(1))


def symlink(path: str, text: str) -> PathFact:
    return PathFact(path, Kind.SYMLINK, text)


def missing(path: str) -> PathFact:
    return PathFact(path, Kind.MISSING)


def directory(path: str, *, is_empty: bool = True) -> PathFact:
    return PathFact(path, Kind.DIRECTORY, is_empty=is_empty)


# --- a pair of nothing, and a pair that is complete ------------------------------------------

NO_MASTER = End(
    Endpoint("/Backup1/test"),
    missing(M),
    missing("/Backup1/pfs"),
    missing("/Backup1/test"),
    above="/Backup1",
    above_status=ROOT,
    file_system="/Backup1",
)
NO_SLAVE = End(
    Endpoint("/Backup2/test"),
    missing(S),
    missing("/Backup2/pfs"),
    missing("/Backup2/test"),
    above="/Backup2",
    above_status=ROOT,
    file_system="/Backup2",
)
MASTER = End(
    Endpoint("/Backup1/test"),
    symlink(M, "@@-1:00001"),
    directory("/Backup1/pfs", is_empty=False),
    directory("/Backup1/test", is_empty=False),
    MASTER_PFS,
    replace(MASTER_PFS, path="/Backup1/test"),
    file_system="/Backup1",
    is_readable=True,
)
SLAVE = End(
    Endpoint("/Backup2/test"),
    symlink(S, "@@0x000000000000005a:00001"),
    directory("/Backup2/pfs", is_empty=False),
    symlink("/Backup2/test", S),
    SLAVE_PFS,
    file_system="/Backup2",
    is_readable=True,
)
NEW_SLAVE = replace(SLAVE, status=NEW_SLAVE_PFS, is_readable=False)
CONFIG = EditableFile("/usr/local/etc/hammerd.toml")
FSTAB = EditableFile("/etc/fstab")
NOTHING = Facts("test", NO_MASTER, NO_SLAVE, CONFIG, FSTAB)
ALL = Facts("test", MASTER, SLAVE, CONFIG, FSTAB)
WITH_LINE = replace(FSTAB, text="", wanted_text="line\n", change=("+ line",), is_edited=True)
WITH_PAIR = replace(CONFIG, text="", wanted_text="pair\n", change=("+ pair",), is_edited=True)
STANDING = PlanRecord("test", PlanName.PROVISION, 1.0, step="copy", notes={"copy": "yes"})


def master(**changes: object) -> Facts:
    return replace(ALL, master=replace(MASTER, **changes))  # type: ignore[arg-type]


def slave(**changes: object) -> Facts:
    return replace(ALL, slave=replace(SLAVE, **changes))  # type: ignore[arg-type]


def planned(facts: Facts) -> Plan:
    plan = plan_provision(facts)
    assert isinstance(plan, Plan), plan
    return plan


def names(facts: Facts) -> list[str]:
    return [step.name for step in planned(facts).steps]


def step_of(facts: Facts, name: str) -> Step:
    return next(step for step in planned(facts).steps if step.name == name)


def words_of(facts: Facts, name: str) -> tuple[str, ...]:
    action = step_of(facts, name).action
    assert isinstance(action, Command)
    return action.words


def reasons(facts: Facts) -> list[str]:
    plan = plan_provision(facts)
    assert isinstance(plan, Refused), plan
    return [reason.what for reason in plan.reasons]


def test_two_empty_file_systems_need_every_step_in_order() -> None:
    facts = replace(NOTHING, fstab=WITH_LINE, config=WITH_PAIR, daemon=RunningDaemon())

    assert names(facts) == [
        "hold",
        "master-pfs-directory",
        "master-pfs",
        "mount-directory",
        "null-mount",
        "fstab",
        "slave-pfs-directory",
        "slave-pfs",
        "slave-symlink",
        "flush",
        "copy",
        "config",
        "reload",
        "release",
    ]
    assert words_of(facts, "null-mount") == ("mount_null", M, "/Backup1/test")
    assert words_of(facts, "slave-symlink") == ("ln", "-s", S, "/Backup2/test")
    assert words_of(facts, "slave-pfs")[-1] == f"shared-uuid={UNKNOWN_UUID}"
    assert step_of(facts, "copy").action == Copy(Endpoint(M), Endpoint(S))
    assert planned(facts).afterwards == ()


def test_complete_pair_needs_nothing_and_tells_what_was_checked() -> None:
    plan = planned(replace(ALL, daemon=RunningDaemon(has_pair=True)))

    assert plan.steps == ()
    assert plan.afterwards == (
        f"master {M}: PFS#1, TID 0x0000000000000064",
        f"slave {S}: PFS#1, TID 0x000000000000005a, can be read",
        f"both have shared-uuid {OURS}",
    )


MOUNTED_NOTHING = replace(MASTER, place=directory("/Backup1/test"), place_status=ROOT)


@pytest.mark.parametrize(
    ("facts", "steps"),
    [
        (replace(ALL, slave=NO_SLAVE), "slave-pfs-directory slave-pfs slave-symlink flush copy"),
        (replace(ALL, slave=NEW_SLAVE), "flush copy"),
        (replace(ALL, slave=replace(SLAVE, is_readable=False)), "flush copy"),
    ],
)
def test_only_what_is_missing_is_done_while_the_pair_is_held(facts: Facts, steps: str) -> None:
    assert names(facts) == ["hold", *steps.split(), "release"]
    assert names(replace(facts, record=STANDING))[-1] == "release"
    assert "hold" not in names(replace(facts, record=STANDING))


@pytest.mark.parametrize(
    ("facts", "steps"),
    [
        (replace(ALL, master=MOUNTED_NOTHING), "null-mount"),
        (replace(ALL, master=replace(MOUNTED_NOTHING, place_status=None)), "null-mount"),
        (
            replace(ALL, master=replace(MOUNTED_NOTHING, place=missing("/Backup1/test"))),
            "mount-directory null-mount",
        ),
        (replace(ALL, slave=replace(SLAVE, place=missing("/Backup2/test"))), "slave-symlink"),
        (
            slave(place=missing("/Backup2/a/test"), place_directory=missing("/Backup2/a")),
            "symlink-directory slave-symlink",
        ),
        (slave(place=symlink("/Backup2/test", "pfs/test")), ""),
        (slave(place=symlink("/Backup2/test", f"{S}/")), ""),
    ],
)
def test_mount_and_symlink_are_made_beside_a_stream(facts: Facts, steps: str) -> None:
    assert names(facts) == steps.split()


@pytest.mark.parametrize("path", [M, S])
def test_pair_of_softlinks_needs_no_mount_and_no_symlink(path: str) -> None:
    facts = replace(
        NOTHING, master=replace(NO_MASTER, place=None), slave=replace(NO_SLAVE, place=None)
    )

    assert {"null-mount", "mount-directory", "slave-symlink"}.isdisjoint(names(facts)), path


def test_slave_gets_the_shared_uuid_of_its_master() -> None:
    facts = replace(ALL, slave=NO_SLAVE)

    assert words_of(facts, "slave-pfs") == ("hammer", "pfs-slave", S, f"shared-uuid={OURS}")


# --- the first copy --------------------------------------------------------------------------


def test_flush_is_proven_by_its_note() -> None:
    flushed = replace(STANDING, notes={"copy": "yes", "flushed": "yes"})

    assert names(replace(ALL, slave=NEW_SLAVE, record=flushed)) == ["copy", "release"]


def test_interrupted_copy_goes_on_although_the_slave_can_be_read() -> None:
    assert names(replace(ALL, record=STANDING)) == ["flush", "copy", "release"]
    copied = replace(STANDING, notes={"copy": "yes", "copied": "1"})
    assert names(replace(ALL, record=copied)) == ["release"]


def test_slave_that_shows_nothing_after_a_copy_is_copied_again() -> None:
    copied = replace(STANDING, notes={"copy": "yes", "copied": "1", "flushed": ""})
    facts = replace(ALL, slave=replace(SLAVE, is_readable=False), record=copied)

    assert names(facts) == ["flush", "copy", "release"]
    assert dict(step_of(facts, "copy").notes)["copied"] == "2"
    often = replace(copied, notes={**copied.notes, "copied": str(MOST_COPIES)})
    odd = replace(copied, notes={**copied.notes, "copied": "x"})
    assert dict(step_of(replace(facts, record=odd), "copy").notes)["copied"] == "1"
    assert "shows nothing" in reasons(replace(facts, record=often))[0]


# --- what pfs-slave left that failed ----------------------------------------------------------


@pytest.mark.parametrize("shared", [OTHERS, "00000000-0000-0000-0000-000000000000"])
def test_half_made_slave_is_completed_after_a_yes(shared: str) -> None:
    half = replace(NEW_SLAVE, status=replace(NEW_SLAVE_PFS, shared_uuid=shared))
    facts = replace(ALL, slave=half)

    assert names(facts) == ["hold", "slave-uuid", "flush", "copy", "release"]
    assert words_of(facts, "slave-uuid") == ("hammer", "pfs-update", S, f"shared-uuid={OURS}")
    assert "never mirrored" in planned(facts).question


def test_what_this_plan_left_half_made_needs_no_yes() -> None:
    half = replace(NEW_SLAVE, status=replace(NEW_SLAVE_PFS, shared_uuid=OTHERS))
    facts = replace(ALL, slave=half, record=replace(STANDING, step="slave-pfs"))

    assert names(facts)[0] == "slave-uuid"
    assert planned(facts).question == ""


def test_nothing_is_asked_otherwise() -> None:
    assert planned(NOTHING).question == ""
    assert planned(ALL).question == ""


# --- files -----------------------------------------------------------------------------------


def test_line_of_fstab_is_shown_to_who_did_not_ask_for_it() -> None:
    facts = replace(ALL, fstab=replace(WITH_LINE, is_edited=False))

    assert names(facts) == []
    assert planned(facts).notes[-1] == "    line"


def test_files_are_edited_without_holding_the_pair() -> None:
    assert names(replace(ALL, fstab=WITH_LINE, config=WITH_PAIR)) == ["fstab", "config"]


def test_hammerd_reads_a_config_that_it_does_not_know() -> None:
    written = replace(CONFIG, is_edited=True)

    assert names(replace(ALL, config=written, daemon=RunningDaemon())) == ["reload"]
    assert names(replace(ALL, config=written, daemon=RunningDaemon(has_pair=True))) == []
    assert names(replace(ALL, config=written)) == []


def test_pair_that_hammerd_holds_without_a_record_is_released() -> None:
    held = RunningDaemon(has_pair=True, holds_pair=True)

    assert names(replace(ALL, daemon=held)) == ["release"]


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (ALL, "no hammerd runs: service hammerd start begins to mirror"),
        (
            replace(ALL, config=replace(WITH_PAIR, is_edited=False)),
            "/usr/local/etc/hammerd.toml does not have the pair: --config writes it",
        ),
    ],
)
def test_what_is_left_to_a_person_is_told(facts: Facts, told: str) -> None:
    assert planned(facts).afterwards[-1] == told


def test_line_of_a_crontab_is_told() -> None:
    line = "/etc/crontab: @reboot root hammer mirror-stream /Backup1/test /Backup2/test"

    assert planned(replace(ALL, schedules=(line,))).notes[0] == line


def test_both_ends_on_one_file_system_is_a_warning() -> None:
    facts = replace(ALL, slave=replace(SLAVE, file_system="/Backup1"))

    assert "both ends are on /Backup1" in planned(facts).warnings[0]
    assert planned(ALL).warnings == ()


def test_file_system_that_a_boot_does_not_mount_is_a_warning() -> None:
    lost = replace(MASTER, is_in_fstab=False)

    assert planned(replace(ALL, master=lost)).warnings == ()
    (told,) = planned(replace(ALL, master=lost, fstab=WITH_LINE)).warnings
    assert told.startswith("/etc/fstab does not mount /Backup1")


def test_place_below_another_file_system_than_it_seems_is_a_warning() -> None:
    on_root = replace(NO_SLAVE, file_system="/", link=missing("/pfs/test"))

    assert planned(NOTHING).warnings == ()
    assert planned(replace(NOTHING, slave=on_root)).warnings == (
        "/Backup2/test is on /, so its PFS is to be /pfs/test",
    )


# --- other writers, rights -------------------------------------------------------------------

STREAM = Writer("4711", "hammer mirror-stream /Backup1/test /Backup2/test")


@pytest.mark.parametrize(
    ("writer", "daemon", "is_in_the_way"),
    [
        (STREAM, None, True),
        (STREAM, RunningDaemon(has_pair=True), True),
        (replace(STREAM, is_ours=True), RunningDaemon(has_pair=True), False),
        (replace(STREAM, is_ours=True), None, True),
    ],
)
def test_other_writer_must_end_before_an_end_is_changed(
    writer: Writer, daemon: RunningDaemon | None, *, is_in_the_way: bool
) -> None:
    facts = replace(ALL, slave=NEW_SLAVE, writers=(writer,), daemon=daemon)

    assert bool(planned(facts).before) is is_in_the_way
    assert all("-4711" in reason.hint for reason in planned(facts).before)
    assert planned(replace(ALL, writers=(writer,), daemon=daemon)).before == ()


def test_missing_rights_are_named_first() -> None:
    facts = replace(ALL, slave=NEW_SLAVE, writers=(STREAM,), has_rights=False)

    assert planned(facts).before[0].what == "hammer needs root"


# --- reasons ---------------------------------------------------------------------------------

AT_LINK = PathFact(M, Kind.DIRECTORY)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (master(missing_mount="/Backup1", status=None), "/Backup1 is in fstab and not mounted"),
        (master(link=AT_LINK, status=None), "plain directory of its file system (PFS#0)"),
        (master(link=PathFact(M, Kind.FILE), status=None), "is a file"),
        (master(link=symlink(M, "@@PFS00001"), status=None), "was destroyed"),
        (master(link=symlink(M, "/elsewhere"), status=None), "symlink to /elsewhere"),
        (master(status=None, trouble="Failed to open"), "cannot be read: Failed to open"),
        (master(status=replace(MASTER_PFS, is_master=False)), "is a slave"),
        (
            replace(
                ALL, master=replace(NO_MASTER, above="/tmp", above_status=None), slave=NO_SLAVE
            ),
            "/tmp is on no HAMMER file system",
        ),
        (
            replace(NOTHING, master=replace(NO_MASTER, above="/home/x", above_status=MASTER_PFS)),
            "/home/x is inside PFS#1",
        ),
        (
            master(place=directory("/Backup1/test", is_empty=False), place_status=ROOT),
            "holds files, and a null mount would hide them",
        ),
        (
            master(place_status=pfs("/Backup1/test", 9, is_master=True, number=7)),
            "shows another PFS (PFS#7)",
        ),
        (master(place=PathFact("/Backup1/test", Kind.FILE)), "/Backup1/test is a file"),
        (master(place=symlink("/Backup1/test", "/x")), "is a symlink to /x"),
        (slave(link=PathFact(S, Kind.DIRECTORY), status=None), "PFS#0"),
        (slave(place=directory("/Backup2/test")), "is to be a symlink to"),
        (slave(place=symlink("/Backup2/test", "/x")), "is to be a symlink to"),
        (slave(status=replace(SLAVE_PFS, is_master=True)), "was promoted"),
        (
            slave(status=replace(SLAVE_PFS, is_master=True, shared_uuid=OTHERS)),
            f"is a master, of {OTHERS}",
        ),
        (slave(link=symlink(S, "@@-1:00001"), status=None), "is a master"),
        (slave(status=replace(SLAVE_PFS, shared_uuid=OTHERS)), "mirrors another master"),
        (slave(status=replace(SLAVE_PFS, sync_end_tid=Tid(101))), "they have diverged"),
        (slave(status=replace(MASTER_PFS, path=S)), "are one PFS"),
        (
            slave(link=PathFact("/etc", Kind.DIRECTORY), place=symlink("/x", "/etc"), status=None),
            "slave /etc, to which /x points, is a plain directory",
        ),
        (
            replace(NOTHING, slave=replace(NO_SLAVE, link=missing(M))),
            f"master and slave are one path: {M}",
        ),
        (
            replace(NOTHING, master=replace(NO_MASTER, place=directory("/Backup1/pfs"))),
            f"{M} cannot be below /Backup1/pfs",
        ),
        (
            replace(NOTHING, slave=replace(NO_SLAVE, link=missing("/Backup1/test/pfs/x"))),
            "/Backup1/test/pfs/x cannot be below /Backup1/test",
        ),
        (
            replace(NOTHING, master=replace(NO_MASTER, place=missing("/Backup2/test/m"))),
            "/Backup2/test/m cannot be below /Backup2/test",
        ),
        (replace(ALL, master=NO_MASTER), "its master is missing"),
        (
            replace(ALL, fstab=replace(FSTAB, is_edited=True, conflict="/x /Backup1/test")),
            "/etc/fstab: /x /Backup1/test",
        ),
    ],
)
def test_nothing_is_done_to_what_holds_something_else(facts: Facts, told: str) -> None:
    (reason,) = reasons(facts)

    assert told in reason


def test_all_reasons_are_told_at_once() -> None:
    facts = replace(
        ALL,
        master=replace(MASTER, link=PathFact(M, Kind.FILE), status=None),
        slave=replace(SLAVE, status=replace(SLAVE_PFS, is_master=True)),
        fstab=replace(FSTAB, is_edited=True, conflict="/x /Backup1/test"),
    )

    assert len(reasons(facts)) == 3


def test_other_plan_keeps_the_pair() -> None:
    record = PlanRecord("test", PlanName.SWITCHOVER, 1.0, step="downgrade")

    assert [each.what for each in other_plan_reasons("test", record)] == [
        "switchover holds pair test (its last step: downgrade)"
    ]
    assert list(other_plan_reasons("test", STANDING)) == []
    assert list(other_plan_reasons("test", None)) == []


# --- another host ----------------------------------------------------------------------------

OPEN = SshHost("office", settings=SshSettings(admin_identity="/k/admin"))


def unseen(end: End, host: SshHost) -> End:
    return replace(
        end,
        endpoint=Endpoint(end.link.path, host),
        link=PathFact(end.link.path, Kind.UNSEEN),
        link_directory=PathFact(end.link_directory.path, Kind.UNSEEN),
        place=None,
        above=None,
        above_status=None,
        is_readable=False,
    )


def test_steps_of_another_host_happen_there() -> None:
    facts = replace(ALL, slave=unseen(NO_SLAVE, SshHost("office")))
    hosts = {step.name: getattr(step.action, "host", None) for step in planned(facts).steps}

    assert names(facts) == [
        *("hold", "slave-pfs-directory", "slave-pfs", "flush", "copy", "release"),
    ]
    assert hosts["slave-pfs"] == SshHost("office")
    assert hosts["flush"] != SshHost("office")


def test_flush_of_a_master_that_cannot_be_commanded_is_left_out() -> None:
    far = unseen(MASTER, SshHost("office"))

    assert "flush" not in names(replace(ALL, master=far, slave=NEW_SLAVE))
    assert "flush" in names(replace(ALL, master=unseen(MASTER, OPEN), slave=NEW_SLAVE))


def test_mirrored_slave_on_another_host_needs_nothing() -> None:
    assert names(replace(ALL, slave=unseen(SLAVE, SshHost("office")))) == []
