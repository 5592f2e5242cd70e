"""The commands `hammerd pause`, `resume`, `restart` and `ack`, each a request for some pairs."""

import click

from hammerd.cli.options.pair_arguments import PairArguments, takes_pairs
from hammerd.core.api.protocol import Verb
from hammerd.core.config.values import InvalidValue, read_duration, show_duration
from hammerd.core.durations import short_form


def _read_for(context: click.Context, option: click.Parameter, value: str | None) -> float | None:
    """Read --for, as a duration of the config or in words."""
    if value is None:
        return None
    try:
        return read_duration(short_form(value) or value)
    except InvalidValue as error:
        hints = "".join(f": {problem.hint}" for problem in error.problems if problem.hint)
        raise click.BadParameter(f"{value} {error}{hints}", context, option) from error


@click.command(epilog="Example: hammerd pause home --for 2h")
@click.option(
    "--for", "for_s", callback=_read_for, metavar="DURATION", help="30s, 5m, 1h30m, 1d or 2w."
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
