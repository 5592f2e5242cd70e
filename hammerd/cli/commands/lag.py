"""The command `hammerd lag`: prints the lag of the slaves, now and in the past."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Unpack

import click

from hammerd.cli.client.status_types import PairStatus
from hammerd.cli.history.locate import history_path_of, history_path_without_daemon, request_status
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
class _Recorded:
    """Results from the history; `failure` is the reason if it could not be read."""

    last: Sequence[LagRow] = ()
    summaries: Mapping[str, LagSummary] = field(default_factory=dict)
    samples: Sequence[LagRow] | None = None
    failure: CommandFailed | None = None


@click.command(epilog="Example: hammerd lag home --since 7d")
@takes_history_options
def lag(pairs: tuple[str, ...], **options: Unpack[HistoryOptions]) -> int:
    """Show how far the slaves are behind, and how far they were.

    MIN, MEDIAN and MAX are of the samples since then; of those that are older than two days the
    history has the worst of every few minutes only. Of a single PAIR the course is shown too, and
    with --json the samples of each PAIR that is named.
    When no hammerd answers the last sample stands in for now, with its age, and the exit status
    is 69.
    """
    from hammerd.cli.history.lag_table import lag_json

    pairs = tuple(dict.fromkeys(pairs))
    location, at_ms = current_location(options["config"], options["run_dir"]), now_ms()
    now, path, absence = _request_status(location)
    recorded = _read_recorded(path, pairs, options["since"], latest_ms(options["since"], at_ms))
    if now is None and recorded.failure is not None:
        raise recorded.failure
    lags = _joined(_names(pairs, now or {}, recorded, path), now or {}, recorded)
    if options["as_json"]:
        because = recorded.failure.message if recorded.failure else None
        print_json(
            {
                "hammerd_answers": now is not None,
                "time": json_time(at_ms),
                "since_time": json_time(options["since"]),
                "history_unreadable_because": because,
                "pairs": [lag_json(each) for each in lags],
            }
        )
    else:
        if absence is not None:
            print_to_stderr(f"hammerd: {absence.message}; this is what it left")
        if recorded.failure is not None:
            print_error(recorded.failure)
        has_daemon, is_single = now is not None, len(pairs) == 1
        _print(lags, options["since"], at_ms, has_daemon=has_daemon, is_single=is_single)
    return Exit.OK if absence is None else absence.code


def _print(
    lags: Sequence["PairLag"], since_ms: int, at_ms: int, *, has_daemon: bool, is_single: bool
) -> None:
    from hammerd.cli.history.lag_table import bucket_lines, lag_lines

    print_text(f"since {show_to_minute(since_ms)} UTC:")
    print_lines(list(lag_lines(lags, at_ms, has_daemon=has_daemon)))
    if is_single and lags[0].rows:
        print_lines([(), *bucket_lines(lags[0].rows, since_ms, at_ms)])


def _joined(
    names: Sequence[str], now: Mapping[str, PairStatus], recorded: _Recorded
) -> list["PairLag"]:
    from hammerd.cli.history.lag_table import PairLag

    last = {row.pair: row for row in recorded.last}
    samples: dict[str, list[LagRow]] | None = None
    if recorded.samples is not None:
        samples = {name: [] for name in names}
        for row in recorded.samples:
            samples[row.pair].append(row)
    nothing = LagSummary(0, 0)
    return [
        PairLag(
            name,
            now.get(name),
            last.get(name),
            recorded.summaries.get(name, nothing),
            None if samples is None else tuple(samples[name]),
        )
        for name in names
    ]


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


def _read_recorded(
    path: str, pairs: Sequence[str], since_ms: int, until_ms: int | None
) -> _Recorded:
    try:
        from hammerd.cli.history.queries import (
            last_samples,
            read_history,
            samples_of,
            summaries_of,
        )

        return _Recorded(
            read_history(path, last_samples(pairs)),
            read_history(path, summaries_of(pairs, since_ms, until_ms)),
            read_history(path, samples_of(pairs, since_ms, until_ms)) if pairs else None,
        )
    except CommandFailed as error:
        return _Recorded(failure=error)


def _names(
    pairs: Sequence[str], now: dict[str, PairStatus], recorded: _Recorded, path: str
) -> tuple[str, ...]:
    """Return the pairs to show: the named ones, or all of the status and of the history since."""
    last = [row.pair for row in recorded.last]
    if not pairs:
        before = recorded.summaries if recorded.summaries or now else last
        return tuple(dict.fromkeys((*now, *before)))
    known = {*now, *last}
    unknown = [name for name in pairs if name not in known]
    if unknown:
        from hammerd.cli.history.queries import last_samples, read_history

        rows = () if recorded.failure else read_history(path, last_samples(()))
        everything = dict.fromkeys((*now, *(row.pair for row in rows)))
        refuse_unknown_pairs(path, unknown, tuple(everything))
    return tuple(pairs)
