"""What commands print with --json: one object a line, its schema_version first.

Names are stable, TIDs are hex strings, times are RFC 3339, null is unknown.
"""

import json
from collections.abc import Callable, Mapping
from typing import TypeVar

import click

SCHEMA_VERSION = 1

Command = TypeVar("Command", bound=Callable[..., int])


def json_option(command: Command) -> Command:
    """Give a command the option --json."""
    help_text = "Print it as JSON, for scripts."
    return click.option("--json", "as_json", is_flag=True, help=help_text)(command)


def print_json(told: Mapping[str, object]) -> None:
    """Print what a command tells."""
    click.echo(json_text({"schema_version": SCHEMA_VERSION, **told}))


def json_text(told: Mapping[str, object]) -> str:
    """Return what a command tells as one line; bytes of a path that are no text survive it."""
    text = json.dumps(told, ensure_ascii=False)
    # A name that is no UTF-8 reaches us as surrogates, which no stdout takes.
    return text if text.isprintable() else json.dumps(told)
