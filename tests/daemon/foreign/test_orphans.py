"""Tests that an orphan's slave is released when its group is empty, also after errors."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from hammerd.core.config.model import LogFormat, LogLevel
from hammerd.core.pair.slave_claims import Busy, Claim, Resource, SlaveClaims
from hammerd.daemon.foreign import orphans as orphans_module
from hammerd.daemon.foreign.orphans import Orphans
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.logging.setup import LogStyle, make_logger
from hammerd.daemon.process.process_table import Member, members_of
from hammerd.daemon.state.spawn_records import KnownProcess, SpawnRecord, SpawnRecords
from tests.waiting import until

KEYS = ("path:/slave",)


def test_orphan_is_ended_though_the_process_table_cannot_be_read_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([OSError(24, "Too many open files")] * 3)

    def members(pgids: set[int]) -> dict[int, tuple[Member, ...]]:
        if (error := next(failures, None)) is not None:
            raise error
        return dict(members_of(pgids))

    monkeypatch.setattr(orphans_module, "members_of", members)
    lines: list[str] = []
    log = make_logger(
        lambda _level, line: lines.append(line), LogStyle(LogFormat.HUMAN, LogLevel.INFO)
    )
    slaves = SlaveClaims()
    orphan = subprocess.Popen(["/bin/sleep", "4714"], start_new_session=True)
    # For an instant after it was started a process has no command line yet.
    until(lambda: psutil.Process(orphan.pid).cmdline() == ["/bin/sleep", "4714"], "it runs")
    record = SpawnRecord(orphan.pid, "test", ("/bin/sleep", "4714"), KEYS, ())

    async def main() -> None:
        ended = asyncio.Event()
        records = SpawnRecords(tmp_path, lines.append)
        records.write(record)
        orphans = Orphans(slaves, records, Journal(log, log), grace_s=5)
        orphans.drain_s = lambda ended: 30.0 if ended == record else 0.0
        orphans.end_all(ended.set)
        assert slaves.holder(frozenset(KEYS)) is not None
        assert orphans.groups() == {orphan.pid}
        await asyncio.wait_for(ended.wait(), 40)
        assert orphans.groups() == frozenset()

    asyncio.run(main())
    assert slaves.holder(frozenset(KEYS)) is None
    assert slaves.take(Claim("next", frozenset(KEYS))) == Busy(Resource.DRAIN, "an earlier writer")
    assert orphan.wait(40) < 0
    assert next(failures, None) is None
    assert not any(tmp_path.iterdir())
    with pytest.raises(ProcessLookupError):
        os.killpg(orphan.pid, 0)


def a_log(lines: list[str]) -> Journal:
    log = make_logger(
        lambda _level, line: lines.append(line), LogStyle(LogFormat.HUMAN, LogLevel.INFO)
    )
    return Journal(log, log)


@pytest.fixture
def foreign() -> Iterator[subprocess.Popen[bytes]]:
    """Yield a foreign group, with an id that a record of ours names."""
    with subprocess.Popen(["/bin/sleep", "4716"], start_new_session=True) as process:
        until(lambda: psutil.Process(process.pid).cmdline() == ["/bin/sleep", "4716"], "it runs")
        yield process
        process.kill()


def record_of(foreign: subprocess.Popen[bytes]) -> SpawnRecord:
    began = psutil.Process(foreign.pid).create_time()
    earlier = KnownProcess(foreign.pid, began - 60)
    return SpawnRecord(foreign.pid, "test", ("hammer", "mirror-stream"), KEYS, (earlier,))


def test_record_with_the_pid_of_a_foreign_process_is_dropped(
    tmp_path: Path, foreign: subprocess.Popen[bytes]
) -> None:
    records = SpawnRecords(tmp_path, str)
    records.write(record_of(foreign))
    orphans = Orphans(SlaveClaims(), records, a_log([]), grace_s=5)

    orphans.end_all(lambda: None)

    assert orphans.groups() == frozenset()
    assert not any(tmp_path.iterdir())
    assert foreign.poll() is None


def test_group_that_cannot_be_read_is_not_signalled_before_it_is_known_as_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreign: subprocess.Popen[bytes]
) -> None:
    failures = iter([OSError(24, "Too many open files")] * 4)
    held: list[bool] = []

    def members(pgids: set[int]) -> dict[int, tuple[Member, ...]]:
        if (error := next(failures, None)) is not None:
            held.append(slaves.holder(frozenset(KEYS)) is not None)
            raise error
        return dict(members_of(pgids))

    monkeypatch.setattr(orphans_module, "members_of", members)
    slaves = SlaveClaims()

    async def main() -> None:
        ended = asyncio.Event()
        records = SpawnRecords(tmp_path, str)
        records.write(record_of(foreign))
        orphans = Orphans(slaves, records, a_log([]), grace_s=0)
        orphans.end_all(ended.set)
        await asyncio.wait_for(ended.wait(), 40)

    asyncio.run(main())
    assert held == [False, True, True, True]
    assert slaves.holder(frozenset(KEYS)) is None
    assert foreign.poll() is None


@pytest.mark.parametrize("timeout_s", [2.0, 0.0])
def test_stop_ends_a_whole_orphan_or_returns_that_it_survives(
    tmp_path: Path, timeout_s: float
) -> None:
    ignore = "trap '' TERM; echo; while :; do sleep 0.1; done"
    deaf = subprocess.Popen(["/bin/sh", "-c", ignore], start_new_session=True, stdout=-1)
    assert deaf.stdout is not None
    assert deaf.stdout.read(1) == b"\n"
    known = (KnownProcess(deaf.pid, psutil.Process(deaf.pid).create_time()),)

    async def left() -> list[int]:
        records = SpawnRecords(tmp_path, str)
        records.write(SpawnRecord(deaf.pid, "test", ("hammer",), KEYS, known))
        # A grace longer than any stop.
        orphans = Orphans(SlaveClaims(), records, a_log([]), grace_s=4000)
        orphans.end_all(lambda: None)
        return [record.pgid for record in await orphans.wait_until_ended(timeout_s)]

    survivors = asyncio.run(left())
    if survivors:
        assert (survivors, timeout_s) == ([deaf.pid], 0.0)
        assert any(tmp_path.iterdir())
        deaf.kill()
    else:
        assert not any(tmp_path.iterdir())
        assert timeout_s > 0
    assert deaf.wait(40) == -9
    deaf.stdout.close()


def test_slave_of_two_orphans_is_held_until_the_last_has_ended(tmp_path: Path) -> None:
    lines: list[str] = []
    log = make_logger(
        lambda _level, line: lines.append(line), LogStyle(LogFormat.HUMAN, LogLevel.INFO)
    )
    slaves, held = SlaveClaims(), []
    quick = subprocess.Popen(["/bin/sleep", "4715"], start_new_session=True)
    ignore = "trap '' TERM; echo; while :; do sleep 0.1; done"
    deaf = subprocess.Popen(["/bin/sh", "-c", ignore], start_new_session=True, stdout=-1)
    assert deaf.stdout is not None
    assert deaf.stdout.read(1) == b"\n"

    async def main() -> None:
        records, some_ended = SpawnRecords(tmp_path, lines.append), asyncio.Event()
        for orphan in (quick, deaf):
            started_time = psutil.Process(orphan.pid).create_time()
            known = (KnownProcess(orphan.pid, started_time),)
            records.write(SpawnRecord(orphan.pid, "test", ("hammer",), KEYS, known))
        orphans = Orphans(slaves, records, Journal(log, log), grace_s=0.5)

        def on_ended() -> None:
            held.append(slaves.holder(frozenset(KEYS)) is not None)
            some_ended.set()

        orphans.end_all(on_ended)
        while len(held) < 2:
            await asyncio.wait_for(some_ended.wait(), 40)
            some_ended.clear()

    asyncio.run(main())
    assert held == [True, False]
    assert (quick.wait(40), deaf.wait(40)) == (-15, -9)
    deaf.stdout.close()
