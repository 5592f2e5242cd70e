"""Lays out selected columns of a status: `hammerd status -o pair,state,lag_s`.

A column is a name of the status's JSON, or `note`: the first note below a pair's row.
An unknown value is `-`. Without a heading the columns are separated by one tab, for scripts.
"""

import json
from collections.abc import Sequence
from typing import cast

import click

from hammerd.cli.client.status_types import PairStatus, StatusReply
from hammerd.cli.output.spans import Line, Span, align_rows
from hammerd.cli.status.pair_notes import notes_of_pair
from hammerd.core.nearest import suggestion

NOTE = "note"


def read_fields(text: str) -> tuple[str, ...]:
    """Read the value of -o.

    Raises:
        click.UsageError: one of its names is empty.
    """
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise click.UsageError(f"-o {text!r}: name columns with a comma between two")
    return names


def render_fields(status: StatusReply, names: Sequence[str], *, bare: bool) -> tuple[Line, ...]:
    """Lay out a row for each pair, in the order of the config.

    Raises:
        click.UsageError: a name is no column; the message lists the columns.
    """
    measured_time = status.get("measured_time")
    _refuse_unknown(status, names)
    rows = [[_cell(pair, name, measured_time) for name in names] for pair in status["pairs"]]
    if bare:
        return tuple((Span("\t".join(row)),) for row in rows)
    return tuple(align_rows([names, *rows], "<" * len(names)))


def _refuse_unknown(status: StatusReply, names: Sequence[str]) -> None:
    known = [NOTE, *(name for pair in status["pairs"][:1] for name in pair)]
    unknown = [name for name in names if name not in known]
    if status["pairs"] and unknown:
        meant = suggestion(unknown[0], known)
        listed = ", ".join(sorted(known))
        raise click.UsageError(f'no such column: "{unknown[0]}"{meant}\nknown: {listed}')


def _cell(pair: PairStatus, name: str, measured_time: str | None) -> str:
    if name == NOTE:
        value: object = next(notes_of_pair(pair, measured_time), None)
    else:
        value = cast("dict[str, object]", pair).get(name)
    if value is None or value == "":
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # Newlines and tabs separate rows and columns, so a cell must hold none.
    return " ".join(text.split())
