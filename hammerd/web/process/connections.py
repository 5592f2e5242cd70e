"""A connection of HTTP/1.1 that ends when its client sends no request, or takes no answer.

uvicorn has a time limit only between two requests, and a limit of requests, not of connections.
Idle clients would hold all files that this process may open, and it could not ask the daemon.
"""

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """A connection with time limits.

    `request_s`: the time for a whole request to come. `take_s`: the time for a client to take what
    waits for it. `most`: the number of connections at once.
    """

    request_s: ClassVar[float] = 15.0
    take_s: ClassVar[float] = 30.0
    most: ClassVar[int] = 400
    _request_timer: asyncio.TimerHandle | None = None
    _take_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.abort()
        else:
            self._await_request()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        super().data_received(data)
        self._await_request()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all waiting."""
        self._stop(self._request_timer)
        self._stop(self._take_timer)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for the client to take what was sent."""
        super().pause_writing()
        self._take_timer = self.loop.call_later(self.take_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on sending."""
        super().resume_writing()
        self._stop(self._take_timer)

    def _await_request(self) -> None:
        # There is no cycle before the first request.
        if getattr(self.cycle, "response_complete", True) is False:
            self._stop(self._request_timer)
            self._request_timer = None
        elif self._request_timer is None:
            self._request_timer = self.loop.call_later(self.request_s, self.transport.abort)

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()
