"""Finds history.db: by the named config, by the daemon's answer, or at its default path.

The history must be readable without a daemon.
"""

import contextlib
import os

from hammerd.cli.client.status_types import StatusReply, read_status
from hammerd.cli.options.location import Location
from hammerd.cli.output.failures import CommandFailed
from hammerd.core import paths
from hammerd.core.api.protocol import Request, Verb


def request_status(location: Location) -> StatusReply:
    """Request the status of all pairs.

    Raises:
        CommandFailed: no daemon answers, or it has another schema version.
    """
    return read_status(location.send(Request(Verb.STATUS)))


def find_history_path(location: Location) -> str:
    """Return the path of the history.

    Raises:
        CommandFailed: its path cannot be found.
        ConfigError: the named config is no TOML, or its state_dir is no path.
    """
    if location.config is not None:
        return _path_by(location)
    try:
        return history_path_of(request_status(location))
    except CommandFailed as error:
        return history_path_without_daemon(location, error)


def history_path_of(status: StatusReply) -> str:
    """Return the path of a running daemon's history."""
    return status["hammerd"].get("history_path") or _path_by(Location())


def history_path_without_daemon(location: Location, error: CommandFailed) -> str:
    """Return the path of the history after a request to the daemon failed with `error`.

    Raises:
        CommandFailed: only a run_dir is named, and it does not lead to the history.
        ConfigError: the named config is no TOML, or its state_dir is no path.
    """
    if location.config is None and location.run_dir is not None:
        hint = "name its config with -c FILE: it tells where the history is"
        raise CommandFailed(error.message, hint, code=error.code) from error
    return _path_by(location)


def _path_by(location: Location) -> str:
    """Return the path that the named config gives, or the default config if none is named."""
    state_dir = location.find_state_dir()
    if state_dir is None:
        with contextlib.suppress(CommandFailed):
            state_dir = Location(paths.CONFIG).find_state_dir()
    return os.path.join(state_dir or paths.STATE_DIR, paths.HISTORY_FILE)
