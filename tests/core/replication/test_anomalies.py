"""What should not happen to an end is told with before and after, until acknowledged."""

from dataclasses import replace

import pytest

from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.anomalies import (
    MOST_DISKS,
    MOST_KEPT,
    MOST_TOLD,
    Anomalies,
    Anomaly,
    AnomalyName,
)
from hammerd.core.tid import Tid, format_tid

A, B, C = Endpoint("/a"), Endpoint("/b"), Endpoint("/c")
AB, AC, BC = Pair("ab", A, B), Pair("ac", A, C), Pair("bc", B, C)


def pfs(tid: int = 10, **fields: object) -> PfsStatus:
    one = PfsStatus("/b", 1, Tid(tid), "shared", "unique", is_master=False)
    return replace(one, **fields)  # type: ignore[arg-type]


def read(anomalies: Anomalies, *readings: PfsStatus, end: Endpoint = B) -> list[Anomaly]:
    return [found for at, one in enumerate(readings) for found in anomalies.read(end, one, at)]


def said(found: list[Anomaly]) -> list[tuple[str, str, str]]:
    return [(one.name.value, one.before, one.after) for one in found]


def test_first_reading_and_one_that_says_the_same_are_no_news() -> None:
    assert read(Anomalies(), pfs(), pfs(), pfs()) == []


def test_role_that_changes_is_told() -> None:
    found = read(Anomalies(), pfs(), pfs(is_master=True), pfs())

    assert said(found) == [
        ("end.role_changed", "slave", "master"),
        ("end.role_changed", "master", "slave"),
    ]


@pytest.mark.parametrize("field", ["shared_uuid", "unique_uuid"])
def test_uuid_that_changes_is_told(field: str) -> None:
    found = read(Anomalies(), pfs(**{field: "old"}), pfs(**{field: "new"}))

    assert said(found) == [("end.uuid_changed", "old", "new")]


def test_pfs_that_is_made_anew_is_one_anomaly() -> None:
    found = read(Anomalies(), pfs(shared_uuid="a", unique_uuid="b"), pfs(1))

    assert said(found) == [("end.uuid_changed", "b", "unique")]


def test_null_mount_that_goes_and_comes_is_no_other_pfs() -> None:
    root = pfs(99, pfs_id=0, shared_uuid="fs", unique_uuid="fs", is_master=True)

    assert read(Anomalies(), pfs(), root, root, pfs()) == []
    assert read(Anomalies(), root, pfs()) == []


def test_pfs_that_another_one_replaces_has_tids_of_its_own() -> None:
    anomalies = Anomalies()
    read(anomalies, pfs())

    assert not anomalies.is_replaced(B, pfs(99))
    assert not anomalies.is_replaced(C, pfs(99))
    assert not anomalies.is_replaced(B, pfs(99, pfs_id=0, unique_uuid="fs"))
    assert anomalies.is_replaced(B, pfs(99, unique_uuid="another"))


# --- jumps -----------------------------------------------------------------------------------


def test_step_that_a_stream_announced_or_took_is_no_jump() -> None:
    anomalies = Anomalies()
    read(anomalies, pfs(10))
    anomalies.announced(B, Tid(20))
    anomalies.committed(B, Tid(30))

    assert read(anomalies, pfs(20), pfs(30), pfs(30), pfs(30)) == []


def test_step_whose_word_comes_late_is_no_jump() -> None:
    anomalies = Anomalies()
    read(anomalies, pfs(10), pfs(20))
    anomalies.committed(B, Tid(20))

    assert read(anomalies, pfs(20), pfs(20)) == []


def test_step_that_nobody_took_is_a_jump_at_the_next_reading() -> None:
    anomalies = Anomalies()

    assert read(anomalies, pfs(10), pfs(20)) == []
    found = read(anomalies, pfs(20))
    assert said(found) == [("slave.tid_jumped", format_tid(Tid(10)), format_tid(Tid(20)))]
    assert read(anomalies, pfs(20)) == []


@pytest.mark.parametrize("slave", [B, Endpoint("/b", host="other"), Endpoint("/b", "me", "other")])
def test_slave_that_is_never_read_costs_no_more_memory_however_much_is_written(
    slave: Endpoint,
) -> None:
    anomalies = Anomalies()
    anomalies.committed(slave, Tid(1))
    before = kept(anomalies)

    for tid in range(2, 1_000_000, 2):
        anomalies.announced(slave, Tid(tid))
        anomalies.committed(slave, Tid(tid + 1))

    assert kept(anomalies) <= before + MOST_TOLD
    assert read(anomalies, pfs(1), pfs(999_999), pfs(999_999), end=slave) == []


