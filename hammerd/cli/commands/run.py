"""The command `hammerd run`: starts the daemon."""

import gc
from functools import partial
from pathlib import Path

import click

from hammerd.cli.options.location import chosen_config, load_config, takes_config


@click.command(epilog="Example: hammerd run -c /usr/local/etc/hammerd.toml")
@click.option(
    "--detach",
    is_flag=True,
    help="Go to the background, and return when the daemon is ready or cannot start.",
)
@click.option(
    "--check",
    "is_check",
    is_flag=True,
    help="Start nothing: only tell whether these words and the config are good.",
)
@takes_config
def run(file: str | None, *, detach: bool, is_check: bool) -> int:
    """Supervise the pairs of a config until told to stop, in the foreground.

    Ready is a daemon with a valid config, its lock, its pid file and its sockets; it waits for
    no pair and no disk. What keeps it from there is told on stderr, what comes later in the log.
    """
    path = chosen_config(file)
    # Reports a config that cannot be used as `check` does, before the daemon starts.
    load_config(path)
    if is_check:
        return 0
    # As in cli/main.py: imports leave no garbage, and imported objects stay until the end.
    gc.disable()
    # Imported only here: the other commands need nothing of the daemon.
    from hammerd.daemon.service.lean_imports import without_unused_modules

    with without_unused_modules():
        from hammerd.daemon.run import run as run_daemon
        from hammerd.daemon.service.daemonize import detach as run_detached
    gc.freeze()
    gc.enable()

    serve = partial(run_daemon, Path(path).absolute())
    return run_detached(serve) if detach else serve()
