"""`hammerd check`: every fault of a config, without a daemon."""

import click

from hammerd.cli.quantities import count
from hammerd.cli.saying import say
from hammerd.cli.whereabouts import chosen_config, load_config, takes_config
from hammerd.core.errors import ConfigError


@click.command(epilog="Example: hammerd check /usr/local/etc/hammerd.toml")
@click.option("--strict", is_flag=True, help="Take warnings for faults.")
@takes_config
def check(file: str | None, config: str | None, *, strict: bool) -> int:
    """Check a config FILE and tell everything that is wrong with it.

    Exits with 78 when there are faults, with 66 when the file cannot be read. What is allowed
    and most likely not meant is a warning, and exits with 0.
    """
    path = chosen_config(file, config)
    read = load_config(path)
    if strict and read.warnings:
        raise ConfigError(path, read.warnings)
    for warning in read.warnings:
        say(f"warning: {warning}")
    told = [count(len(read.pairs), "pair"), "no faults"]
    if read.warnings:
        told.append(count(len(read.warnings), "warning"))
    say(f"{path}: {', '.join(told)}")
    return 0