def kept(anomalies: Anomalies) -> int:
    return sum(len(told) for told in anomalies._told.values()) + len(anomalies._set)


def test_jump_begins_where_our_stream_had_left_the_slave() -> None:
    anomalies = Anomalies()
    read(anomalies, pfs(1))
    anomalies.committed(B, Tid(10))

    found = read(anomalies, pfs(20), pfs(20))

    assert said(found) == [("slave.tid_jumped", format_tid(Tid(10)), format_tid(Tid(20)))]


def test_second_writer_is_one_anomaly_that_goes_on_until_it_is_acknowledged() -> None:
    anomalies = Anomalies()

    assert len(read(anomalies, pfs(10), pfs(20), pfs(30), pfs(40), pfs(40))) == 1
    (known,) = anomalies.events_of(AB)
    assert (known.before, known.after) == (format_tid(Tid(10)), format_tid(Tid(40)))
    assert anomalies.acknowledge(AB) == 1
    assert len(read(anomalies, pfs(50), pfs(50))) == 1
    assert len(anomalies.events_of(AB)) == 1


def test_master_moves_as_it_likes() -> None:
    steps = [pfs(tid, is_master=True) for tid in (10, 20, 30, 30)]

    assert read(Anomalies(), *steps, end=A) == []


def test_step_back_is_no_jump() -> None:
    assert read(Anomalies(), pfs(20), pfs(10), pfs(10)) == []


# --- disks that take turns ---------------------------------------------------------------------


DISKS = ("disk 1", "disk 2", "disk 3")


def swap(anomalies: Anomalies, uuid: str, tid: int = 10, **fields: object) -> str | None:
    """Read another disk; return which one it took the turn of, or tell what happened."""
    status = pfs(tid, unique_uuid=uuid, **fields)
    before = anomalies.is_swapped(B, status)
    if before is None:
        anomalies.read(B, status, 0.0)
    return before


def test_disk_that_was_mirrored_to_before_may_come_back() -> None:
    anomalies = Anomalies()
    for uuid in DISKS:
        assert swap(anomalies, uuid) is None
        anomalies.belongs(B, uuid)
    assert [one.name.value for one in anomalies.events_of(AB)] == ["end.uuid_changed"] * 2

    assert [swap(anomalies, uuid) for uuid in (*DISKS, *DISKS)] == [DISKS[2], *DISKS, *DISKS[:2]]

    assert anomalies.events_of(AB) == ()
    assert anomalies.disks_of(B) == DISKS


@pytest.mark.parametrize(
    "other", [{"uuid": "new"}, {"shared_uuid": "of another master"}, {"is_master": True}]
)
def test_what_is_no_known_slave_of_the_master_is_still_told(other: dict[str, object]) -> None:
    anomalies = Anomalies()
    anomalies.belongs(B, *DISKS)
    swap(anomalies, DISKS[0])

    assert swap(anomalies, **{"uuid": DISKS[1], **other}) is None  # type: ignore[arg-type]

    assert "end.uuid_changed" in [one.name.value for one in anomalies.events_of(AB)]


def test_swap_forgives_nothing_but_swaps() -> None:
    anomalies = Anomalies()
    anomalies.belongs(B, *DISKS)
    anomalies.inherit("ab", [Anomaly(AnomalyName.UUID_CHANGED, B, *DISKS[:2], 0.0)])
    anomalies.add(AnomalyName.UUID_CHANGED, A, *DISKS[:2], 0.0)
    anomalies.add(AnomalyName.SLAVE_TID_WENT_BACK, B, "2", "1", 0.0)
    swap(anomalies, DISKS[0])
    swap(anomalies, DISKS[1])

    assert [(one.name.value, one.end) for one in anomalies.events_of(AB)] == [
        ("end.uuid_changed", A),
        ("slave.tid_went_back", B),
    ]


