"""JSON output of commands: one object on each line, `schema_version` first.

Names are stable, TIDs are hex strings, times are RFC 3339, null is unknown.
"""

import json
from collections.abc import Mapping

import click

SCHEMA_VERSION = 1

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print it as JSON, for scripts."
)


def print_json(data: Mapping[str, object]) -> None:
    """Print `data` with its schema_version."""
    click.echo(json_text({"schema_version": SCHEMA_VERSION, **data}))


def json_text(data: Mapping[str, object]) -> str:
    """Return `data` as one line; bytes of a path that are not text are kept as escapes."""
    text = json.dumps(data, ensure_ascii=False)
    # Python holds a name that is not UTF-8 with surrogates, which stdout does not accept.
    return text if text.isprintable() else json.dumps(data)
