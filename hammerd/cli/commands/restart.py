"""`hammerd restart`: end the streams of pairs and start new ones."""

import click

from hammerd.cli.asking import chosen_pairs, takes_pairs, tell_pairs
from hammerd.core.control_messages import Request, Verb


@click.command(epilog="Example: hammerd restart home")
@takes_pairs
def restart(
    pairs: tuple[str, ...], *, every: bool, config: str | None, run_dir: str | None
) -> int:
    """End the streams of pairs and start new ones."""
    request = Request(Verb.RESTART, chosen_pairs(pairs, every=every))
    tell_pairs("restarting", request, config, run_dir)
    return 0
