"""Sends the status to all live clients: server-sent events, at changes and every 15 seconds.

One task reads the status for all of them, and only while there is one. Each client has room for a
single event, the latest: one that reads slowly misses some, and its connection ends when it takes
nothing for long (connections.py).
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from weakref import WeakSet

from hammerd.web.views import View, Views

AFTER_FAULT_S = 1.0
LONGEST_SILENCE_S = 15.0
KEEP_ALIVE_S = 5.0
MOST_CLIENTS = 100
RETRY_MS = 3_000
KEEP_ALIVE = b": \n\n"

GROWING = frozenset(
    {"measured_time", "up_s", "retry_in_s", "lag_s", "origin_lag_s", "bulk_eta_s"}
    | {"safe_until_age_s"}
)
"""Values that change by the clock alone, so that a change of them only is no change."""


def essence_of(view: View) -> str:
    """Return a text that changes when something happened, and not by the clock alone."""
    return json.dumps([view.stale_because, _without_growing(view.status)], sort_keys=True)


def _without_growing(value: object) -> object:
    match value:
        case Mapping():
            return {key: _without_growing(one) for key, one in value.items() if key not in GROWING}
        case list() | tuple():
            return [_without_growing(one) for one in value]
        case _:
            return value


def event_of(view: View) -> bytes:
    """Return the event with a status; JSON has no newline in it."""
    return b"event: status\ndata: " + view.body + b"\n\n"


_LOG = logging.getLogger(__name__)


class TooManyClients(Exception):  # noqa: N818 - what happened
    """There are as many live clients as there may be."""


class _Client:
    """A client's latest event that it has not taken; None without one."""

    def __init__(self) -> None:
        self.event: bytes | None = None
        self.is_waiting = asyncio.Event()

    def offer(self, event: bytes) -> None:
        self.event = event
        self.is_waiting.set()


class Live:
    """The live clients, and the task that reads for them."""

    def __init__(self, views: Views) -> None:
        self._views = views
        # A client whose events nobody began to take leaves nothing here.
        self._clients: WeakSet[_Client] = WeakSet()
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    def subscribe(self) -> AsyncGenerator[bytes, None]:
        """Return the events for a client, the first of them at once.

        Raises:
            TooManyClients: there are as many as there may be.
        """
        if len(self._clients) >= MOST_CLIENTS:
            raise TooManyClients
        client = _Client()
        self._clients.add(client)
        return self._events(client)

    async def _events(self, client: _Client) -> AsyncGenerator[bytes, None]:
        try:
            if self._task is None:
                self._task = asyncio.create_task(self._feed())
            yield b"retry: %d\n" % RETRY_MS + event_of(await self._views.latest())
            while not self._is_closed:
                with suppress(TimeoutError):
                    await asyncio.wait_for(client.is_waiting.wait(), KEEP_ALIVE_S)
                event, client.event = client.event, None
                client.is_waiting.clear()
                yield event or KEEP_ALIVE
        finally:
            self._clients.discard(client)

    def close(self) -> None:
        """End the events of all clients."""
        self._is_closed = True
        for client in self._clients:
            client.is_waiting.set()

    async def _feed(self) -> None:
        loop = asyncio.get_running_loop()
        last, sent_at = "", loop.time()
        while self._clients and not self._is_closed:
            try:
                view = await self._views.latest()
            except Exception:
                # A fault of ours must not leave all clients with what was last.
                _LOG.exception("the status could not be read")
                await asyncio.sleep(AFTER_FAULT_S)
                continue
            essence = await asyncio.to_thread(essence_of, view)
            if essence != last or loop.time() - sent_at >= LONGEST_SILENCE_S:
                last, sent_at = essence, loop.time()
                event = event_of(view)
                for client in self._clients:
                    client.offer(event)
            await asyncio.sleep(view.lasts_s)
        self._task = None
