"""Where the daemon is: the options that every command which asks it has in common.

They may stand before or after the command's name; what stands after wins.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from hammerd.cli.exits import CommandFailed, Exit
from hammerd.core.daemon_config import Config, DaemonConfig

DEFAULT_CONFIG = Path("/usr/local/etc/hammerd.toml")

config_option = click.option(
    "-c",
    "--config",
    "config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The daemon's config, which tells where its sockets are.",
)
run_dir_option = click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help=f"Where the daemon's sockets are.  [default: {DaemonConfig().run_dir}]",
)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What was said of the daemon's place; None where nothing was."""

    config: Path | None = None
    run_dir: Path | None = None

    def find_run_dir(self) -> Path:
        """Return the directory of the daemon's sockets.

        Raises:
            CommandFailed: the config that should tell it cannot be read.
            ConfigError: that config has faults.
        """
        if self.run_dir is not None:
            return self.run_dir
        daemon = load_config(self.config).daemon if self.config else DaemonConfig()
        return Path(daemon.run_dir)


def load_config(path: Path) -> Config:
    """Read a config file.

    Raises:
        CommandFailed: it cannot be read.
        ConfigError: it has faults.
    """
    # Reading TOML costs a status without -c nothing.
    from hammerd.core.config import read_config

    try:
        content = path.read_bytes()
    except OSError as error:
        raise CommandFailed(
            f"cannot read {path}: {error.strerror}",
            "name a config with -c FILE; /usr/local/etc/hammerd.toml.sample is one to start from",
            code=Exit.NO_INPUT,
        ) from error
    return read_config(content, str(path))


def current(config: Path | None, run_dir: Path | None) -> Whereabouts:
    """Join what was said after the command's name with what was said before it."""
    said = click.get_current_context().find_object(Whereabouts) or Whereabouts()
    if config is not None or run_dir is not None:
        return Whereabouts(config, run_dir)
    return said


def asks_the_daemon(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options that say where the daemon is."""
    return config_option(run_dir_option(command))
