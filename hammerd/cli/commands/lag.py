"""The command `hammerd lag`: prints the lag of the slaves, now and in the past."""

import sys
from typing import TypedDict, Unpack

import click

from hammerd.cli.lag import answers
from hammerd.cli.lag.answers import Asked
from hammerd.cli.lag.sources import choose_pairs, find_sources
from hammerd.cli.lag.sparkline import can_show_blocks
from hammerd.cli.lag.table import Look
from hammerd.cli.options.history_options import local_option, read_time, takes_history_options
from hammerd.cli.options.location import current_location
from hammerd.cli.output.text import print_to_stderr, width_of
from hammerd.cli.output.times import END_OF_TIME_MS, Zone, latest_ms, now_ms
from hammerd.core.exit_codes import Exit
from hammerd.core.lag_report.course import DAY_MS, Period

LONGEST_AHEAD_MS = 30 * DAY_MS
"""The period that is shown of what was recorded with times to come."""

_FORMS = {"has_plot": "--plot", "has_reasons": "--why", "as_csv": "--csv", "as_json": "--json"}


class LagOptions(TypedDict):
    """Options of the command: which time, and the form of the answer."""

    since: int
    until: int | None
    died: int | None
    zone: Zone
    as_json: bool
    as_csv: bool
    has_plot: bool
    has_reasons: bool
    is_ascii: bool


def _read_past_time(
    context: click.Context, option: click.Parameter, value: str | None
) -> int | None:
    time_ms = read_time(context, option, value)
    if time_ms is not None and time_ms > now_ms():
        raise click.BadParameter(f"{value} is still to come", context, option)
    return time_ms


@click.command(epilog="Example: hammerd lag home --since 7d --why")
@click.option("--until", metavar="WHEN", callback=read_time, help="Up to when.")
@click.option("--plot", "has_plot", is_flag=True, help="Draw the course of each pair.")
@click.option("--why", "has_reasons", is_flag=True, help="Explain spikes, as far as is known.")
@click.option(
    "--at",
    "died",
    metavar="WHEN",
    callback=_read_past_time,
    help="Tell what would have been lost, had the masters died then.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print all samples, one on each line.")
@click.option("--ascii", "is_ascii", is_flag=True, help="Draw with ASCII characters only.")
@local_option
@takes_history_options
def lag(pairs: tuple[str, ...], **options: Unpack[LagOptions]) -> int:
    """Show how far the slaves are behind, and how far they were.

    A lag counts for as long as it held. WITHIN is the share of the time in which the lag was
    within lag_warning. Of samples that are older than two days the history has the worst of 5
    minutes, of those older than 30 days the worst of an hour: shares of old times are too bad
    rather than too good. Of a single PAIR the course is shown too, and what happened meanwhile;
    with --json all that is known of each PAIR that is named.
    When no hammerd answers the last sample stands in for now, with its age, and the exit status
    is 69.
    """
    _refuse_contradictions(options)
    at_ms, sources = now_ms(), find_sources(current_location())
    look = Look(
        at_ms,
        sources.now is not None,
        width_of(sys.stdout),
        options["zone"],
        options["is_ascii"] or not can_show_blocks(),
    )
    chosen, period = choose_pairs(pairs, sources), _period_of(options, at_ms)
    asked = Asked(chosen, bool(pairs), period, sources, look, options["died"])
    if sources.absence is not None and not options["as_json"]:
        print_to_stderr(f"hammerd: {sources.absence.message}; this is what it left")
    _answer(asked, options)
    return Exit.OK if sources.absence is None else sources.absence.code


def _answer(asked: Asked, options: LagOptions) -> None:
    if options["as_json"]:
        answers.answer_as_json(asked)
    elif options["as_csv"]:
        answers.answer_as_csv(asked)
    elif options["has_plot"]:
        answers.answer_with_plots(asked)
    elif options["has_reasons"]:
        answers.answer_with_reasons(asked)
    elif asked.died_ms is not None:
        answers.answer_with_losses(asked, asked.died_ms)
    else:
        answers.answer_in_words(asked)


def _refuse_contradictions(options: LagOptions) -> None:
    """Refuse options of which the last would be ignored."""
    given = [word for name, word in _FORMS.items() if options[name]]  # type: ignore[literal-required]
    is_both = options["died"] is not None and bool(given) and given != ["--json"]
    if len(given) > 1 or is_both:
        raise click.UsageError(
            f"choose one of {', '.join([*given, *(['--at'] if is_both else [])])}"
        )
    if options["until"] is not None and options["until"] <= options["since"]:
        raise click.UsageError("--until is not after --since")


def _period_of(options: LagOptions, at_ms: int) -> Period:
    """Return the period that is asked for; it ends now, or is of a clock that was ahead."""
    since_ms, until_ms = options["since"], options["until"]
    if until_ms is None:
        is_past = latest_ms(since_ms, at_ms) != END_OF_TIME_MS
        until_ms = at_ms + 1 if is_past else since_ms + LONGEST_AHEAD_MS
    return Period(since_ms, max(until_ms, since_ms + 1))
