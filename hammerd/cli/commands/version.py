"""The command `hammerd version`: prints the version."""

import click

from hammerd import __version__
from hammerd.cli.output.json_output import json_option, print_json


@click.command(epilog="Example: hammerd version")
@json_option
def version(*, as_json: bool) -> int:
    """Print the version."""
    if as_json:
        print_json({"version": __version__})
    else:
        click.echo(f"hammerd {__version__}")
    return 0
