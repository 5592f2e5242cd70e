"""Tests that the table of all states and events is the reviewed one."""

from pathlib import Path
from typing import get_args

from hammerd.core.pair.events import Effect, Event
from hammerd.core.pair.machine import step
from hammerd.core.pair.states import PairLife, State
from tests.core.pair.print_pair_table import (
    MARKS,
    NOW_AT,
    PAIR,
    ROWS,
    WITH_GROUP,
    WITHOUT_GROUP,
    context_of,
    printout,
)

REVIEWED = Path(__file__).with_name("pair_table.txt")


def test_every_cell_is_as_it_was_reviewed() -> None:
    assert REVIEWED.read_text() == printout(), (
        "print it again with: python -m tests.core.pair.print_pair_table"
        " > tests/core/pair/pair_table.txt - and review what changed"
    )


def test_undelivered_events_break_nothing_if_they_come() -> None:
    for state in (*WITHOUT_GROUP.values(), *WITH_GROUP.values()):
        for row in ROWS.values():
            done = step(PairLife(PAIR, row.memory, state), row.event, context_of(row, NOW_AT))
            assert done.life.pair == PAIR


def test_no_state_and_no_event_is_left_out() -> None:
    states = {type(state) for state in (*WITHOUT_GROUP.values(), *WITH_GROUP.values())}
    events = {type(row.event) for row in ROWS.values()}

    assert (states, events) == (set(get_args(State)), set(get_args(Event)))
    assert set(MARKS) == set(get_args(Effect))
