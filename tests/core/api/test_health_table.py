"""Tests that the table of states, proofs and healths is the reviewed one."""

from pathlib import Path
from typing import get_args

import pytest

from hammerd.core.api.health import Health, health_of
from hammerd.core.pair.slave_claims import Resource
from hammerd.core.pair.states import Parked, State, Up, WaitingForResource
from tests.core.api.print_health_table import COLUMNS, NOW_AT, ROWS, printout, report

REVIEWED = Path(__file__).with_name("health_table.txt")

IS_WANTED = [
    title for title, row in ROWS.items() if isinstance(row.wanted, Up) and row.hold is None
]
TOO_OLD = [name for name in COLUMNS if name.endswith("1800")]


def test_every_cell_is_as_it_was_reviewed() -> None:
    assert REVIEWED.read_text() == printout(), (
        "print it again with: python -m tests.core.api.print_health_table"
        " > tests/core/api/health_table.txt - and review what changed"
    )


def test_no_state_is_left_out() -> None:
    states = [row.state for row in ROWS.values()]

    assert {type(state) for state in states} == set(get_args(State))
    assert set(Resource) == {
        state.resource for state in states if isinstance(state, WaitingForResource)
    }


@pytest.mark.parametrize("title", IS_WANTED)
@pytest.mark.parametrize("name", TOO_OLD)
def test_pair_that_nothing_proves_younger_than_lag_critical_is_critical(
    title: str, name: str
) -> None:
    assert health_of(report(ROWS[title], COLUMNS[name]), NOW_AT) is Health.CRITICAL


@pytest.mark.parametrize("title", [title for title in ROWS if "failures" in title])
def test_failures_are_a_warning_until_a_stream_lives(title: str) -> None:
    healths = {health_of(report(ROWS[title], known), NOW_AT) for known in COLUMNS.values()}

    lives = title.startswith("streaming")
    assert (Health.OK in healths) is lives


def test_worse_proof_is_never_a_better_health() -> None:
    order = list(Health)
    for row in ROWS.values():
        for kind in (
            ("in sync", "<300", "300", "1800"),
            ("never <300", "never 300", "never 1800"),
        ):
            ranks = [order.index(health_of(report(row, COLUMNS[name]), NOW_AT)) for name in kind]
            assert ranks == sorted(ranks) or isinstance(row.state, Parked)
