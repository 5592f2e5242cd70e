"""Arguments and output that `pause`, `resume`, `restart` and `ack` share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps

import click

from hammerd.cli.options.completion import complete_pairs
from hammerd.cli.options.location import current_location, takes_location
from hammerd.cli.output.json_output import json_option, print_json
from hammerd.cli.output.numbers import show_moment
from hammerd.cli.output.text import print_text, print_to_stderr
from hammerd.core.api.protocol import Request, Verb


@dataclass(frozen=True, slots=True)
class PairArguments:
    """The shared arguments of one of these commands; no pairs means all pairs."""

    pairs: tuple[str, ...]
    as_json: bool

    def send(self, result: str, verb: Verb, for_s: float | None = None) -> int:
        """Send a request, print `result` with the pairs that it reached, and return 0.

        A request that was done but could not be saved is a warning, not a failure.
        """
        data = current_location().send(Request(verb, self.pairs, for_s))
        if self.as_json:
            print_json(data)
        else:
            self._print(result, data)
        if because := data.get("unsaved_because"):
            print_to_stderr(f"hammerd: done, but not saved: {because}")
            print_to_stderr(
                "hint: it does not outlive hammerd until it is; hammerd tries again each minute"
            )
        return 0

    def _print(self, result: str, data: Mapping[str, object]) -> None:
        text = f"{result}: {_listed(data.get('pairs', list(self.pairs)))}"
        if isinstance(until_time := data.get("paused_until_time"), str):
            text += f" (until {show_moment(until_time)})"
        if left := data.get("left_paused"):
            text += f"; left paused: {_listed(left)}"
        if held := data.get("left_held"):
            text += f"; left held by a plan: {_listed(held)}"
        print_text(text)
        if isinstance(found := data.get("found"), Mapping):
            for pair, lines in found.items():
                for line in lines:
                    print_text(f"{pair}: {line}")


def takes_pairs(command: Callable[..., int]) -> Callable[..., int]:
    """Add pair names, --all, --json, -c and --run-dir to a command."""

    @wraps(command)
    def with_arguments(
        pairs: tuple[str, ...], *, every: bool, as_json: bool, **others: object
    ) -> int:
        if every and pairs:
            raise click.UsageError("name pairs or say --all, not both")
        if not every and not pairs:
            raise click.UsageError("name a pair, or say --all")
        return command(PairArguments(tuple(dict.fromkeys(pairs)), as_json), **others)

    every = click.option("--all", "every", is_flag=True, help="All pairs of the config.")
    named = click.argument("pairs", shell_complete=complete_pairs, nargs=-1, metavar="[PAIR]...")
    return named(every(json_option(takes_location(with_arguments))))


def _listed(names: object) -> str:
    return ", ".join(map(str, names)) if isinstance(names, list) and names else "no pair"
