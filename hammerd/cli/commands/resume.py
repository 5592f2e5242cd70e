"""`hammerd resume`: let paused or parked pairs run again."""

from pathlib import Path

import click

from hammerd.cli.asking import asked_pairs, chosen_pairs, takes_pairs
from hammerd.core.control_messages import Request, Verb


@click.command(epilog="Example: hammerd resume home")
@takes_pairs
def resume(
    pairs: tuple[str, ...], *, every: bool, config: Path | None, run_dir: Path | None
) -> int:
    """Let paused or parked pairs run again.

    A parked pair is probed at once, and parks again if the cause is still there.
    """
    request = Request(Verb.RESUME, chosen_pairs(pairs, every=every))
    click.echo(f"resumed: {asked_pairs(request, config, run_dir)}")
    return 0
