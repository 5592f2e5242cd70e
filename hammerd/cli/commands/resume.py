"""`hammerd resume`: let paused or parked pairs run again."""

import click

from hammerd.cli.asking import chosen_pairs, takes_pairs, tell_pairs
from hammerd.core.control_messages import Request, Verb


@click.command(epilog="Example: hammerd resume home")
@takes_pairs
def resume(pairs: tuple[str, ...], *, every: bool, config: str | None, run_dir: str | None) -> int:
    """Let paused or parked pairs run again.

    A parked pair is probed at once, and parks again if the cause is still there.
    """
    request = Request(Verb.RESUME, chosen_pairs(pairs, every=every))
    tell_pairs("asked to run", request, config, run_dir)
    return 0
