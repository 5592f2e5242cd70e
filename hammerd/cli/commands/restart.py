"""The command `hammerd restart`: ends the streams of pairs and starts new ones."""

import click

from hammerd.cli.options.pair_arguments import PairArguments, takes_pairs
from hammerd.core.api.protocol import Verb


@click.command(epilog="Example: hammerd restart home")
@takes_pairs
def restart(arguments: PairArguments) -> int:
    """End the streams of pairs and start new ones."""
    return arguments.send("restarting", Verb.RESTART)
