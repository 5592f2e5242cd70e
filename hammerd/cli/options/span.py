"""Reads options that are spans of time, as a config writes them or in words."""

import click

from hammerd.core.config.values import InvalidValue, read_duration
from hammerd.core.durations import short_form


def read_span(context: click.Context, option: click.Parameter, value: str | None) -> float | None:
    """Read a span as `5m` or `5 minutes`, in seconds; None stays None."""
    if value is None:
        return None
    try:
        return read_duration(short_form(value) or value)
    except InvalidValue as error:
        hints = "".join(f": {problem.hint}" for problem in error.problems if problem.hint)
        raise click.BadParameter(f"{value} {error}{hints}", context, option) from error
