"""The options -c and --run-dir, which locate the daemon and its config.

They may stand before or after the command's name; the ones after it win.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from hammerd.cli.output.failures import CommandFailed, NoDaemon
from hammerd.core import paths
from hammerd.core.errors import ConfigError, HammerdError
from hammerd.core.exit_codes import Exit

if TYPE_CHECKING:
    from hammerd.core.api.protocol import Request
    from hammerd.core.config.model import Config

REFUSED_S = 0.1
"""Delay before a request is repeated to a hammerd that runs and refuses the connection."""

# click must not check the file: _content() reports it with our message and exit status.
FILE = click.Path(readable=False)


@dataclass(frozen=True, slots=True)
class Location:
    """The config and the run_dir as given on the command line; None if not given."""

    config: str | None = None
    run_dir: str | None = None

    def find_run_dir(self) -> str:
        """Return the directory of the daemon's sockets.

        Raises:
            CommandFailed: the config that names it cannot be read.
            ConfigError: that config is no TOML, or its run_dir is no path.
        """
        if self.run_dir is not None:
            return self.run_dir
        return paths.RUN_DIR if self.config is None else _directory("run_dir", self.config)

    def send(self, request: "Request", timeout_s: float | None = None) -> Mapping[str, object]:
        """Send a request to the hammerd at this location, and return the data of its answer.

        Raises:
            CommandFailed: no answer, no permission to open the socket, or a refusal.
            ConfigError: as from find_run_dir().
        """
        from hammerd.cli.client.control_client import TIMEOUT_S, send_request

        timeout_s = TIMEOUT_S if timeout_s is None else timeout_s
        run_dir, deadline_at = self.find_run_dir(), time.monotonic() + timeout_s
        while True:
            try:
                return send_request(run_dir, request, timeout_s)
            except NoDaemon as error:
                from hammerd.cli.client.lock_holder import find_lock_holder, unreachable_error

                holder = find_lock_holder(self._likely_state_dir())
                if holder is None or (self.config is None and holder.run_dir not in ("", run_dir)):
                    raise
                # BSD refuses a connection if the queue is full; other systems let the client wait.
                if not error.is_refused or time.monotonic() > deadline_at:
                    raise unreachable_error(holder, run_dir, error) from error
            time.sleep(REFUSED_S)

    def _likely_state_dir(self) -> str:
        """Return the state_dir of the config, or the default one if no config names it."""
        try:
            return self.find_state_dir() or paths.STATE_DIR
        except HammerdError:
            return paths.STATE_DIR

    def find_state_dir(self) -> str | None:
        """Return the directory of the daemon's state, None if no config is named.

        Raises:
            CommandFailed: the config that names it cannot be read.
            ConfigError: that config is no TOML, or its state_dir is no path.
        """
        return None if self.config is None else _directory("state_dir", self.config)


def load_config(path: str) -> "Config":
    """Read a config file.

    Raises:
        CommandFailed: it cannot be read.
        ConfigError: it has faults, or we are root and other users could change it.
    """
    # The daemon's own reader, so that `check` and `run` give the same errors.
    from hammerd.core.config.reader import read_config
    from hammerd.daemon.service.config_file import read
    from hammerd.daemon.service.program_file import command_faults

    config = read_config(_content(path, read), path)
    if faults := command_faults(config.notify.commands):
        raise ConfigError(path, faults)
    return config


def read_file(path: str) -> bytes:
    """Return the bytes of a config, without a check of who could change them.

    Raises:
        OSError: it cannot be read, or is no file.
    """
    from hammerd.daemon.service.config_file import open_file

    with open_file(path) as file:
        return file.read()


def _directory(key: str, path: str) -> str:
    # Imported only here: a status without -c needs no TOML reader.
    from hammerd.core.config.toml import read_directory

    return read_directory(key, _content(path), path)


def _content(path: str, read: Callable[[str], bytes] = read_file) -> bytes:
    try:
        return read(path)
    except OSError as error:
        hint = "name a config with -c FILE"
        if os.path.exists(paths.SAMPLE):
            hint += f"; {paths.SAMPLE} is one to start from"
        reason = f"cannot read {path}: {error.strerror}"
        raise CommandFailed(reason, hint, code=Exit.NO_INPUT) from error


def _is_given(context: click.Context) -> bool:
    """Return whether -c or --run-dir was given here, not only before the command's name."""
    return context.obj is not (context.parent and context.parent.obj)


def _note(context: click.Context, option: click.Parameter, value: str | None) -> None:
    """Note an option in the context's Location, which replaces that of the outer context."""
    if value is not None:
        given = context.obj if _is_given(context) else Location()
        context.obj = replace(given, **{str(option.name): value})


def current_location() -> Location:
    """Return the options after the command's name, or those before it if there are none."""
    return click.get_current_context().obj or Location()


config_option = click.option(
    "-c",
    "--config",
    type=FILE,
    callback=_note,
    expose_value=False,
    metavar="FILE",
    help=f"The daemon's config.  [default: {paths.CONFIG}]",
)
config_flag = click.option(
    "-c",
    "config",
    type=FILE,
    callback=_note,
    expose_value=False,
    metavar="FILE",
    help=f"The daemon's config.  [default: {paths.CONFIG}]",
)
"""The same for a command that has another --config."""

run_dir_option = click.option(
    "--run-dir",
    type=click.Path(),
    callback=_note,
    expose_value=False,
    metavar="DIR",
    help=f"Where the daemon's sockets are.  [default: {paths.RUN_DIR}]",
)


def takes_location(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options -c and --run-dir to a command."""
    return config_option(run_dir_option(command))


def takes_config(command: Callable[..., int]) -> Callable[..., int]:
    """Let a command take a config, as its argument or by -c."""
    return click.argument("file", type=FILE, required=False)(config_option(command))


def chosen_config(file: str | None) -> str:
    """Return the config that the command line names, or the default one.

    Raises:
        click.UsageError: the argument and -c were both given after the command's name.
    """
    if file is not None and _is_given(click.get_current_context()):
        raise click.UsageError("name one config: FILE or -c FILE, not both")
    return file or current_location().config or paths.CONFIG
