"""Readings that differ in a way that no stream of ours explains are anomalies."""

from dataclasses import replace

import pytest

from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.hosts.ssh_argv import SshSettings
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.anomaly_detector import MAX_DISKS, MAX_STREAM_TIDS, AnomalyDetector
from hammerd.core.replication.anomaly_log import Anomaly, AnomalyName
from hammerd.core.tid import Tid, format_tid

A, B, C = Endpoint("/a"), Endpoint("/b"), Endpoint("/c")
AB = Pair("ab", A, B)


def pfs(tid: int = 10, **fields: object) -> PfsStatus:
    status = PfsStatus("/b", 1, Tid(tid), "shared", "unique", is_master=False)
    return replace(status, **fields)  # type: ignore[arg-type]


def read(
    detector: AnomalyDetector, *readings: PfsStatus, endpoint: Endpoint = B, is_slave: bool = True
) -> list[Anomaly]:
    return [
        anomaly
        for at, status in enumerate(readings)
        for anomaly in detector.compare(endpoint, status, at, is_slave=is_slave)
    ]


def read_at(detector: AnomalyDetector, at: float, tid: int) -> list[Anomaly]:
    return [*detector.compare(B, pfs(tid), at, is_slave=True)]


def values_of(found: list[Anomaly]) -> list[tuple[str, str, str]]:
    return [(each.name.value, each.before, each.after) for each in found]


def test_first_reading_and_an_equal_one_are_no_anomaly() -> None:
    assert read(AnomalyDetector(), pfs(), pfs(), pfs()) == []


def test_changed_role_is_an_anomaly() -> None:
    found = read(AnomalyDetector(), pfs(), pfs(is_master=True), pfs())

    assert values_of(found) == [
        ("end.role_changed", "slave", "master"),
        ("end.role_changed", "master", "slave"),
    ]


@pytest.mark.parametrize(
    ("field", "name"),
    [("shared_uuid", "end.shared_uuid_changed"), ("unique_uuid", "end.uuid_changed")],
)
def test_changed_uuid_is_an_anomaly(field: str, name: str) -> None:
    found = read(AnomalyDetector(), pfs(**{field: "old"}), pfs(**{field: "new"}))

    assert values_of(found) == [(name, "old", "new")]


def test_pfs_of_another_mirror_has_both_uuids_changed() -> None:
    found = read(AnomalyDetector(), pfs(shared_uuid="a", unique_uuid="b"), pfs(1))

    assert values_of(found) == [
        ("end.uuid_changed", "b", "unique"),
        ("end.shared_uuid_changed", "a", "shared"),
    ]


def test_missing_null_mount_is_no_other_pfs() -> None:
    root = pfs(99, pfs_id=0, shared_uuid="fs", unique_uuid="fs", is_master=True)

    assert read(AnomalyDetector(), pfs(), root, root, pfs()) == []
    assert read(AnomalyDetector(), root, pfs()) == []


def test_pfs_that_replaces_another_one_is_recognized() -> None:
    detector = AnomalyDetector()
    read(detector, pfs())

    assert not detector.is_replaced(B, pfs(99))
    assert not detector.is_replaced(C, pfs(99))
    assert not detector.is_replaced(B, pfs(99, pfs_id=0, unique_uuid="fs"))
    assert detector.is_replaced(B, pfs(99, unique_uuid="another"))


# --- jumps -----------------------------------------------------------------------------------


def test_step_that_a_stream_announced_or_took_is_no_jump() -> None:
    detector = AnomalyDetector()
    read(detector, pfs(10))
    detector.add_announced(B, Tid(20))
    detector.add_committed(B, Tid(30))

    assert read(detector, pfs(20), pfs(30), pfs(30), pfs(30)) == []


def test_step_whose_message_comes_late_is_no_jump() -> None:
    detector = AnomalyDetector()
    read(detector, pfs(10), pfs(20))
    detector.add_committed(B, Tid(20))

    assert read(detector, pfs(20), pfs(20)) == []


