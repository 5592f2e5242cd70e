"""Asks for the lag of now, and finds the history; both may be missing."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from hammerd.cli.client.status_types import PairStatus
from hammerd.cli.history.locate import history_path_of, history_path_without_daemon, request_status
from hammerd.cli.lag.past import Past, Question
from hammerd.cli.options.history_options import refuse_unknown_pairs
from hammerd.cli.options.location import Location, read_file
from hammerd.cli.output.failures import CommandFailed
from hammerd.core import paths
from hammerd.core.api.pair_patterns import choose
from hammerd.core.errors import HammerdError
from hammerd.core.exit_codes import Exit
from hammerd.core.lag_report.summary import Summary

NO_DAEMON = frozenset({Exit.UNAVAILABLE, Exit.NO_PERMISSION})

MOST_AT_ONCE = 25
"""The pairs whose pasts are in memory at the same time."""

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Sources:
    """The pairs of the status (None if no daemon answers, for `absence`), and the history's path.

    `warnings`: the lag_warning of each pair, of the status or of the config.
    """

    now: Mapping[str, PairStatus] | None
    path: str
    absence: CommandFailed | None = None
    warnings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded(Generic[Made]):
    """Results made of the past of each pair; `failure`: the history could not be read."""

    made: Sequence[Made] = ()
    failure: CommandFailed | None = None


def find_sources(location: Location) -> Sources:
    """Ask the daemon for the status, and find the history.

    Raises:
        CommandFailed: the daemon answered what this command cannot read.
        ConfigError: the named config is no TOML, or its state_dir is no path.
    """
    try:
        status = request_status(location)
    except CommandFailed as error:
        if error.code not in NO_DAEMON:
            raise
        path = history_path_without_daemon(location, error)
        return Sources(None, path, error, _configured_warnings(location))
    now = {pair["pair"]: pair for pair in status["pairs"]}
    warnings = {name: one["lag_warning_s"] for name, one in now.items() if "lag_warning_s" in one}
    return Sources(now, history_path_of(status), warnings=warnings)


def choose_pairs(words: Sequence[str], sources: Sources) -> tuple[str, ...]:
    """Return the pairs that words choose, of status, config and history; no words choose all.

    Raises:
        CommandFailed: a word chooses no pair, or without a daemon the history cannot be read.
    """
    known = tuple(sources.warnings if sources.now is None else sources.now)
    try:
        from hammerd.cli.history.queries import known_pairs, read_history

        known = tuple(dict.fromkeys((*known, *read_history(sources.path, known_pairs))))
    except CommandFailed:
        if sources.now is None:
            raise
    choice = choose(words, known)
    refuse_unknown_pairs(sources.path, choice.unknown, known)
    return choice.pairs


def read_pasts(
    pairs: Sequence[str], sources: Sources, question: Question, make: Callable[[Past], Made]
) -> Recorded[Made]:
    """Make something of the past of each pair, a few at once: samples need much memory.

    `make` may take its time, as a pager does: nothing locks the history then. Pairs have no past
    if it cannot be read.
    """
    question = replace(question, warnings=sources.warnings)
    made: list[Made] = []
    step = 1 if question.has_rows else MOST_AT_ONCE
    for first in range(0, max(1, len(pairs)), step):
        try:
            pasts = _read_some(pairs[first : first + step], sources, question)
        except CommandFailed as error:
            rest = [_empty(name, sources, question) for name in pairs[first:]]
            return Recorded([*made, *map(make, rest)], error)
        # Outside of that: an error of `make` is none of the history.
        made += map(make, pasts)
    return Recorded(made)


def _read_some(pairs: Sequence[str], sources: Sources, question: Question) -> list[Past]:
    from hammerd.cli.history.queries import read_history
    from hammerd.cli.lag.reading import pasts_of

    return read_history(sources.path, lambda opened: list(pasts_of(opened, pairs, question)))


def _empty(pair: str, sources: Sources, question: Question) -> Past:
    nothing = Summary(question.period.length_ms / 1_000)
    return Past(pair, question.period, nothing, warning_s=sources.warnings.get(pair))


def _configured_warnings(location: Location) -> Mapping[str, float]:
    """Return the lag_warning of each pair of the config, empty if it cannot be read."""
    from hammerd.core.config.reader import read_config

    path = location.config or paths.CONFIG
    with contextlib.suppress(OSError, HammerdError):
        config = read_config(read_file(path), path)
        return {pair.name: pair.thresholds.lag_warning_s for pair in config.pairs}
    return {}
