"""Tests that a cancelled wait for the end of groups can be repeated."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import psutil
import pytest
import structlog

from hammerd.core.pair.events import Event, GroupEmpty
from hammerd.core.pair.slave_claims import Claim, SlaveClaims
from hammerd.daemon.foreign.orphans import Orphans
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.process.exit_watch import make_exit_watch
from hammerd.daemon.state.spawn_records import SpawnRecord, SpawnRecords
from hammerd.daemon.stream.streams import Streams
from tests.daemon.at_each_await import Stop, Unexpected, interrupt, reached

ENV = {"PATH": "/bin:/usr/bin"}
WORDS = ("/bin/sleep", "4720")


@pytest.fixture
def records(tmp_path: Path) -> SpawnRecords:
    return SpawnRecords(tmp_path / "streams", lambda _because: None)


@asynccontextmanager
async def some_streams(records: SpawnRecords) -> AsyncIterator[tuple[Streams, list[str]]]:
    """Yield two streams that are ending, and the pairs with a GroupEmpty."""
    loop, empty = asyncio.get_running_loop(), list[str]()

    def emit(pair: str, event: Event) -> None:
        if isinstance(event, GroupEmpty):
            empty.append(pair)

    streams = Streams(loop, emit, make_exit_watch(loop), records)
    loop.add_signal_handler(signal.SIGCHLD, streams.child_changed)
    for pair in ("one", "two"):
        streams.launch(pair, WORDS, ENV, Claim(pair, frozenset({pair})))
        streams.terminate(pair)
    try:
        yield streams, empty
    finally:
        loop.remove_signal_handler(signal.SIGCHLD)


def test_streams_end_after_a_cancelled_wait(records: SpawnRecords) -> None:
    async def scenario(stop: Stop) -> None:
        async with some_streams(records) as (streams, empty):
            task = await stop.run(streams.wait_until_ended(60))
            if stop.was_reached:
                assert task.cancelled() or task.exception() is stop.error
            assert await streams.wait_until_ended(60) == ()
            assert sorted(empty) == ["one", "two"]

    interrupt(scenario, Unexpected("broke"))


def test_orphans_end_or_are_reported_after_a_cancelled_wait(
    records: SpawnRecords,
) -> None:
    async def scenario(stop: Stop) -> None:
        log = cast(Logger, structlog.get_logger())
        orphan = start()
        # For an instant after it was started a process has no command line yet.
        process = psutil.Process(orphan.pid)
        await reached(lambda: process.cmdline() == [*WORDS], "it runs")
        record = SpawnRecord(orphan.pid, "one", WORDS, ("path:/s",), ())
        orphans, claims = _orphans(records, log, record)
        try:
            task = await stop.run(orphans.wait_until_ended(60))
            if stop.was_reached:
                assert task.cancelled() or task.exception() is stop.error
            left = await orphans.wait_until_ended(60)

            # Reported as left, or ended: the next start ends those that are reported.
            assert bool(left) == bool(orphans.groups())
            assert bool(claims.holder(frozenset({"path:/s"}))) == bool(left)
        finally:
            orphan.kill()
            await asyncio.to_thread(orphan.wait)

    interrupt(scenario, Unexpected("broke"))


def start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(WORDS, start_new_session=True)


def _orphans(
    records: SpawnRecords, log: Logger, record: SpawnRecord
) -> tuple[Orphans, SlaveClaims]:
    records.write(record)
    claims = SlaveClaims()
    orphans = Orphans(claims, records, Journal(log, log), grace_s=5)
    orphans.end_all(lambda: None)
    return orphans, claims
