"""`hammerd version`: which hammerd this is."""

import click

from hammerd import __version__


@click.command(epilog="Example: hammerd version")
def version() -> int:
    """Print the version."""
    click.echo(f"hammerd {__version__}")
    return 0
