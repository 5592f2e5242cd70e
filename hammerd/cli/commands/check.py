"""`hammerd check`: every fault of a config, without a daemon."""

from pathlib import Path

import click

from hammerd.cli.quantities import count
from hammerd.cli.whereabouts import DEFAULT_CONFIG, load_config


@click.command(epilog="Example: hammerd check /usr/local/etc/hammerd.toml")
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT_CONFIG)
def check(file: Path) -> int:
    """Check a config FILE and tell everything that is wrong with it.

    Exits with 78 when there are faults, with 66 when the file cannot be read.
    """
    config = load_config(file)
    click.echo(f"{file}: {count(len(config.pairs), 'pair')}, no faults")
    return 0
