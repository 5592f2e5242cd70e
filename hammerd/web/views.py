"""Reads the status once for all clients: that of the daemon, or what the last one left.

However many clients ask, the daemon is asked at most once a second, by one thread.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import cast

from hammerd.cli.client.status_types import StatusReply
from hammerd.cli.history.locate import history_path_of, history_path_without_daemon
from hammerd.cli.offline.last_state import find_last_state
from hammerd.cli.options.location import Location
from hammerd.cli.output.failures import CommandFailed, exit_code
from hammerd.cli.output.json_output import SCHEMA_VERSION
from hammerd.core.api.protocol import Request, Verb
from hammerd.core.errors import HammerdError
from hammerd.core.exit_codes import Exit

MAX_AGE_S = 1.0
"""The age up to which a status is given to further clients."""

BYTES_PER_S = 256 << 10
"""A larger status is given for longer: it costs the daemon and each live client more."""

TIMEOUT_S = 5.0
"""The time within which the daemon must answer.

Prometheus waits for 10 s by default, and is to be told of a daemon that hangs.
"""


@dataclass(frozen=True)
class View:
    """A status at one moment.

    `status` is the JSON of `hammerd status --json`, `stale_because` the reason why it is what the
    last daemon left; None while a daemon answers. `taken_at` is monotonic. `expositions`: its
    metrics, once they are asked for.
    """

    status: Mapping[str, object]
    taken_at: float
    stale_because: str | None = None
    history_path: str | None = None
    expositions: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        """Whether a daemon answered."""
        return self.stale_because is None

    @property
    def lasts_s(self) -> float:
        """The time for which it is given to further clients."""
        return max(MAX_AGE_S, len(self.body) / BYTES_PER_S)

    @cached_property
    def body(self) -> bytes:
        """The JSON that clients get."""
        return json.dumps(
            {
                "schema_version": SCHEMA_VERSION,
                "is_running": self.is_running,
                "stale_because": self.stale_because,
                **self.status,
            }
        ).encode()


def read_view(location: Location, *, is_denial_told: bool = True) -> View:
    """Ask the daemon; if it does not answer, return what the last one left.

    `is_denial_told`: a daemon that may not be asked is one that does not answer.

    Raises:
        CommandFailed: it may not be asked, and that is not told by the view.
    """
    try:
        status = location.send(Request(Verb.STATUS), TIMEOUT_S)
        if (version := status.get("schema_version")) != SCHEMA_VERSION:
            raise CommandFailed(
                f"hammerd answers with a status of version {version}, the web server knows "
                f"version {SCHEMA_VERSION}: restart it",
                code=Exit.PROTOCOL,
            )
    except HammerdError as error:
        if exit_code(error) == Exit.NO_PERMISSION and not is_denial_told:
            raise
        return _last_view(location, error)
    path = history_path_of(cast("StatusReply", status))
    return View(status, time.monotonic(), history_path=path)


def _last_view(location: Location, error: HammerdError) -> View:
    try:
        status = asdict(find_last_state(location))
    except HammerdError as also:
        status = {"hammerd": None, "health": "critical", "pairs": [], "fault": also.message}
    try:
        failure = CommandFailed(error.message)
        path = history_path_without_daemon(location, failure)
    except HammerdError:
        path = None
    return View(status, time.monotonic(), error.message, path)


def load_all(location: Location) -> None:
    """Do once all that views need, so that all modules are imported."""
    read_view(location)
    with suppress(HammerdError):
        find_last_state(location)


class Views:
    """The latest view, read anew when it is asked for and too old."""

    def __init__(self, read: Callable[[], View]) -> None:
        self._read = read
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="status")
        self._last: View | None = None
        self._reading: asyncio.Future[View] | None = None

    async def latest(self) -> View:
        """Return a view that is young enough; all who wait for one get the same."""
        last = self._last
        if last is not None and time.monotonic() - last.taken_at < last.lasts_s:
            return last
        if self._reading is None:
            loop = asyncio.get_running_loop()
            self._reading = loop.run_in_executor(self._thread, self._read_whole)
            self._reading.add_done_callback(self._keep)
        return await asyncio.shield(self._reading)

    def _read_whole(self) -> View:
        view = self._read()
        # Encoded here, off the loop, and once.
        assert view.body
        return view

    def _keep(self, reading: asyncio.Future[View]) -> None:
        self._reading = None
        if not reading.cancelled() and reading.exception() is None:
            self._last = reading.result()
