"""Answers questions about the past from history.db: the course of a lag, and events."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.datastructures import QueryParams

from hammerd.cli.output.failures import CommandFailed
from hammerd.core.lag_report.course import Period
from hammerd.core.lag_report.report_json import Json, chart_json
from hammerd.web.parameters import (
    EVENTS,
    LEVELS,
    MOST_EVENTS,
    MOST_POINTS,
    POINTS,
    BadRequest,
    Parameters,
)
from hammerd.web.views import View

if TYPE_CHECKING:
    from hammerd.cli.history.opening import Query

DAY_S = 86_400.0
SOON_S = 60.0
"""A clock that is set a little does not hide the latest events."""

MOST_ID = (1 << 63) - 1

Result = TypeVar("Result")


def lag_json(view: View, query: QueryParams) -> Json:
    """Return the course of a pair's lag, what happened meanwhile, and a summary.

    Raises:
        BadRequest: a parameter has a fault, or nothing is known of the pair.
        CommandFailed: the history cannot be read.
    """
    given, now = Parameters(query), time.time()
    pair = given.text("pair")
    until_s = given.seconds("until", now)
    since_s = given.seconds("since", max(0.0, until_s - DAY_S))
    points = given.count("points", POINTS, MOST_POINTS)
    given.refuse_others()
    if pair is None:
        raise BadRequest("pair is missing", "say pair=NAME")
    if since_s >= until_s:
        raise BadRequest("since is not before until")
    period = Period(int(since_s * 1_000), max(int(since_s * 1_000) + 1, int(until_s * 1_000)))
    return {"pair": pair, **_chart(view, pair, period, points)}


def _chart(view: View, pair: str, period: Period, points: int) -> Json:
    # Imported only here: a Python without SQLite serves all else.
    from hammerd.cli.lag.past import Question
    from hammerd.cli.lag.reading import pasts_of

    status = _status_of(view, pair)
    warnings = {pair: status["lag_warning_s"]} if status and "lag_warning_s" in status else {}
    question = Question(period, warnings, has_marks=True, has_rows=False)
    (past,) = _read(view, lambda opened: list(pasts_of(opened, [pair], question)))
    if status is None and past.last is None:
        raise _unknown_pair()
    return chart_json(past.course, period, points, past.marks, past.summary)


def events_json(view: View, query: QueryParams) -> Json:
    """Return events, the latest first.

    Raises:
        BadRequest: a parameter has a fault, or nothing is known of the pair.
        CommandFailed: the history cannot be read.
    """
    from hammerd.cli.history.event_filter import EventFilter
    from hammerd.cli.history.events_table import event_json
    from hammerd.cli.history.queries import find_events

    given, now = Parameters(query), time.time()
    pair = given.text("pair")
    until_s = given.seconds("until", now + SOON_S)
    since_s = given.seconds("since", 0.0)
    level = given.word("level", LEVELS) or LEVELS[0]
    limit = given.count("limit", EVENTS, MOST_EVENTS)
    before_id = given.count("before_id", MOST_ID, MOST_ID)
    given.refuse_others()
    if since_s > until_s:
        raise BadRequest("since is later than until")
    wanted = EventFilter(
        None if pair is None else [pair],
        level=level,
        since_ms=int(since_s * 1_000),
        until_ms=int(until_s * 1_000),
        before_id=before_id,
    )
    found = _read(view, lambda opened: find_events(opened, wanted, limit))
    if pair is not None and not found and _status_of(view, pair) is None:
        raise _unknown_pair()
    return {"events": [event_json(number, event) for number, event in reversed(found)]}


def _status_of(view: View, name: str) -> Mapping[str, Any] | None:
    pairs: Sequence[Mapping[str, Any]] = view.status["pairs"]  # type: ignore[assignment]
    return next((pair for pair in pairs if pair["pair"] == name), None)


def _unknown_pair() -> BadRequest:
    return BadRequest("no such pair", "GET /api/v1/status names all pairs", 404)


def _read(view: View, query: "Query[Result]") -> Result:
    # Imported only here: a Python without SQLite serves all else.
    from hammerd.cli.history.opening import read_history

    if view.history_path is None:
        raise CommandFailed("the history was not found", "start hammerd web with -c FILE")
    return read_history(view.history_path, query)
