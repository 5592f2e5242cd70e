"""Tests the verdicts that follow from the probes of both endpoints."""

from dataclasses import replace

import pytest

from hammerd.core.hammer.diagnostic_rows import ComplaintRow
from hammerd.core.hammer.diagnostics import TABLE, diagnose
from hammerd.core.hammer.hints import fit_hint
from hammerd.core.hammer.messages import Complaint, Cure, ParkCause
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.probe_verdict import (
    AwaitMount,
    FileStat,
    Go,
    Park,
    PathStat,
    ProbeFailed,
    ProbeResult,
    ProbeTrouble,
    ProbeVerdict,
    Retry,
    verdict_of,
)
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.tid import Tid

SHARED = "9043570e-b3d9-11de-9bef-011617202aa6"
OTHER = "97d77f53-b3da-11de-9bef-011617202aa6"

HOME = Pair("home", Endpoint("/Backup1/test"), Endpoint("/Backup2/pfs/test"))
PUSHED = replace(HOME, slave=Endpoint("/Backup2/pfs/test", SshHost("b", "root")))

MASTER = PfsStatus("/Backup1/test", 1, Tid(0x200), SHARED, "m" * 36, is_master=True)
SLAVE = replace(MASTER, path="/Backup2/pfs/test", unique_uuid="s" * 36, is_master=False)
ROOT = replace(MASTER, pfs_id=0, shared_uuid=OTHER, unique_uuid=OTHER)

NOTHING = FileStat(exists=False)
DIRECTORY = FileStat(exists=True, is_directory=True)


def failed(text: str, path_stat: PathStat | None = None) -> ProbeFailed:
    complaint = diagnose(text)
    assert complaint is not None
    return ProbeFailed(complaint, path_stat)


def link(text: str | None) -> FileStat:
    return FileStat(exists=True, is_symlink=True, link_text=text)


def path_stat_of(itself: FileStat, above: FileStat = DIRECTORY) -> PathStat:
    return PathStat("/Backup2/pfs/test", itself, above)


MISSING = "hammer: Failed to open /Backup2/pfs/test: No such file or directory"
NOT_HAMMER = "hammer: Cannot access /Backup1/test: Inappropriate ioctl for device"
REFUSED = "ssh: connect to host b port 22: Connection refused"
FORBIDDEN = "hammer: hammer-remote: restricted target"


def cause_of(verdict: ProbeVerdict) -> str:
    assert not isinstance(verdict, Go)
    return verdict.cause


def hint_of(verdict: ProbeVerdict) -> str:
    assert not isinstance(verdict, Go)
    return verdict.hint


# --- both endpoints were read ------------------------------------------------


def test_a_master_and_its_slave_may_go() -> None:
    assert verdict_of(HOME, MASTER, SLAVE) == Go(ahead=False)


def test_a_slave_behind_its_master_may_go() -> None:
    assert verdict_of(HOME, MASTER, replace(SLAVE, sync_end_tid=Tid(1))) == Go(ahead=False)


def test_a_slave_seen_ahead_of_its_master_goes_and_says_so() -> None:
    assert verdict_of(HOME, MASTER, replace(SLAVE, sync_end_tid=Tid(0x201))) == Go(ahead=True)


def test_a_master_that_is_itself_a_slave_may_go() -> None:
    assert verdict_of(HOME, replace(MASTER, is_master=False), SLAVE) == Go()


def test_a_root_pfs_may_be_mirrored_to_its_own_slave() -> None:
    root = replace(MASTER, pfs_id=0)

    assert verdict_of(HOME, root, SLAVE) == Go()


def test_a_slave_that_leads_to_the_root_pfs_waits_for_its_null_mount() -> None:
    verdict = verdict_of(HOME, MASTER, ROOT)

    assert isinstance(verdict, AwaitMount)
    assert verdict.cause == "null_mount_missing"
    assert "mount_null PFS /Backup2/pfs/test" in verdict.hint


def test_a_master_that_leads_to_another_root_pfs_waits_for_its_null_mount() -> None:
    verdict = verdict_of(HOME, ROOT, SLAVE)

    assert isinstance(verdict, AwaitMount)
    assert verdict.cause == "null_mount_missing"
    assert verdict.hint.startswith("master /Backup1/test: ")


