"""Answers with the lag of the last day of all pairs at once, for the table of the page."""

import time
from collections.abc import Mapping

from starlette.datastructures import QueryParams

from hammerd.cli.output.failures import CommandFailed
from hammerd.web.parameters import Parameters
from hammerd.web.views import View

DAY_MS = 86_400_000
PARTS = 48


def sparklines_json(view: View, query: QueryParams) -> Mapping[str, object]:
    """Return for each pair the greatest lag of each half hour, None if it is not known.

    Raises:
        BadRequest: there is a parameter.
        CommandFailed: the history cannot be read.
    """
    # Imported only here: a Python without SQLite serves all else.
    from hammerd.cli.history.queries import read_history, worst_by_part

    Parameters(query).refuse_others()
    if view.history_path is None:
        raise CommandFailed("the history was not found", "start hammerd web with -c FILE")
    since_ms = time.time_ns() // 1_000_000 - DAY_MS
    step_ms = DAY_MS // PARTS
    return read_history(
        view.history_path, lambda opened: worst_by_part(opened, since_ms, step_ms, PARTS)
    )
