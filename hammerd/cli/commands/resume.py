"""The command `hammerd resume`: lets paused or parked pairs run again."""

import click

from hammerd.cli.options.pair_arguments import PairArguments, takes_pairs
from hammerd.core.api.protocol import Verb


@click.command(epilog="Example: hammerd resume home")
@takes_pairs
def resume(arguments: PairArguments) -> int:
    """Let paused or parked pairs run again.

    A parked pair is probed at once, and parks again if the cause is still there.
    """
    return arguments.send("asked to run", Verb.RESUME)
