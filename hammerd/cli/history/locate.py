"""Finds history.db: by a config that is named, by the daemon that answers, or in its usual place.

The history must be there for who asks when no daemon answers.
"""

import os

from hammerd.cli.client.status_types import StatusReply, read_status
from hammerd.cli.options.location import Location
from hammerd.cli.output.failures import CommandFailed
from hammerd.core import paths
from hammerd.core.api.protocol import Request, Verb


def ask_status(where: Location) -> StatusReply:
    """Return the status of all pairs.

    Raises:
        CommandFailed: no daemon answers, or it is of another version.
    """
    return read_status(where.send(Request(Verb.STATUS)))


def find_history_path(where: Location) -> str:
    """Return the path of the history.

    Raises:
        CommandFailed: nothing tells where it is.
        ConfigError: the config that should tell it is no TOML, or its state_dir is no path.
    """
    if where.config is not None:
        return _in_state_dir(where)
    try:
        status = ask_status(where)
    except CommandFailed as error:
        return history_path_without_daemon(where, error)
    return history_path_of(status)


def history_path_of(status: StatusReply) -> str:
    """Return where a running daemon has its history."""
    return status["hammerd"].get("history_path") or _usual_path()


def history_path_without_daemon(where: Location, error: CommandFailed) -> str:
    """Return where the history is when no daemon tells it, which failed with `error`.

    Raises:
        CommandFailed: nothing else tells it either.
        ConfigError: the config that should tell it is no TOML, or its state_dir is no path.
    """
    if where.config is None and where.run_dir is not None:
        hint = "name its config with -c FILE: it tells where the history is"
        raise CommandFailed(error.message, hint, code=error.code) from error
    return _in_state_dir(where)


def _in_state_dir(where: Location) -> str:
    state_dir = where.find_state_dir()
    return _usual_path() if state_dir is None else os.path.join(state_dir, paths.HISTORY_FILE)


def _usual_path() -> str:
    try:
        state_dir = Location(paths.CONFIG).find_state_dir()
    except CommandFailed:
        state_dir = None
    return os.path.join(state_dir or paths.STATE_DIR, paths.HISTORY_FILE)
