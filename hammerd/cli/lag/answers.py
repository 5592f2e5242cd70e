"""Answers a question about lag in each of its forms; each form reads only what it needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import click

from hammerd.cli.client.status_types import PairStatus
from hammerd.cli.lag import exports
from hammerd.cli.lag.detail import detail_lines, heading
from hammerd.cli.lag.losses import loss_json, loss_lines, loss_of
from hammerd.cli.lag.outlooks import outlooks_of
from hammerd.cli.lag.past import Past, Question, Reasons, outlook_of, without_samples
from hammerd.cli.lag.sources import Made, Recorded, Sources, read_pasts
from hammerd.cli.lag.table import Look, PairRow, table_lines
from hammerd.cli.lag.why import ABOUT_CLEANUP, has_cleanup, reasons_of, why_lines
from hammerd.cli.lag.words import show_zone
from hammerd.cli.output.json_output import print_json
from hammerd.cli.output.spans import Line, Span, print_lines, wrap_spans
from hammerd.cli.output.text import print_error
from hammerd.cli.output.times import json_time, show_to_minute, show_to_second
from hammerd.core.lag_report.course import DAY_MS, Period

NIGHTS_MS = 14 * DAY_MS
"""The time in which spikes may recur each night, whatever period is asked for."""

BEFORE_DEATH_MS, AFTER_DEATH_MS = 7 * DAY_MS, 7_200_000
"""The time around a death whose samples are read."""

CSV_END = "\r\n"
"""The end of a line of CSV (RFC 4180)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The chosen pairs and the period, the sources of the answer, and how it is shown.

    `is_named`: the pairs were chosen by words. `died_ms`: the time of --at, None without it.
    """

    pairs: tuple[str, ...]
    is_named: bool
    period: Period
    sources: Sources
    look: Look
    died_ms: int | None = None

    def now(self, pair: str) -> PairStatus | None:
        """Return a pair of the status, None without a daemon."""
        return (self.sources.now or {}).get(pair)

    def read(
        self, make: Callable[[Past], Made], *, has_marks: bool = True, has_rows: bool = False
    ) -> Recorded[Made]:
        """Make something of the past of each pair; without words, of those that have one.

        Raises:
            CommandFailed: no daemon answers, and the history cannot be read either.
        """
        recorded = read_pasts(
            self.pairs,
            self.sources,
            Question(self.period, has_marks=has_marks, has_rows=has_rows),
            lambda past: (self._is_wanted(past), make(past)),
        )
        if recorded.failure is not None and self.sources.now is None:
            raise recorded.failure
        wanted = [made for is_wanted, made in recorded.made if is_wanted]
        return Recorded(wanted or [made for _, made in recorded.made], recorded.failure)

    def _is_wanted(self, past: Past) -> bool:
        """Return whether a pair is shown: one that was removed from the config long ago is not."""
        return self.is_named or past.sample_count > 0 or self.now(past.pair) is not None

    def within(self, period: Period) -> "Asked":
        """Return the same question about another period."""
        return replace(self, period=period)


# --- words -----------------------------------------------------------------------------------


def answer_in_words(asked: Asked) -> None:
    """Print a table, or of a single named pair all that is known."""
    if not asked.is_named or len(asked.pairs) != 1:
        outlooks = outlooks_of((asked.sources.now or {}).values(), asked.sources.path)
        overview = asked.read(partial(_row, asked, outlooks), has_marks=False)
        _report(overview)
        print_lines([_title("", asked), *table_lines(overview.made, asked.look)])
        return
    recorded = asked.read(_itself, has_rows=True)
    _report(recorded)
    for past in recorded.made:
        now = asked.now(past.pair)
        outlook = outlook_of(past, now, asked.look.at_ms)
        print_lines([_title(past.pair, asked), (), *detail_lines(past, now, asked.look, outlook)])


def _row(asked: Asked, outlooks: Mapping[str, str], past: Past) -> PairRow:
    return PairRow(without_samples(past), asked.now(past.pair), outlooks.get(past.pair, ""))


def answer_with_reasons(asked: Asked) -> None:
    """Print what explains the spikes of each pair, and the time without a known lag."""
    recorded = _wide(asked).read(lambda past: (past.pair, _reasons(asked, past)))
    _report(recorded)
    lines: list[Line] = []
    for pair, reasons in recorded.made:
        lines += [*([()] if lines else []), _title(pair, asked)]
        lines += why_lines(reasons, asked.look)
    if any(has_cleanup(reasons) for _, reasons in recorded.made):
        lines += [(), *wrap_spans(ABOUT_CLEANUP, asked.look.width)]
    print_lines(lines)


def answer_with_losses(asked: Asked, died_ms: int) -> None:
    """Print what would have been lost, had the master of each pair died at a time."""
    recorded = _around(asked, died_ms).read(
        lambda past: (past.pair, loss_of(past, died_ms)), has_rows=True
    )
    _report(recorded)
    zone = asked.look.zone
    when = f"{show_to_second(died_ms, zone)} {show_zone(zone, died_ms)}"
    lines: list[Line] = [(Span(f"had the masters died at {when}:", "head"),)]
    for pair, loss in recorded.made:
        lines += [(Span(f"{pair}:"),), *loss_lines(loss, asked.look)]
    print_lines(lines)


def answer_with_plots(asked: Asked) -> None:
    """Draw the course of each pair.

    Raises:
        CommandFailed: plotext cannot be used.
    """
    from hammerd.cli.lag.plot import is_coloured, load_plotter, plot_lines

    plotter = load_plotter()
    has_colours = is_coloured()
    recorded = asked.read(
        lambda past: (past.pair, plot_lines(past, asked.look, plotter, has_colours=has_colours))
    )
    _report(recorded)
    for pair, drawn in recorded.made:
        print_lines([_title(pair, asked)])
        click.echo("\n".join(drawn), color=has_colours)


def _reasons(asked: Asked, past: Past) -> Reasons:
    return reasons_of(past, asked.period, has_daemon=asked.look.has_daemon)


def _title(pair: str, asked: Asked) -> Line:
    if pair:
        return (Span(heading(pair, asked.period, asked.look.zone), "head"),)
    since_ms, zone = asked.period.since_ms, asked.look.zone
    return (Span(f"since {show_to_minute(since_ms, zone)} {show_zone(zone, since_ms)}:"),)


def _report(recorded: Recorded[Made]) -> None:
    if recorded.failure is not None:
        print_error(recorded.failure)


def _wide(asked: Asked) -> Asked:
    """Return the question about enough nights to see what recurs."""
    since_ms = min(asked.period.since_ms, asked.period.until_ms - NIGHTS_MS)
    return asked.within(Period(since_ms, asked.period.until_ms))


def _around(asked: Asked, died_ms: int) -> Asked:
    until_ms = min(died_ms + AFTER_DEATH_MS, asked.look.at_ms + 1)
    return asked.within(Period(died_ms - BEFORE_DEATH_MS, until_ms))


# --- programs --------------------------------------------------------------------------------


def answer_as_csv(asked: Asked) -> None:
    """Print a heading, and a line for each sample."""
    click.echo(f"{exports.csv_line(exports.CSV_COLUMNS)}{CSV_END}", nl=False)

    def write(past: Past) -> None:
        for line in exports.csv_lines(past):
            click.echo(f"{line}{CSV_END}", nl=False)

    _report(asked.read(write, has_marks=False, has_rows=True))


def answer_as_json(asked: Asked) -> None:
    """Print an object: of all pairs without what is long, of named ones all."""
    recorded = asked.read(
        _itself if asked.is_named else without_samples,
        has_marks=asked.is_named,
        has_rows=asked.is_named,
    )
    pasts = recorded.made
    asked = replace(asked, pairs=tuple(past.pair for past in pasts))
    reasons = _reasons_by_pair(asked) if asked.is_named else {}
    losses = {} if asked.died_ms is None else _losses_by_pair(asked, asked.died_ms)
    because = None if recorded.failure is None else recorded.failure.message
    print_json(
        {
            "hammerd_answers": asked.sources.now is not None,
            "time": json_time(asked.look.at_ms),
            "since_time": json_time(asked.period.since_ms),
            "until_time": json_time(asked.period.until_ms),
            "history_unreadable_because": because,
            "pairs": [
                {**_object(asked, past, reasons), **losses.get(past.pair, {})} for past in pasts
            ],
        }
    )


def _object(asked: Asked, past: Past, reasons: dict[str, Reasons]) -> exports.Json:
    now = asked.now(past.pair)
    if past.pair not in reasons:
        return exports.overview_json(past, now)
    outlook = outlook_of(past, now, asked.look.at_ms)
    return exports.past_json(past, now, outlook, reasons[past.pair])


def _reasons_by_pair(asked: Asked) -> dict[str, Reasons]:
    wide = _wide(asked)
    return dict(wide.read(lambda past: (past.pair, _reasons(asked, past))).made)


def _losses_by_pair(asked: Asked, died_ms: int) -> dict[str, exports.Json]:
    around = _around(asked, died_ms)
    return dict(
        around.read(
            lambda past: (past.pair, {"at": loss_json(loss_of(past, died_ms))}), has_rows=True
        ).made
    )


def _itself(past: Past) -> Past:
    return past
