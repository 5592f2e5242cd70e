"""Serves until TERM or INT; then live clients end, then answers under way, then the process."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Generator

import uvicorn

from hammerd.web.app import Site
from hammerd.web.process.connections import Connection

MOST_CONNECTIONS = 250
KEEP_ALIVE_S = 15
LONGEST_STOP_S = 3


class _Server(uvicorn.Server):
    """A server that ends with status 0 when it is told to stop."""

    def __init__(self, config: uvicorn.Config, site: Site, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._site = site
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Stop at a signal, where uvicorn would raise it again in the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        # A second signal does not wait for answers.
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._site.live.close()
        await super().shutdown(sockets)


def serve(
    listener: socket.socket, site: Site, log: dict[str, object], ready: Callable[[], None]
) -> int:
    """Serve on a socket that listens; call `ready` when it answers, return at the end.

    `log` is a config for logging.config.dictConfig().
    """
    config = uvicorn.Config(
        site.app,
        http=Connection,
        ws="none",
        loop="asyncio",
        lifespan="off",
        interface="asgi3",
        log_config=log,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=LONGEST_STOP_S,
    )
    _Server(config, site, ready).run([listener])
    return 0
