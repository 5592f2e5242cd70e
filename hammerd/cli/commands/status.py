"""The command `hammerd status`: the state of every pair, as a table, as JSON, or for a monitor."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypedDict, Unpack

import click

from hammerd.cli.client.status_types import StatusReply, read_status
from hammerd.cli.options.completion import complete_pairs
from hammerd.cli.options.location import Location, current_location, takes_location
from hammerd.cli.output.failures import CommandFailed, may_be_absent
from hammerd.cli.output.json_output import json_option, print_json
from hammerd.cli.output.spans import Line, print_lines
from hammerd.cli.output.text import width_of
from hammerd.cli.status.table import render_status
from hammerd.core.api.protocol import Request, Verb

WATCH_S = 2.0
SHORTEST_WATCH_S = 0.1
LONGEST_WATCH_S = 86_400.0

_SECONDS = re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+")
_WATCH = "--watch"


class StatusOptions(TypedDict):
    """Options of the command: the form of the output."""

    as_json: bool
    fields: str | None
    bare: bool
    nagios: bool
    watch: str | None


Render = Callable[[Mapping[str, object]], tuple[Line, ...]]


class _WatchCommand(click.Command):
    """A command whose --watch needs no value, so that a pair may follow it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Add the default value to a --watch without one, then let click parse."""
        return super().parse_args(ctx, list(_with_watch_value(args)))


def _with_watch_value(args: Sequence[str]) -> Iterator[str]:
    words = iter(args)
    for word in words:
        if word == "--":
            yield from (word, *words)
        elif word != _WATCH:
            yield word
        elif (after := next(words, None)) is not None and _seconds_of(after) is not None:
            yield f"{_WATCH}={after}"
        else:
            yield f"{_WATCH}={WATCH_S:g}"
            yield from _with_watch_value([] if after is None else [after, *words])


@click.command(cls=_WatchCommand, epilog="Example: hammerd status -o pair,state,lag_s,note")
@click.argument("pairs", shell_complete=complete_pairs, nargs=-1, metavar="[PAIR]...")
@json_option
@click.option(
    "-o",
    "fields",
    metavar="FIELDS",
    help="These columns: names of the JSON with commas between them, and `note`.",
)
@click.option(
    "-H", "bare", is_flag=True, help="With -o: no heading, and one tab between two columns."
)
@click.option(
    "--nagios",
    is_flag=True,
    help="Judge as a plugin of Nagios does: exit with 0, 1, 2 or 3 for ok, warning, critical, "
    "unknown. Without a hammerd it is critical: nobody mends a stream that fails now.",
)
@click.option(
    _WATCH,
    is_flag=False,
    flag_value=f"{WATCH_S:g}",
    metavar="[SECONDS]",
    help=f"Again and again, every {WATCH_S:g} seconds or --watch=SECONDS (or 1m).",
)
@takes_location
def status(pairs: tuple[str, ...], **options: Unpack[StatusOptions]) -> int:
    """Show how all pairs fare, or the named ones.

    Exits with 0 when it could tell, however they fare, and with 69 when no hammerd answers; then
    it tells what the last one left.
    """
    interval_s = _interval_of(options["watch"])
    _refuse_contradictions(options, is_watch=interval_s is not None)
    request = Request(Verb.STATUS, tuple(dict.fromkeys(pairs)))
    location = current_location()

    def read() -> Mapping[str, object]:
        return location.send(request)

    if options["nagios"]:
        from hammerd.cli.status.nagios import print_verdict

        return print_verdict(read, lambda: _last_state_sentences(location, request))
    render = _renderer(options, is_whole=bool(pairs))
    if interval_s is not None:
        # Imported only here: a single status does not need it.
        from hammerd.cli.status.watch import watch, watch_table

        if options["as_json"]:
            watch(read, print_json, interval_s)
        else:
            watch_table(read, render, interval_s)
        return 0
    try:
        answer = read()
    except CommandFailed as error:
        if may_be_absent(error) and options["fields"] is None:
            _print_last_state(location, request, as_json=options["as_json"])
        raise
    if options["as_json"]:
        print_json(answer)
    else:
        print_lines(render(answer))
    return 0


def _refuse_contradictions(options: StatusOptions, *, is_watch: bool) -> None:
    forms = {"--json": options["as_json"], "-o": options["fields"], "--nagios": options["nagios"]}
    chosen = [form for form, is_chosen in forms.items() if is_chosen]
    if options["nagios"] and is_watch:
        chosen.append("--watch")
    if len(chosen) > 1:
        raise click.UsageError(f"say one of {' and '.join(chosen)}")
    if options["bare"] and not options["fields"]:
        raise click.UsageError("-H goes with -o FIELDS")


def _renderer(options: StatusOptions, *, is_whole: bool) -> Render:
    if options["fields"] is None:
        return lambda answer: _table_of(read_status(answer), is_whole=is_whole)
    # Imported only here: the table does not need it.
    from hammerd.cli.status.columns import read_fields, render_fields

    names, bare = read_fields(options["fields"]), options["bare"]
    return lambda answer: render_fields(read_status(answer), names, bare=bare)


def _table_of(status: StatusReply, *, is_whole: bool) -> tuple[Line, ...]:
    outlooks: Mapping[str, str] = {}
    if any(pair["lag_verdict"] == "behind" for pair in status["pairs"]):
        # Imported only here: it costs time, and most often no pair is behind.
        from hammerd.cli.lag.outlooks import outlooks_of

        outlooks = outlooks_of(status["pairs"], status["hammerd"].get("history_path"))
    return render_status(status, width_of(sys.stdout), is_whole=is_whole, outlooks=outlooks)


def _print_last_state(location: Location, request: Request, *, as_json: bool) -> None:
    """Print the state that the last hammerd left; the caller then reports that none answers."""
    from dataclasses import asdict

    from hammerd.cli.offline.last_state import find_last_state
    from hammerd.cli.offline.last_state_text import last_state_lines

    state = find_last_state(location, request.pairs)
    if as_json:
        print_json(asdict(state))
    elif lines := last_state_lines(state, width_of(sys.stdout)):
        print_lines(lines)


def _last_state_sentences(location: Location, request: Request) -> Iterable[str]:
    from hammerd.cli.offline.last_state import find_last_state
    from hammerd.cli.offline.last_state_text import last_state_sentences

    return last_state_sentences(find_last_state(location, request.pairs))


def _interval_of(value: str | None) -> float | None:
    if value is None:
        return None
    seconds = _seconds_of(value)
    if seconds is None:
        raise click.UsageError(f"--watch={value}: it takes seconds, or a duration like 5s or 1m")
    if not SHORTEST_WATCH_S <= seconds <= LONGEST_WATCH_S:
        span = f"{SHORTEST_WATCH_S:g} to {LONGEST_WATCH_S:.0f} s"
        raise click.UsageError(f"--watch={value}: it takes {span} between two looks")
    return seconds


def _seconds_of(text: str) -> float | None:
    if _SECONDS.fullmatch(text):
        return float(text)
    # Imported only here: a plain number does not need them.
    from hammerd.core.config.values import InvalidValue, read_duration
    from hammerd.core.durations import short_form

    try:
        return read_duration(short_form(text) or text)
    except InvalidValue:
        return None
