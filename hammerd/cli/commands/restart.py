"""`hammerd restart`: end the streams of pairs and start new ones."""

import click

from hammerd.cli.options.pair_arguments import Asked, takes_pairs
from hammerd.core.api.protocol import Verb


@click.command(epilog="Example: hammerd restart home")
@takes_pairs
def restart(asked: Asked) -> int:
    """End the streams of pairs and start new ones."""
    return asked.send("restarting", Verb.RESTART)
