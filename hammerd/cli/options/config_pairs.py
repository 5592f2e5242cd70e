"""Chooses pairs of a config by the words of a command line: names and patterns like `web*`."""

from collections.abc import Sequence

import click

from hammerd.cli.output.failures import CommandFailed
from hammerd.core.api.pair_patterns import choose, is_pattern
from hammerd.core.api.protocol import refuse_unchosen
from hammerd.core.config.model import Config
from hammerd.core.exit_codes import Exit
from hammerd.core.pairs import Pair


def chosen_pairs(words: Sequence[str], config: Config) -> tuple[Pair, ...]:
    """Return the pairs that words choose, in the order of the words; no words choose all.

    A pair that is disabled must be named.

    Raises:
        CommandFailed: a word chooses no pair, or all of the chosen ones are disabled.
    """
    known = {pair.name: pair for pair in config.pairs}
    choice = choose(words, known)
    if refusal := refuse_unchosen(choice.unknown, known):
        raise CommandFailed(refusal.error, refusal.hint, code=refusal.code)
    found = [known[name] for name in choice.pairs]
    chosen = tuple(pair for pair in found if pair.enabled or pair.name in choice.named)
    if words and not chosen:
        reason = f"disabled in the config: {', '.join(choice.pairs)}"
        raise CommandFailed(reason, "name those that are meant", code=Exit.UNAVAILABLE)
    return chosen


def read_one_pair(context: click.Context, option: click.Parameter, value: str) -> str:
    """Refuse a pattern where a command takes a single pair."""
    if is_pattern(value):
        reason = f"{value} is a pattern, and this command takes the name of one pair"
        raise click.BadParameter(reason, context, option)
    return value
