"""The command `hammerd lag`: prints the lag of the slaves, now and in the past."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import click

from hammerd.cli.client.status_types import PairStatus
from hammerd.cli.history.lag_table import PairLag, bucket_lines, lag_json, lag_lines
from hammerd.cli.history.locate import history_path_of, history_path_without_daemon, request_status
from hammerd.cli.options import history_options
from hammerd.cli.options.location import Location, current_location
from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.json_output import print_json
from hammerd.cli.output.spans import print_lines
from hammerd.cli.output.text import print_error, print_text, print_to_stderr
from hammerd.cli.output.times import json_time, latest_ms, now_ms, show_to_minute
from hammerd.core.api.history_schema import LagRow, LagSummary
from hammerd.core.exit_codes import Exit

_NO_DAEMON = frozenset({Exit.UNAVAILABLE, Exit.NO_PERMISSION})


@dataclass(frozen=True, slots=True)
class _Recorded:
    """Results from the history; `failure` is the reason if it could not be read."""

    last: Mapping[str, LagRow] = field(default_factory=dict)
    summaries: Mapping[str, LagSummary] = field(default_factory=dict)
    samples: Sequence[LagRow] | None = None
    failure: CommandFailed | None = None


@click.command(epilog="Example: hammerd lag home --since 7d")
@history_options.takes_history_options
def lag(pairs: tuple[str, ...], *, since: int, as_json: bool) -> int:
    """Show how far the slaves are behind, and how far they were.

    MIN, MEDIAN and MAX are of the samples since then; of those that are older than two days the
    history has the worst of every few minutes only. Of a single PAIR the course is shown too, and
    with --json the samples of each PAIR that is named.
    When no hammerd answers the last sample stands in for now, with its age, and the exit status
    is 69.
    """
    pairs = tuple(dict.fromkeys(pairs))
    location, at_ms = current_location(), now_ms()
    now, path, absence = _request_status(location)
    recorded = _read_recorded(path, pairs, since, latest_ms(since, at_ms))
    if now is None and recorded.failure is not None:
        raise recorded.failure
    names = _names(pairs, now or {}, recorded, path)
    lags = list(_joined(names, now or {}, recorded))
    if as_json:
        because = recorded.failure.message if recorded.failure else None
        print_json(
            {
                "hammerd_answers": now is not None,
                "time": json_time(at_ms),
                "since_time": json_time(since),
                "history_unreadable_because": because,
                "pairs": [lag_json(each) for each in lags],
            }
        )
    else:
        if absence is not None:
            print_to_stderr(f"hammerd: {absence.message}; this is what it left")
        if recorded.failure is not None:
            print_error(recorded.failure)
        print_text(f"since {show_to_minute(since)} UTC:")
        print_lines(list(lag_lines(lags, at_ms, has_daemon=now is not None)))
        if len(pairs) == 1 and lags[0].rows:
            print_lines([(), *bucket_lines(lags[0].rows, since, at_ms)])
    return Exit.OK if absence is None else absence.code


def _joined(
    names: Sequence[str], now: Mapping[str, PairStatus], recorded: _Recorded
) -> Iterator[PairLag]:
    samples: dict[str, list[LagRow]] = {name: [] for name in names}
    for row in recorded.samples or ():
        samples[row.pair].append(row)
    for name in names:
        yield PairLag(
            name,
            now.get(name),
            recorded.last.get(name),
            recorded.summaries.get(name, LagSummary(0, 0)),
            None if recorded.samples is None else tuple(samples[name]),
        )


def _request_status(
    location: Location,
) -> tuple[dict[str, PairStatus] | None, str, CommandFailed | None]:
    """Return the pairs of the status, the path of the history, and why no daemon answered."""
    try:
        status = request_status(location)
    except CommandFailed as error:
        if error.code not in _NO_DAEMON:
            raise
        return None, history_path_without_daemon(location, error), error
    return {pair["pair"]: pair for pair in status["pairs"]}, history_path_of(status), None


def _read_recorded(path: str, pairs: Sequence[str], since_ms: int, until_ms: int) -> _Recorded:
    try:
        from hammerd.cli.history import queries

        period = (pairs, since_ms, until_ms)
        return queries.read_history(
            path,
            lambda opened: _Recorded(
                {row.pair: row for row in queries.last_samples(opened, pairs)},
                queries.summaries_of(opened, *period),
                queries.samples_of(opened, *period) if pairs else None,
            ),
        )
    except CommandFailed as error:
        return _Recorded(failure=error)


def _names(
    pairs: Sequence[str], now: Mapping[str, PairStatus], recorded: _Recorded, path: str
) -> Sequence[str]:
    """Return the pairs to show: the named ones, or all of the status and of the history since."""
    if not pairs:
        before = recorded.summaries if recorded.summaries or now else recorded.last
        return tuple(dict.fromkeys((*now, *before)))
    if unknown := [name for name in pairs if name not in now and name not in recorded.last]:
        from hammerd.cli.history.queries import last_samples, read_history

        rows = () if recorded.failure else read_history(path, lambda each: last_samples(each, ()))
        everything = dict.fromkeys((*now, *(row.pair for row in rows)))
        history_options.refuse_unknown_pairs(path, unknown, tuple(everything))
    return pairs
