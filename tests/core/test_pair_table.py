"""The table of all states and events is what a review has read."""

from pathlib import Path
from typing import get_args

from hammerd.core.pair_events import Event
from hammerd.core.pair_states import State
from tests.core.print_pair_table import MARKS, ROWS, WITH_GROUP, WITHOUT_GROUP, printout

REVIEWED = Path(__file__).with_name("pair_table.txt")


def test_every_cell_is_as_it_was_reviewed() -> None:
    assert REVIEWED.read_text() == printout(), (
        "print it again with: python -m tests.core.print_pair_table > tests/core/pair_table.txt"
        " - and review what changed"
    )


def test_no_state_and_no_event_is_left_out() -> None:
    states = {type(state) for state in (*WITHOUT_GROUP.values(), *WITH_GROUP.values())}
    events = {type(row.event) for row in ROWS.values()}

    assert (states, events) == (set(get_args(State)), set(get_args(Event)))
    assert len(MARKS) == 6
