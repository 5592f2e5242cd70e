"""Damaged spawn records are reported and set aside, and cause no signal."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hammerd.daemon.state.spawn_records import KnownProcess, SpawnRecord, SpawnRecords

RECORD = SpawnRecord(4711, "test", ("hammer", "x"), ("/s",), (KnownProcess(4711, 1.7e9),))


@pytest.fixture
def reported() -> list[str]:
    return []


@pytest.fixture
def records(tmp_path: Path, reported: list[str]) -> SpawnRecords:
    return SpawnRecords(tmp_path, reported.append)


def test_record_is_read_as_it_was_written(records: SpawnRecords, reported: list[str]) -> None:
    records.write(RECORD)

    assert list(records.earlier_records()) == [RECORD]
    assert reported == []


def test_disk_that_hangs_gets_one_job_for_each_group(tmp_path: Path) -> None:
    queued: list[Callable[[], None]] = []
    records = SpawnRecords(tmp_path, lambda _because: None, queued.append)
    newest = replace(RECORD, members=(*RECORD.members, KnownProcess(4713, 1.7e9)))

    for _ in range(100):
        records.write(RECORD)
        records.write(newest)
    assert not any(tmp_path.iterdir())
    assert len(queued) == 1

    queued.pop()()
    assert list(records.earlier_records()) == [newest]

    records.remove(RECORD.pgid)
    records.write(RECORD)
    records.remove(RECORD.pgid)
    (only,) = queued
    only()
    assert not any(tmp_path.iterdir())


def test_record_that_cannot_be_written_is_reported(tmp_path: Path, reported: list[str]) -> None:
    records = SpawnRecords(tmp_path, reported.append)
    (tmp_path / "4711.json").mkdir()

    records.write(RECORD)

    assert reported == [f"{tmp_path}/4711.json: Is a directory"]


def changed(change: Callable[[dict[str, object]], object]) -> str:
    data = {
        "pgid": 4712,
        "pair": "test",
        "argv": [],
        "slave_keys": [],
        "members": [{"pid": 4712, "started_time": 1.7e9}],
    }
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 100_000,
        "[]",
        "7",
        "{}",
        *(
            changed(lambda data, pgid=pgid: data.update(pgid=pgid))  # type: ignore[misc]
            for pgid in (0, 1, -1, 4711, 1 << 40, 10**400, 1e300, "4712", None, True)
        ),
        *(
            changed(
                lambda data, time=time: data.update(members=[{"pid": 2, "started_time": time}])
            )  # type: ignore[misc]
            for time in ("soon", float("nan"), 10**400, None)
        ),
        changed(lambda data: data.update(members=[7])),
        changed(lambda data: data.update(members=[{"pid": 0, "started_time": 1.0}])),
    ],
)
def test_damaged_record_is_ignored_and_reported(
    tmp_path: Path, records: SpawnRecords, reported: list[str], text: str
) -> None:
    records.write(RECORD)
    (tmp_path / "4712.json").write_text(text)

    assert list(records.earlier_records()) == [RECORD]
    assert len(reported) == 1
    assert f"{tmp_path}/4712.json: it cannot be read: " in reported[0]
    assert (tmp_path / "4712.json.bad").read_text() == text
    assert list(records.earlier_records()) == [RECORD]
    assert len(reported) == 1
