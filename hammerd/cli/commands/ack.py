"""The command `hammerd ack`: removes complaints and anomalies from the status."""

import click

from hammerd.cli.options.pair_arguments import PairArguments, takes_pairs
from hammerd.core.api.protocol import Verb


@click.command(epilog="Example: hammerd ack home")
@takes_pairs
def ack(arguments: PairArguments) -> int:
    """Take complaints and anomalies out of the status.

    Wrong checksums, a full or read-only slave, a TID that went back: each stays in the status,
    counted, until somebody says that it was seen. What comes again is shown again.
    """
    return arguments.send("acknowledged", Verb.ACK)
