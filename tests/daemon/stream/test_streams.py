"""Tests streams of real processes: after any error the group ends and GroupEmpty comes."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from hammerd.core.errors import SpawnError
from hammerd.core.hammer.messages import Remark
from hammerd.core.pair.events import Event, GroupEmpty, MessageRead, ParentDied
from hammerd.core.pair.slave_claims import Claim
from hammerd.daemon.process.exit_watch import make_exit_watch
from hammerd.daemon.state.spawn_records import SpawnRecord, SpawnRecords
from hammerd.daemon.stream import streams as streams_module
from hammerd.daemon.stream.streams import Streams
from tests.daemon.world import living_pids
from tests.waiting import until

ENV = {"PATH": "/bin:/usr/bin"}
CLAIM = Claim("test", frozenset({"path:/slave"}))


@pytest.fixture(params=["shortcuts", "portable"], autouse=True)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "portable":
        monkeypatch.setenv("HAMMERD_PORTABLE", "1")


class BrokenRecords(SpawnRecords):
    """Records that fail with an unexpected error."""

    def write(self, record: SpawnRecord) -> None:
        raise RuntimeError("no record today")


def play(act: Callable[[Streams], None], records: SpawnRecords) -> list[Event]:
    """Let `act` use streams until a group is empty; return the events of the pair."""
    events: list[Event] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        is_empty = asyncio.Event()

        def emit(_pair: str, event: Event) -> None:
            events.append(event)
            if isinstance(event, ParentDied):
                streams.terminate("test")
            if isinstance(event, GroupEmpty):
                is_empty.set()

        streams = Streams(loop, emit, make_exit_watch(loop), records)
        loop.add_signal_handler(signal.SIGCHLD, streams.child_changed)
        act(streams)
        await is_empty.wait()

    asyncio.run(main())
    return events


@pytest.fixture
def records(tmp_path: Path) -> SpawnRecords:
    return SpawnRecords(tmp_path / "streams", lambda _because: None)


def launch(streams: Streams, script: str) -> int:
    return streams.launch("test", ("/bin/sh", "-c", script), ENV, CLAIM)


@pytest.mark.parametrize("ask", [Streams.terminate, Streams.kill])
def test_pair_without_a_stream_has_an_empty_group(
    records: SpawnRecords, ask: Callable[[Streams, str], None]
) -> None:
    assert play(lambda streams: ask(streams, "test"), records) == [GroupEmpty()]


def test_all_messages_come_before_the_group_is_empty(records: SpawnRecords) -> None:
    events = play(lambda streams: launch(streams, "echo one >&2; echo two >&2") and None, records)

    assert [event for event in events if isinstance(event, MessageRead)] == [
        MessageRead(Remark("one")),
        MessageRead(Remark("two")),
    ]
    assert ParentDied("exit 0") in events or ParentDied("dead") in events
    assert events[-1] == GroupEmpty()


def test_record_that_breaks_keeps_no_stream_from_running_or_ending(tmp_path: Path) -> None:
    records = BrokenRecords(tmp_path / "streams", lambda _because: None)

    events = play(lambda streams: launch(streams, "echo one >&2") and None, records)

    assert MessageRead(Remark("one")) in events
    assert events[-1] == GroupEmpty()


def test_stream_without_a_reader_is_killed_and_its_death_posted(
    records: SpawnRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(streams_module, "StderrReader", broken)

    events = play(lambda streams: launch(streams, "sleep 4716") and None, records)

    assert [type(event) for event in events] == [ParentDied, GroupEmpty]
    until(lambda: not living_pids("sleep 4716"), "it has exited")


def test_launch_that_cannot_start_leaves_no_stream(records: SpawnRecords) -> None:
    def launch_nothing(streams: Streams) -> None:
        with pytest.raises(SpawnError):
            streams.launch("test", ("/no/such/hammer",), ENV, CLAIM)
        assert streams.of("test") is None
        streams.terminate("test")

    assert play(launch_nothing, records) == [GroupEmpty()]