def test_step_that_no_stream_took_is_a_jump_at_the_next_reading() -> None:
    detector = AnomalyDetector()

    assert read(detector, pfs(10), pfs(20)) == []
    found = read(detector, pfs(20))
    assert values_of(found) == [("slave.tid_jumped", format_tid(Tid(10)), format_tid(Tid(20)))]
    assert read(detector, pfs(20)) == []


@pytest.mark.parametrize(
    ("uuid", "tid", "is_ours"), [("u", 20, True), ("u", 21, False), ("v", 20, False)]
)
def test_step_that_a_stream_onto_another_name_of_the_pfs_took_is_no_jump(
    uuid: str, tid: int, is_ours: bool
) -> None:
    detector = AnomalyDetector()
    read(detector, pfs(10, unique_uuid=uuid), endpoint=C)
    detector.add_announced(C, Tid(15))
    detector.add_committed(C, Tid(20))

    steps = [pfs(now, unique_uuid="u") for now in (10, 15, tid, tid, tid)]
    found = read(detector, *steps)

    assert (found == []) == is_ours


@pytest.mark.parametrize(
    "slave", [B, Endpoint("/b", SshHost("other")), Endpoint("/b", SshHost("me", "other"))]
)
def test_memory_for_a_slave_that_is_never_read_is_bounded(
    slave: Endpoint,
) -> None:
    detector = AnomalyDetector()
    detector.add_committed(slave, Tid(1))
    before = kept(detector)

    for tid in range(2, 20 * MAX_STREAM_TIDS, 2):
        detector.add_announced(slave, Tid(tid))
        detector.add_committed(slave, Tid(tid + 1))

    assert kept(detector) <= before + MAX_STREAM_TIDS
    last = pfs(20 * MAX_STREAM_TIDS - 1)
    assert read(detector, pfs(1), last, last, endpoint=slave) == []


@pytest.mark.parametrize("is_probed", [True, False])
def test_reading_of_another_host_that_a_commit_overtakes_is_explained(is_probed: bool) -> None:
    slave = Endpoint("/b", SshHost("other", settings=SshSettings(is_probed=is_probed)))
    detector = AnomalyDetector()
    read(detector, pfs(1), endpoint=slave)
    for tid in (10, 20):
        detector.add_announced(slave, Tid(tid))
        detector.add_committed(slave, Tid(tid))

    found = read(detector, pfs(10), pfs(20), endpoint=slave)

    assert (found == []) == is_probed


def kept(detector: AnomalyDetector) -> int:
    return sum(len(tids) for tids in detector._stream_tids.values()) + len(detector._committed)


def test_jump_begins_where_our_stream_had_left_the_slave() -> None:
    detector = AnomalyDetector()
    read(detector, pfs(1))
    detector.add_committed(B, Tid(10))

    found = read(detector, pfs(20), pfs(20))

    assert values_of(found) == [("slave.tid_jumped", format_tid(Tid(10)), format_tid(Tid(20)))]


def test_second_writer_is_one_anomaly_until_it_is_acknowledged() -> None:
    detector = AnomalyDetector()

    assert len(read(detector, pfs(10), pfs(20), pfs(30), pfs(40), pfs(40))) == 1
    (known,) = detector.log.anomalies_of(AB)
    assert (known.before, known.after) == (format_tid(Tid(10)), format_tid(Tid(40)))
    assert detector.log.acknowledge(AB) == 1
    assert len(read(detector, pfs(50), pfs(50))) == 1
    assert len(detector.log.anomalies_of(AB)) == 1


def test_step_of_an_earlier_far_writer_is_no_jump_until_the_lock_is_taken_from_it() -> None:
    detector, tids = AnomalyDetector(), (1, 5, 5, 5, 9, 9)

    found = []
    for at, tid in enumerate(tids):
        if at == 2:
            detector.add_earlier_writer(B, 1.5)  # the reading at 1 may have been too early
        found += [(at, *each) for each in values_of(read_at(detector, at, tid))]

    assert found == [(5, "slave.tid_jumped", format_tid(Tid(5)), format_tid(Tid(9)))]


