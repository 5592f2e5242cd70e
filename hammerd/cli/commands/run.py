"""`hammerd run`: the daemon itself."""

from pathlib import Path

import click

from hammerd.cli.whereabouts import chosen_config, load_config, takes_config


@click.command(epilog="Example: hammerd run -c /usr/local/etc/hammerd.toml")
@takes_config
def run(file: str | None, config: str | None) -> int:
    """Supervise the pairs of a config until told to stop."""
    path = chosen_config(file, config)
    # A config that cannot be used is told here as `check` tells it, before there is a daemon.
    load_config(path)
    # The other commands know nothing of the daemon, and load none of it.
    from hammerd.daemon.lean_imports import without_unused_modules

    with without_unused_modules():
        from hammerd.daemon.run import run as run_daemon

    return run_daemon(Path(path).absolute())
