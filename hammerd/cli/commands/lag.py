"""`hammerd lag`: how far the slaves are behind now, and how far they were."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Unpack

import click

from hammerd.cli.client.status_types import PairStatus
from hammerd.cli.history.locate import ask_status, history_path_of, history_path_without_daemon
from hammerd.cli.options.history_options import (
    HistoryOptions,
    refuse_unknown_pairs,
    takes_history_options,
)
from hammerd.cli.options.location import Location, current_location
from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.json_output import print_json
from hammerd.cli.output.terminal import print_lines
from hammerd.cli.output.text import print_error, print_text, print_to_stderr
from hammerd.cli.output.times import json_time, latest_ms, now_ms, show_to_minute
from hammerd.core.api.history_schema import LagRow, LagSummary
from hammerd.core.exit_codes import Exit

if TYPE_CHECKING:
    from hammerd.cli.history.lag_table import PairLag

_NO_DAEMON = frozenset({Exit.UNAVAILABLE, Exit.NO_PERMISSION})


@dataclass(frozen=True, slots=True)
class _Past:
    """What the history tells; `failure` is why it tells nothing."""

    last: Sequence[LagRow] = ()
    summaries: Mapping[str, LagSummary] = field(default_factory=dict)
    samples: Sequence[LagRow] | None = None
    failure: CommandFailed | None = None


@click.command(epilog="Example: hammerd lag home --since 7d")
@takes_history_options
def lag(pairs: tuple[str, ...], **said: Unpack[HistoryOptions]) -> int:
    """Show how far the slaves are behind, and how far they were.

    MIN, MEDIAN and MAX are of the samples since then; of those that are older than two days the
    history has the worst of every few minutes only. Of a single PAIR the course is shown too, and
    with --json the samples of each PAIR that is named.
    When no hammerd answers the last sample stands in for now, with its age, and the exit status
    is 69.
    """
    from hammerd.cli.history.lag_table import lag_json

    pairs = tuple(dict.fromkeys(pairs))
    where, at_ms = current_location(said["config"], said["run_dir"]), now_ms()
    now, path, absence = _ask(where)
    past = _look_back(path, pairs, said["since"], latest_ms(said["since"], at_ms))
    if now is None and past.failure is not None:
        raise past.failure
    lags = _together(_names(pairs, now or {}, past, path), now or {}, past)
    if said["as_json"]:
        print_json(
            {
                "hammerd_answers": now is not None,
                "time": json_time(at_ms),
                "since_time": json_time(said["since"]),
                "history_unreadable_because": past.failure.message if past.failure else None,
                "pairs": [lag_json(each) for each in lags],
            }
        )
    else:
        if absence is not None:
            print_to_stderr(f"hammerd: {absence.message}; this is what it left")
        if past.failure is not None:
            print_error(past.failure)
        _show(lags, said["since"], at_ms, has_daemon=now is not None, is_one=len(pairs) == 1)
    return Exit.OK if absence is None else absence.code


def _show(
    lags: Sequence["PairLag"], since_ms: int, at_ms: int, *, has_daemon: bool, is_one: bool
) -> None:
    from hammerd.cli.history.lag_table import bucket_lines, lag_lines

    print_text(f"since {show_to_minute(since_ms)} UTC:")
    print_lines(list(lag_lines(lags, at_ms, has_daemon=has_daemon)))
    if is_one and lags[0].rows:
        print_lines([(), *bucket_lines(lags[0].rows, since_ms, at_ms)])


def _together(names: Sequence[str], now: Mapping[str, PairStatus], past: _Past) -> list["PairLag"]:
    from hammerd.cli.history.lag_table import PairLag

    last = {row.pair: row for row in past.last}
    samples: dict[str, list[LagRow]] | None = None
    if past.samples is not None:
        samples = {name: [] for name in names}
        for row in past.samples:
            samples[row.pair].append(row)
    nothing = LagSummary(0, 0)
    return [
        PairLag(
            name,
            now.get(name),
            last.get(name),
            past.summaries.get(name, nothing),
            None if samples is None else tuple(samples[name]),
        )
        for name in names
    ]


def _ask(
    where: Location,
) -> tuple[dict[str, PairStatus] | None, str, CommandFailed | None]:
    """Return the pairs as they are now, where the history is, and why no daemon tells of now."""
    try:
        status = ask_status(where)
    except CommandFailed as error:
        if error.code not in _NO_DAEMON:
            raise
        return None, history_path_without_daemon(where, error), error
    return {pair["pair"]: pair for pair in status["pairs"]}, history_path_of(status), None


def _look_back(path: str, pairs: Sequence[str], since_ms: int, until_ms: int | None) -> _Past:
    try:
        from hammerd.cli.history.queries import (
            last_samples,
            read_history,
            samples_of,
            summaries_of,
        )

        return _Past(
            read_history(path, last_samples(pairs)),
            read_history(path, summaries_of(pairs, since_ms, until_ms)),
            read_history(path, samples_of(pairs, since_ms, until_ms)) if pairs else None,
        )
    except CommandFailed as error:
        return _Past(failure=error)


def _names(
    pairs: Sequence[str], now: dict[str, PairStatus], past: _Past, path: str
) -> tuple[str, ...]:
    """Return the pairs to tell of: the named ones, or those that are there now or were since."""
    if not pairs:
        before = past.summaries if past.summaries or now else [row.pair for row in past.last]
        return tuple(dict.fromkeys((*now, *before)))
    known = {*now, *(row.pair for row in past.last)}
    strangers = [name for name in pairs if name not in known]
    if strangers:
        from hammerd.cli.history.queries import last_samples, read_history

        seen = () if past.failure else read_history(path, last_samples(()))
        refuse_unknown_pairs(
            path, strangers, tuple(dict.fromkeys((*now, *(row.pair for row in seen))))
        )
    return tuple(pairs)