def test_step_after_a_reading_from_before_the_lock_is_no_jump() -> None:
    detector = AnomalyDetector()
    read(detector, pfs(1))
    detector.add_earlier_writer(B, 1.5)

    assert [read_at(detector, at, 5) for at in (2, 3)] == [[], []]


def test_step_of_a_master_is_no_jump() -> None:
    steps = [pfs(tid, is_master=True) for tid in (10, 20, 30, 30)]

    assert read(AnomalyDetector(), *steps, endpoint=A) == []


def test_step_of_a_slave_that_is_only_the_master_of_a_pair_is_no_jump() -> None:
    assert read(AnomalyDetector(), pfs(10), pfs(20), pfs(20), is_slave=False) == []


def test_step_back_is_no_jump() -> None:
    assert read(AnomalyDetector(), pfs(20), pfs(10), pfs(10)) == []


# --- disks that take turns ---------------------------------------------------------------------


DISKS = ("disk 1", "disk 2", "disk 3")


def swap(detector: AnomalyDetector, uuid: str, tid: int = 10, **fields: object) -> str | None:
    """Read another disk; return the uuid of the disk it replaced, None if that is an anomaly."""
    status = pfs(tid, unique_uuid=uuid, **fields)
    before = detector.take_swap(B, status)
    if before is None:
        detector.compare(B, status, 0.0, is_slave=True)
    return before


def test_disk_that_was_mirrored_to_before_may_come_back() -> None:
    detector = AnomalyDetector()
    for uuid in DISKS:
        assert swap(detector, uuid) is None
        detector.add_disks(B, uuid)
    assert [each.name.value for each in detector.log.anomalies_of(AB)] == ["end.uuid_changed"] * 2

    assert [swap(detector, uuid) for uuid in (*DISKS, *DISKS)] == [
        DISKS[2],
        *DISKS,
        *DISKS[:2],
    ]

    assert detector.log.anomalies_of(AB) == ()
    assert detector.disks_of(B) == DISKS


@pytest.mark.parametrize(
    "other", [{"uuid": "new"}, {"shared_uuid": "of another master"}, {"is_master": True}]
)
def test_pfs_that_is_no_known_slave_of_the_master_is_an_anomaly(other: dict[str, object]) -> None:
    detector = AnomalyDetector()
    detector.add_disks(B, *DISKS)
    swap(detector, DISKS[0])

    assert swap(detector, **{"uuid": DISKS[1], **other}) is None  # type: ignore[arg-type]

    assert "end.uuid_changed" in [each.name.value for each in detector.log.anomalies_of(AB)]


def test_swap_drops_no_anomaly_but_swaps() -> None:
    detector = AnomalyDetector()
    detector.add_disks(B, *DISKS)
    detector.log.restore("ab", [Anomaly(AnomalyName.UUID_CHANGED, B, *DISKS[:2], 0.0)])
    detector.log.add(AnomalyName.UUID_CHANGED, A, *DISKS[:2], 0.0)
    detector.log.add(AnomalyName.SLAVE_TID_WENT_BACK, B, "2", "1", 0.0)
    swap(detector, DISKS[0])
    swap(detector, DISKS[1])

    assert [(each.name.value, each.endpoint) for each in detector.log.anomalies_of(AB)] == [
        ("end.uuid_changed", A),
        ("slave.tid_went_back", B),
    ]


def test_one_disk_takes_no_turns_and_many_are_bounded() -> None:
    detector = AnomalyDetector()

    assert not detector.add_disks(B, "only")
    assert not detector.add_disks(B, "only")
    assert detector.disks_of(B) == ()
    for number in range(1000):
        detector.add_disks(B, str(number))
    assert len(detector.disks_of(B)) == MAX_DISKS
    detector.forget_all_but([A])
    assert detector.disks_of(B) == ()


def test_endpoints_that_no_pair_has_any_more_are_forgotten() -> None:
    detector = AnomalyDetector()
    read(detector, pfs(), pfs(is_master=True))
    detector.log.acknowledge(AB)

    detector.log.forget("ab")
    detector.forget_all_but([A])

    assert detector.log.anomalies_of(AB) == ()
    assert read(detector, pfs()) == []
