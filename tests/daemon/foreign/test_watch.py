"""Tests that a cancelled scan for foreign streams answers no request."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from hammerd.core.pair.slave_claims import SlaveClaims
from hammerd.core.pair.states import PairLife
from hammerd.core.pairs import Endpoint, Pair
from hammerd.daemon.foreign import slave_writers
from hammerd.daemon.foreign.adoption import OwnStreams
from hammerd.daemon.foreign.orphans import Orphans
from hammerd.daemon.foreign.path_identity import UNIDENTIFIED, PathIdentities, PathIdentity
from hammerd.daemon.foreign.slave_writers import SlaveWriter, find_writers, is_running
from hammerd.daemon.foreign.watch import ForeignWatch
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.probe.known_paths import KnownPaths
from hammerd.daemon.readings.ingest import ReadingIngest
from hammerd.daemon.state.spawn_records import SpawnRecords
from tests.waiting import until

PAIR = Pair("test", Endpoint("/foreign-watch/master"), Endpoint("/foreign-watch/slave"))
WORDS = ("hammer", "mirror-stream", PAIR.master.path, PAIR.slave.path)


class Paths:
    """Paths without links."""

    def names(self, end: Endpoint) -> tuple[Endpoint, ...]:
        return end, end, end

    def real_path(self, _end: Endpoint) -> str | None:
        return None

    unique_uuid = real_path


@dataclass
class Identities:
    """Writers by their words only; a test ends the first scan."""

    begun: list[asyncio.Event]
    may_end: list[asyncio.Event]

    def find_writers(self, but: Collection[int]) -> AsyncIterator[SlaveWriter]:
        return find_writers(but)

    @property
    def crontabs(self) -> "Identities":
        return self

    async def line_for(self, _operand: str) -> str:
        return ""

    def get(self, _writer: SlaveWriter) -> PathIdentity:
        return UNIDENTIFIED

    async def identify(self, _writers: Collection[SlaveWriter]) -> None:
        if self.may_end:
            self.begun.pop(0).set()
            await self.may_end.pop(0).wait()


@contextmanager
def a_foreign_stream() -> Iterator[subprocess.Popen[bytes]]:
    # yes(1) accepts any words, and waits as soon as its output is not read.
    yes = shutil.which("yes")
    with subprocess.Popen(WORDS, executable=yes, stdout=subprocess.PIPE) as stream:
        until(lambda: any(one.pid == stream.pid for one in found_writers()), "it is found")
        yield stream
        stream.kill()


def found_writers() -> list[SlaveWriter]:
    async def scan() -> list[SlaveWriter]:
        return [writer async for writer in find_writers()]

    return asyncio.run(scan())


def a_watch(identities: Identities, orphans: Orphans) -> ForeignWatch:
    lives: list[PairLife] = []
    ours = OwnStreams(
        frozenset, lambda _pair: None, lambda: lives, lambda _pair, _event: None, "hammer"
    )
    paths = Paths()
    return ForeignWatch(
        ours,
        orphans,
        cast(KnownPaths, paths),
        cast(ReadingIngest, paths),
        cast(PathIdentities, identities),
    )


def test_cancelled_scan_answers_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slave_writers, "SLICE", 1)
    begun, may_end = asyncio.Event(), asyncio.Event()
    identities = Identities([begun], [may_end])
    records = SpawnRecords(tmp_path, str)

    async def main() -> bool:
        watch = a_watch(identities, Orphans(SlaveClaims(), records, cast(Journal, None), 5))
        first = asyncio.create_task(watch.find(PAIR))
        await begun.wait()
        # Both requests come while the first scan is under way, before the second one begins.
        given_up, waiting = (asyncio.create_task(watch.find(PAIR)) for _ in range(2))
        await asyncio.sleep(0)
        stream = await asyncio.to_thread(stack.__enter__)
        may_end.set()
        assert await first is None
        for _ in range(3):  # of many turns that a look takes
            await asyncio.sleep(0)
        given_up.cancel()
        found = await waiting
        await watch.close()
        return found is not None and found.pid == stream.pid

    stack = a_foreign_stream()
    try:
        assert asyncio.run(main())
    finally:
        stack.__exit__(None, None, None)


def test_writer_that_ended_is_not_running() -> None:
    with a_foreign_stream() as stream:
        [writer] = [one for one in found_writers() if one.pid == stream.pid]
        assert is_running(writer)
        assert not is_running(replace(writer, started_time=writer.started_time - 100))

    assert not is_running(writer)
