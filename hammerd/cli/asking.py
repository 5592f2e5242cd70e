"""What pause, resume and restart have in common: the pairs they name, and what they say after."""

from collections.abc import Callable

import click

from hammerd.cli.control_client import ask
from hammerd.cli.saying import say, say_aside
from hammerd.cli.whereabouts import asks_the_daemon, current
from hammerd.core.control_messages import Request


def takes_pairs(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command pair names, --all, and the options that say where the daemon is."""
    every = click.option("--all", "every", is_flag=True, help="All pairs of the config.")
    named = click.argument("pairs", nargs=-1, metavar="[PAIR]...")
    return named(every(asks_the_daemon(command)))


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


def tell_pairs(words: str, request: Request, config: str | None, run_dir: str | None) -> None:
    """Send a request about pairs, and say which ones it reached, and which it left paused.

    What was done and could not be saved is a warning, and no failure.
    """
    data = ask(current(config, run_dir).find_run_dir(), request)
    told = f"{words}: {_listed(data.get('pairs', list(request.pairs)))}"
    if left := data.get("left_paused"):
        told += f"; left paused: {_listed(left)}"
    say(told)
    if because := data.get("unsaved_because"):
        say_aside(f"hammerd: done, but not saved: {because}")
        say_aside("hint: it does not outlive hammerd until it is; hammerd tries again each minute")


def _listed(names: object) -> str:
    return ", ".join(map(str, names)) if isinstance(names, list) and names else "no pair"
