"""Starts the web server: listens, gives up the rights of root, checks what it may read, serves.

    address ── pid file ── user ── may it read status and history? ── ready ── serves

The port and the pid file come first, since they may need the rights of root; all else runs as the
user, the reading of requests above all.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module

from hammerd.cli.options.location import Location
from hammerd.core.errors import HammerdError
from hammerd.web.app import make_site
from hammerd.web.process.access import check_access
from hammerd.web.process.listen import Address, bind, bound_address
from hammerd.web.process.logs import log_config
from hammerd.web.process.pidfile import hold_pid_file
from hammerd.web.process.privileges import Account, become, current_user
from hammerd.web.process.server import serve
from hammerd.web.views import Views, load_all, read_view

UMASK = 0o022
LOADED_LATE = (
    *("anyio._backends._asyncio", "encodings.idna", "uvicorn.loops.asyncio"),
    *("hammerd.cli.lag.reading", "hammerd.cli.history.events_table"),
)
"""Modules that are imported when they are first needed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The location to serve, the address, and the account; no account: that of who started it."""

    address: Address
    account: Account | None
    names: tuple[str, ...]
    location: Location
    pid_file: str | None = None
    is_detached: bool = False

    def run(self, ready: Callable[[Address], None]) -> int:
        """Serve until told to stop; call `ready` with the address as soon as it answers.

        Raises:
            HammerdError: it cannot listen there, or not run as that user.
        """
        os.umask(UMASK)
        gid = -1 if self.account is None else self.account.gid
        listener, location = bind(self.address, gid), self.location
        # Root's config may be closed to the user; a running daemon tells the rest.
        run_dir = location.find_run_dir()
        if self.pid_file is not None:
            hold_pid_file(self.pid_file)
        if self.account is not None:
            _load_all(self.location)
            become(self.account)
        if location.config is not None and not os.access(location.config, os.R_OK):
            location = replace(location, run_dir=run_dir)
        check_access(location, current_user())
        address = bound_address(listener)
        views = Views(partial(read_view, location))
        site = make_site(views, (address.host, *self.names))
        log = log_config(is_detached=self.is_detached)
        return serve(listener, site, log, lambda: ready(address))


def _load_all(location: Location) -> None:
    """Import all modules now: the user need not be able to read them where they are installed."""
    load_all(location)
    for name in LOADED_LATE:
        with suppress(ImportError, HammerdError):
            import_module(name)
