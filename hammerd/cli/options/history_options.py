"""Options that `events` and `lag` share: pairs, times, --json, and the history's location."""

from collections.abc import Callable, Sequence

import click

from hammerd.cli.options.completion import complete_pairs
from hammerd.cli.options.location import takes_location
from hammerd.cli.options.since import read_since
from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.json_output import json_option
from hammerd.cli.output.times import Zone, now_ms
from hammerd.core.api.protocol import refuse_unchosen
from hammerd.core.exit_codes import Exit


def read_time(context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    """Read the value of an option that is a time, in milliseconds of Unix time; None stays."""
    if value is None:
        return None
    try:
        return read_since(value, now_ms(), context.params.get("zone", Zone.UTC))
    except ValueError as error:
        raise click.BadParameter(f"{value} {error}", context, option) from error


local_option = click.option(
    "--local",
    "zone",
    is_flag=True,
    # Read first: it decides on the times that the other options name.
    is_eager=True,
    callback=lambda _context, _option, is_local: Zone.LOCAL if is_local else Zone.UTC,
    help="Show times in the local zone, and read those without a zone as such; not in JSON.",
)
"""Adds a parameter `zone`."""

since_option = click.option(
    "--since",
    default="1d",
    show_default=True,
    callback=read_time,
    metavar="WHEN",
    help="From when on: 2h, 1w, yesterday, or a time as hammerd prints it (UTC).",
)


def takes_history_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add pairs, --since (in milliseconds of Unix time), --json, -c and --run-dir to a command."""
    named = click.argument("pairs", shell_complete=complete_pairs, nargs=-1, metavar="[PAIR]...")
    return named(since_option(json_option(takes_location(command))))


def refuse_unknown_pairs(path: str, unknown: Sequence[str], known: Sequence[str]) -> None:
    """Refuse words that choose no pair of the history at `path`.

    Raises:
        CommandFailed: `unknown` is not empty.
    """
    if refusal := refuse_unchosen(unknown, known):
        raise CommandFailed(f"{path}: {refusal.error}", refusal.hint, code=Exit.USAGE)
