"""`hammerd restart`: end the streams of pairs and start new ones."""

from pathlib import Path

import click

from hammerd.cli.asking import asked_pairs, chosen_pairs, takes_pairs
from hammerd.core.control_messages import Request, Verb


@click.command(epilog="Example: hammerd restart home")
@takes_pairs
def restart(
    pairs: tuple[str, ...], *, every: bool, config: Path | None, run_dir: Path | None
) -> int:
    """End the streams of pairs and start new ones."""
    request = Request(Verb.RESTART, chosen_pairs(pairs, every=every))
    click.echo(f"restarting: {asked_pairs(request, config, run_dir)}")
    return 0
