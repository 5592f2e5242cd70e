"""What pause, resume, restart and ack have in common: the pairs, and what is said after."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps

import click

from hammerd.cli.options.location import Location, current_location, takes_location
from hammerd.cli.output.json_output import json_option, print_json
from hammerd.cli.output.numbers import show_moment
from hammerd.cli.output.text import print_text, print_to_stderr
from hammerd.core.api.protocol import Request, Verb


@dataclass(frozen=True, slots=True)
class Asked:
    """The pairs that a command was given, none for all of them; whom to ask, and how to tell."""

    pairs: tuple[str, ...]
    location: Location
    as_json: bool

    def send(self, words: str, verb: Verb, for_s: float | None = None) -> int:
        """Ask for something, and say which pairs it reached, and which it left paused.

        What was done and could not be saved is a warning, and no failure.
        """
        data = self.location.ask(Request(verb, self.pairs, for_s))
        if self.as_json:
            print_json(data)
        else:
            self._say(words, data)
        if because := data.get("unsaved_because"):
            print_to_stderr(f"hammerd: done, but not saved: {because}")
            print_to_stderr(
                "hint: it does not outlive hammerd until it is; hammerd tries again each minute"
            )
        return 0

    def _say(self, words: str, data: Mapping[str, object]) -> None:
        told = f"{words}: {_listed(data.get('pairs', list(self.pairs)))}"
        if isinstance(until_time := data.get("paused_until_time"), str):
            told += f" (until {show_moment(until_time)})"
        if left := data.get("left_paused"):
            told += f"; left paused: {_listed(left)}"
        print_text(told)
        if isinstance(found := data.get("found"), Mapping):
            for pair, lines in found.items():
                for line in lines:
                    print_text(f"{pair}: {line}")


def takes_pairs(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command pair names, --all, --json, and the options that say where the daemon is."""

    @wraps(command)
    def asked(
        pairs: tuple[str, ...],
        *,
        every: bool,
        as_json: bool,
        config: str | None,
        run_dir: str | None,
        **others: object,
    ) -> int:
        chosen = chosen_pairs(pairs, every=every)
        return command(Asked(chosen, current_location(config, run_dir), as_json), **others)

    every = click.option("--all", "every", is_flag=True, help="All pairs of the config.")
    named = click.argument("pairs", nargs=-1, metavar="[PAIR]...")
    return named(every(json_option(takes_location(asked))))


def chosen_pairs(pairs: tuple[str, ...], *, every: bool) -> tuple[str, ...]:
    """Return the pairs for a request, none for all of them.

    Raises:
        click.UsageError: neither pairs nor --all were said, or both.
    """
    if every and pairs:
        raise click.UsageError("name pairs or say --all, not both")
    if not every and not pairs:
        raise click.UsageError("name a pair, or say --all")
    return tuple(dict.fromkeys(pairs))


def _listed(names: object) -> str:
    return ", ".join(map(str, names)) if isinstance(names, list) and names else "no pair"
