"""Arguments that promote, switchover and reseed share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

import click

from hammerd.cli.options.completion import complete_pairs
from hammerd.cli.options.config_pairs import read_one_pair
from hammerd.cli.options.location import config_flag, run_dir_option
from hammerd.cli.output.json_output import json_option


@dataclass(frozen=True, slots=True)
class PlanArguments:
    """The pair of a plan, and how far the command may go."""

    pair: str
    is_dry_run: bool
    is_confirmed: bool
    as_json: bool


def takes_plan_arguments(command: Callable[..., int]) -> Callable[..., int]:
    """Add PAIR, --plan (or --dry-run), --yes, --json, -c and --run-dir to a command.

    -c has no long name here: --config is another option of some of these commands.
    """

    @wraps(command)
    def with_arguments(
        pair: str, *, is_dry_run: bool, is_confirmed: bool, as_json: bool, **others: object
    ) -> int:
        if as_json and not is_dry_run:
            raise click.UsageError("--json is for --plan")
        return command(PlanArguments(pair, is_dry_run, is_confirmed, as_json), **others)

    named = click.argument("pair", callback=read_one_pair, shell_complete=complete_pairs)
    locations = json_option(config_flag(run_dir_option(with_arguments)))
    return named(dry_run_option(confirmed_option(locations)))


dry_run_option = click.option(
    "--plan", "--dry-run", "is_dry_run", is_flag=True, help="Show the plan, and change nothing."
)

confirmed_option = click.option("--yes", "is_confirmed", is_flag=True, help="Do not ask.")

goes_back_option = click.option(
    "--undo", "goes_back", is_flag=True, help="Go back, as long as the slave is a slave."
)

turns_config_option = click.option(
    "--config", "turns_config", is_flag=True, help="Swap the ends in the config, too."
)
