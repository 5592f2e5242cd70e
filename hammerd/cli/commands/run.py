"""`hammerd run`: the daemon itself."""

from pathlib import Path

import click

from hammerd.cli.whereabouts import DEFAULT_CONFIG, current


@click.command(epilog="Example: hammerd run -c /usr/local/etc/hammerd.toml")
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"What to supervise, and how.  [default: {DEFAULT_CONFIG}]",
)
def run(config: Path | None) -> int:
    """Supervise the pairs of a config until told to stop."""
    # The other commands know nothing of the daemon, and load none of it.
    from hammerd.daemon.lean_imports import without_unused_modules

    with without_unused_modules():
        from hammerd.daemon.run import run as run_daemon

    return run_daemon(current(config, None).config or DEFAULT_CONFIG)
