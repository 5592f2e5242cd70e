"""Live clients: what they are sent, and when."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from hammerd.web import live as module
from hammerd.web import views
from hammerd.web.live import Live, TooManyClients, essence_of
from hammerd.web.views import View, Views
from tests.waiting import DEADLINE_S
from tests.web.metrics.statuses import status


def view(**changes: object) -> View:
    return View(status(**changes), 0.0)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MAX_AGE_S", 0.001)
    monkeypatch.setattr(views, "BYTES_PER_S", 1 << 30)
    monkeypatch.setattr(module, "AFTER_FAULT_S", 0.001)
    monkeypatch.setattr(module, "KEEP_ALIVE_S", 0.01)


class Daemon:
    """A status that a test changes; it counts how often it is asked."""

    def __init__(self) -> None:
        self.changes: Mapping[str, Any] = {}
        self.asked = 0
        self.fault: Exception | None = None

    def read(self) -> View:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return View(status(**self.changes), -1_000.0)


async def event_of(events: AsyncIterator[bytes]) -> bytes:
    """Return the next event that is no keep-alive."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            event = await anext(events)
            if event != module.KEEP_ALIVE:
                return event


def play(story: Callable[[Daemon, Live], Any]) -> None:
    async def run() -> None:
        daemon = Daemon()
        live = Live(Views(daemon.read))
        await story(daemon, live)
        live.close()

    asyncio.run(run())


def test_each_client_gets_each_change() -> None:
    async def story(daemon: Daemon, live: Live) -> None:
        clients = [live.subscribe() for _ in range(3)]
        first = [await event_of(each) for each in clients]
        daemon.changes = {"wanted": "paused"}
        then = [await event_of(each) for each in clients]
        while not all(b'"wanted": "paused"' in event for event in then):
            then = [await event_of(each) for each in clients]

        assert all(event.startswith(b"retry: 3000\nevent: status\ndata: {") for event in first)
        assert all(event.startswith(b"event: status\ndata: {") for event in then)
        assert all(event.endswith(b"}\n\n") and event.count(b"\n") == 3 for event in then)

    play(story)


def test_slow_client_gets_the_latest_only() -> None:
    async def story(daemon: Daemon, live: Live) -> None:
        slow, quick = live.subscribe(), live.subscribe()
        await event_of(slow)
        await event_of(quick)
        for count in range(1, 6):
            daemon.changes = {"restarts": count}
            while b'"restarts": %d,' % count not in await event_of(quick):
                pass

        assert b'"restarts": 5,' in await event_of(slow)

    play(story)


def test_fault_of_a_reading_is_logged_and_outlived(caplog: pytest.LogCaptureFixture) -> None:
    async def story(daemon: Daemon, live: Live) -> None:
        events = live.subscribe()
        await event_of(events)
        daemon.fault = ZeroDivisionError("a fault")
        while "the status could not be read" not in caplog.text:
            # A keep-alive, after a while.
            await anext(events)
        daemon.fault, daemon.changes = None, {"restarts": 9}
        while b'"restarts": 9,' not in await event_of(events):
            pass

    play(story)


def test_there_are_only_so_many_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CLIENTS", 2)

    async def story(_: Daemon, live: Live) -> None:
        first = live.subscribe()
        await event_of(first)
        await event_of(live.subscribe())
        with pytest.raises(TooManyClients):
            live.subscribe()
        await first.aclose()
        # Nobody takes the events of this one, and it is gone.
        live.subscribe()
        await event_of(live.subscribe())

    play(story)


def test_all_end_when_it_closes() -> None:
    async def story(_: Daemon, live: Live) -> None:
        events = live.subscribe()
        await event_of(events)
        live.close()
        assert [event async for event in events] in ([], [module.KEEP_ALIVE])

    play(story)


def test_status_is_read_once_for_all_who_wait() -> None:
    async def run() -> None:
        daemon = Daemon()
        views = Views(daemon.read)
        await asyncio.gather(*(views.latest() for _ in range(100)))
        assert daemon.asked == 1

    asyncio.run(run())


GROWN = {"lag_s": 99.0, "up_s": 7.0, "retry_in_s": 3.0, "bulk_eta_s": 1.0, "origin_lag_s": 1.0}


def test_what_grows_by_the_clock_is_no_change() -> None:
    assert essence_of(view()) == essence_of(view(**GROWN))
    assert essence_of(view()) != essence_of(view(slave_tid="0x5"))
    assert essence_of(view()) != essence_of(View(status(), 0.0, "no hammerd answers"))