def test_one_slave_is_no_rotation_and_many_are_bounded() -> None:
    anomalies = Anomalies()

    assert not anomalies.belongs(B, "only")
    assert not anomalies.belongs(B, "only")
    assert anomalies.disks_of(B) == ()
    for number in range(1000):
        anomalies.belongs(B, str(number))
    assert len(anomalies.disks_of(B)) == MOST_DISKS
    anomalies.forget_all_but([A])
    assert anomalies.disks_of(B) == ()


# --- for whom ----------------------------------------------------------------------------------


def test_pair_is_told_what_happened_to_its_own_ends_in_their_role() -> None:
    anomalies = Anomalies()
    for name in (AnomalyName.SLAVE_TID_WENT_BACK, AnomalyName.MASTER_TID_WENT_BACK):
        anomalies.add(name, B, "2", "1", 0.0)
    anomalies.add(AnomalyName.ROLE_CHANGED, A, "master", "slave", 1.0)

    assert [one.name.value for one in anomalies.events_of(AB)] == [
        "slave.tid_went_back",
        "end.role_changed",
    ]
    assert [one.name.value for one in anomalies.events_of(BC)] == ["master.tid_went_back"]


def test_acknowledged_by_one_pair_is_still_news_to_another() -> None:
    anomalies = Anomalies()
    anomalies.add(AnomalyName.MASTER_TID_WENT_BACK, A, "2", "1", 0.0)

    assert anomalies.acknowledge(AB) == 1
    assert anomalies.acknowledge(AB) == 0
    assert anomalies.events_of(AB) == ()
    assert len(anomalies.events_of(AC)) == 1
    anomalies.add(AnomalyName.MASTER_TID_WENT_BACK, A, "3", "2", 1.0)
    assert len(anomalies.events_of(AB)) == 1


def test_what_an_earlier_run_told_of_a_pair_is_told_first_until_acknowledged() -> None:
    first = Anomalies()
    first.add(AnomalyName.ROLE_CHANGED, A, "master", "slave", 1.0)
    first.add(AnomalyName.SLAVE_TID_WENT_BACK, B, "2", "1", 2.0)
    left = first.events_of(AB)

    anomalies = Anomalies()
    anomalies.inherit("ab", left)
    anomalies.add(AnomalyName.SLAVE_TID_WENT_BACK, B, "3", "2", 3.0)

    assert [one.before for one in anomalies.events_of(AB)] == ["master", "2", "3"]
    assert anomalies.events_of(AC) == ()
    assert anomalies.acknowledge(AB) == 3
    assert anomalies.events_of(AB) == ()
    anomalies.add(AnomalyName.SLAVE_TID_WENT_BACK, B, "4", "3", 4.0)
    assert [one.before for one in anomalies.events_of(AB)] == ["4"]


def test_to_acknowledge_what_was_inherited_brings_nothing_back() -> None:
    anomalies = Anomalies()
    anomalies.add(AnomalyName.ROLE_CHANGED, A, "master", "slave", 1.0)
    new = anomalies.events_of(AB)
    anomalies.acknowledge(AB)
    anomalies.inherit("ab", new)

    assert anomalies.acknowledge(AB) == 1
    assert anomalies.events_of(AB) == ()


def test_no_more_is_kept_of_an_end_over_many_runs() -> None:
    anomalies = Anomalies()
    for number in range(3 * MOST_KEPT):
        anomalies.inherit("ab", anomalies.events_of(AB))
        anomalies.add(AnomalyName.ROLE_CHANGED, A, str(number), "", 0.0)

    assert len(anomalies.events_of(AB)) == MOST_KEPT
    assert anomalies.events_of(AB)[-1].before == str(3 * MOST_KEPT - 1)


def test_only_the_last_anomalies_of_an_end_are_kept() -> None:
    anomalies = Anomalies()
    for number in range(3 * MOST_KEPT):
        anomalies.add(AnomalyName.ROLE_CHANGED, A, str(number), "", 0.0)

    assert len(anomalies.events_of(AB)) == MOST_KEPT
    assert anomalies.events_of(AB)[-1].before == str(3 * MOST_KEPT - 1)


def test_what_no_pair_has_any_more_is_forgotten() -> None:
    anomalies = Anomalies()
    read(anomalies, pfs(), pfs(is_master=True))
    anomalies.acknowledge(AB)

    anomalies.forget("ab")
    anomalies.forget_all_but([A])

    assert anomalies.events_of(AB) == ()
    assert read(anomalies, pfs()) == []