def test_two_missing_null_mounts_on_one_file_system_are_not_one_pfs() -> None:
    assert cause_of(verdict_of(HOME, ROOT, ROOT)) == "null_mount_missing"


def test_a_pfs_cannot_be_its_own_slave() -> None:
    verdict = verdict_of(HOME, MASTER, MASTER)

    assert isinstance(verdict, Park)
    assert verdict.cause is ParkCause.SAME_PFS


def test_a_promoted_slave_parks_the_pair() -> None:
    verdict = verdict_of(HOME, MASTER, replace(SLAVE, is_master=True))

    assert isinstance(verdict, Park)
    assert verdict.cause is ParkCause.NOT_A_SLAVE
    assert '"hammerd reseed home"' in verdict.hint
    # A downgrade would leave a TID above writes of the master that were never mirrored.
    assert "pfs-downgrade" not in verdict.hint


def test_other_shared_uuids_park_the_pair_with_both_uuids_and_a_cure() -> None:
    verdict = verdict_of(PUSHED, MASTER, replace(SLAVE, shared_uuid=OTHER))

    assert isinstance(verdict, Park)
    assert verdict.cause is ParkCause.UUID_MISMATCH
    assert SHARED in verdict.hint
    assert OTHER in verdict.hint
    assert '"hammer pfs-destroy /Backup2/pfs/test" on root@b' in verdict.hint
    assert '"hammerd provision home"' in verdict.hint


def test_an_empty_slave_of_another_uuid_need_not_be_destroyed() -> None:
    hint = hint_of(
        verdict_of(HOME, MASTER, replace(SLAVE, shared_uuid=OTHER, sync_end_tid=Tid(1)))
    )

    assert '"hammerd provision home"' in hint
    assert "pfs-destroy" not in hint


def test_a_master_of_another_uuid_is_never_to_be_destroyed_or_downgraded() -> None:
    verdict = verdict_of(HOME, MASTER, replace(SLAVE, shared_uuid=OTHER, is_master=True))

    assert cause_of(verdict) == ParkCause.UUID_MISMATCH
    assert '"hammer' not in hint_of(verdict)


def test_a_hint_stays_the_same_while_the_tids_move() -> None:
    for slave in (replace(SLAVE, shared_uuid=OTHER), replace(SLAVE, is_master=True), ROOT):
        later = replace(MASTER, sync_end_tid=Tid(0x999))
        assert verdict_of(HOME, MASTER, slave) == verdict_of(HOME, later, slave)


# --- an endpoint was not probed ------------------------------------------------


@pytest.mark.parametrize(
    ("master", "slave", "expected"),
    [
        (None, None, Go()),
        (MASTER, None, Go()),
        (ROOT, None, Go()),
        (None, SLAVE, Go()),
    ],
)
def test_endpoint_that_was_not_probed_is_no_obstacle(
    master: ProbeResult | None, slave: ProbeResult | None, expected: ProbeVerdict
) -> None:
    assert verdict_of(HOME, master, slave) == expected


def test_role_of_the_slave_counts_though_the_master_was_not_probed() -> None:
    assert (
        cause_of(verdict_of(HOME, None, replace(SLAVE, is_master=True))) == ParkCause.NOT_A_SLAVE
    )
    assert cause_of(verdict_of(HOME, None, ROOT)) == "null_mount_missing"


# --- an endpoint was not read ------------------------------------------------


def test_a_failure_that_may_pass_is_retried_under_its_name() -> None:
    verdict = verdict_of(PUSHED, MASTER, failed(REFUSED))

    assert isinstance(verdict, Retry)
    assert verdict.cause == "connection_refused"
    assert verdict.hint.startswith("slave root@b:/Backup2/pfs/test: ")


def test_a_refusal_parks() -> None:
    verdict = verdict_of(PUSHED, MASTER, failed(FORBIDDEN))

    assert isinstance(verdict, Park)
    assert verdict.cause is ParkCause.REFUSED


@pytest.mark.parametrize("trouble", ProbeTrouble)
def test_a_probe_that_failed_without_a_complaint_is_retried(trouble: ProbeTrouble) -> None:
    verdict = verdict_of(HOME, ProbeFailed(trouble), SLAVE)

    assert isinstance(verdict, Retry)
    assert verdict.cause == trouble
    assert verdict.hint.startswith("master /Backup1/test: ")


