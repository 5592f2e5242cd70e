"""The commands `hammerd pause`, `resume`, `restart` and `ack`, each a request for some pairs."""

import click

from hammerd.cli.options.pair_arguments import PairArguments, takes_pairs
from hammerd.cli.options.span import read_span
from hammerd.core.api.protocol import Verb
from hammerd.core.config.values import show_duration


@click.command(epilog="Example: hammerd pause home --for 2h")
@click.option(
    "--for", "for_s", callback=read_span, metavar="DURATION", help="30s, 5m, 1h30m, 1d or 2w."
)
@takes_pairs
def pause(arguments: PairArguments, *, for_s: float | None) -> int:
    """End the streams of pairs until they are resumed, over restarts of hammerd too.

    After --for they go on by themselves; until then the status tells how long that is.
    """
    period = "" if for_s is None else f" for {show_duration(for_s)}"
    return arguments.send(f"paused{period}", Verb.PAUSE, for_s)


@click.command(epilog="Example: hammerd resume home")
@takes_pairs
def resume(arguments: PairArguments) -> int:
    """Let paused or parked pairs run again.

    A parked pair is probed at once, and parks again if the cause is still there.
    """
    return arguments.send("asked to run", Verb.RESUME)


@click.command(epilog="Example: hammerd restart home")
@takes_pairs
def restart(arguments: PairArguments) -> int:
    """End the streams of pairs and start new ones."""
    return arguments.send("restarting", Verb.RESTART)


@click.command(epilog="Example: hammerd ack home")
@takes_pairs
def ack(arguments: PairArguments) -> int:
    """Take complaints and anomalies out of the status.

    Wrong checksums, a full or read-only slave, a TID that went back: each stays in the status,
    counted, until somebody says that it was seen. What comes again is shown again.
    """
    return arguments.send("acknowledged", Verb.ACK)
