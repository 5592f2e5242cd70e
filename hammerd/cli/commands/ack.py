"""`hammerd ack`: what a pair complained of was seen."""

import click

from hammerd.cli.asking import chosen_pairs, takes_pairs, tell_pairs
from hammerd.core.control_messages import Request, Verb


@click.command(epilog="Example: hammerd ack home")
@takes_pairs
def ack(pairs: tuple[str, ...], *, every: bool, config: str | None, run_dir: str | None) -> int:
    """Take complaints and anomalies out of the status.

    Wrong checksums, a full or read-only slave, a TID that went back: each stays in the status,
    counted, until somebody says that it was seen. What comes again is shown again.
    """
    request = Request(Verb.ACK, chosen_pairs(pairs, every=every))
    tell_pairs("acknowledged", request, config, run_dir)
    return 0