def test_hint_names_the_host_of_a_missing_end_once() -> None:
    missing = failed(f"hammer: Failed to open {PUSHED.slave.path}: No such file or directory")

    hint = hint_of(verdict_of(PUSHED, MASTER, missing))

    assert hint.startswith(f"slave root@b:{PUSHED.slave.path}: {PUSHED.slave.path} or what it")


def test_detail_of_a_trouble_is_in_the_hint() -> None:
    seen = ProbeFailed(ProbeTrouble.SPAWN_FAILED, detail="no such program /sbin/hammer")

    assert (
        hint_of(verdict_of(HOME, seen, SLAVE))
        == "master /Backup1/test: no such program /sbin/hammer"
    )


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_the_cure_of_a_complaint_decides(row: ComplaintRow) -> None:
    complaint = Complaint("text", row.name, row.cure, "hint", row.park_cause)
    verdict = verdict_of(HOME, ProbeFailed(complaint), SLAVE)

    expected = {Cure.PARK: Park, Cure.MOUNT: AwaitMount}.get(complaint.cure, Retry)
    assert isinstance(verdict, expected)
    assert hint_of(verdict) == f"master /Backup1/test: {fit_hint(complaint, HOME).hint}"
    assert cause_of(verdict) == (complaint.park_cause or complaint.name)


@pytest.mark.parametrize(
    ("master", "slave", "cause"),
    [
        (failed(REFUSED), failed(MISSING), "path_missing"),
        (failed(MISSING), failed(REFUSED), "path_missing"),
        (failed(REFUSED), failed(FORBIDDEN), ParkCause.REFUSED),
        (failed(MISSING), failed(FORBIDDEN), ParkCause.REFUSED),
        (failed(REFUSED), ProbeFailed(ProbeTrouble.PROBE_TIMEOUT), "connection_refused"),
        (failed(REFUSED), ROOT, "null_mount_missing"),
    ],
)
def test_of_two_obstacles_the_stronger_counts(
    master: ProbeResult, slave: ProbeResult, cause: str
) -> None:
    assert cause_of(verdict_of(PUSHED, master, slave)) == cause


def test_a_slave_promoted_when_its_master_died_parks_though_the_master_is_silent() -> None:
    verdict = verdict_of(HOME, failed(REFUSED), replace(SLAVE, is_master=True))

    assert cause_of(verdict) == ParkCause.NOT_A_SLAVE


# --- the mount trap ------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path_stat", "cause", "advice"),
    [
        (MISSING, None, "path_missing", "is its file system mounted"),
        (MISSING, path_stat_of(NOTHING, NOTHING), "file_system_missing", "mount -a"),
        (MISSING, path_stat_of(NOTHING), "pfs_missing", '"hammer pfs-slave'),
        (MISSING, path_stat_of(link("@@PFS00009")), "pfs_missing", "@@PFS00009"),
        (MISSING, path_stat_of(link("/old/@@PFS00009")), "pfs_missing", "was destroyed"),
        (
            MISSING,
            path_stat_of(link("/away/test")),
            "link_target_missing",
            "symlink to /away/test",
        ),
        (MISSING, path_stat_of(link("@@-1:00001")), "path_missing", "is not there"),
        (MISSING, path_stat_of(link(None)), "path_missing", "is not there"),
        (MISSING, path_stat_of(DIRECTORY), "path_missing", "is not there"),
        (NOT_HAMMER, path_stat_of(DIRECTORY), "null_mount_missing", "mount_null PFS"),
        (NOT_HAMMER, path_stat_of(FileStat(exists=True)), "not_a_hammer_fs", "HAMMER2"),
        (NOT_HAMMER, None, "not_a_hammer_fs", "HAMMER2"),
    ],
)
def test_stat_of_the_path_distinguishes_what_is_missing(
    text: str, path_stat: PathStat | None, cause: str, advice: str
) -> None:
    verdict = verdict_of(HOME, MASTER, failed(text, path_stat))

    assert isinstance(verdict, AwaitMount)
    assert verdict.cause == cause
    assert advice in verdict.hint
    assert verdict.hint.startswith("slave /Backup2/pfs/test: ")
