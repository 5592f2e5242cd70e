"""A status tells which plan holds a pair, and what a person must do."""

import pytest

from hammerd.cli.client.status_types import PairStatus, StatusReply
from hammerd.cli.status.nagios import _verdict_on
from hammerd.cli.status.pair_notes import notes_of_pair
from tests.cli.conftest import pair, status

NOW = "2026-03-04T16:00:00.000Z"
RUNS = {
    "plan": "switchover",
    "stage": "running",
    "since_time": "2026-03-04T15:12:00.000Z",
    "step": "downgrade",
    "is_interrupted": False,
}


@pytest.mark.parametrize(
    ("hold", "told"),
    [
        (RUNS, "held: switchover runs, at step downgrade, since 15:12 UTC"),
        ({**RUNS, "step": None}, "held: switchover runs, since 15:12 UTC"),
        (
            {**RUNS, "is_interrupted": True},
            "held: switchover was interrupted, at step downgrade, since 15:12 UTC",
        ),
        ({**RUNS, "stage": "promoted"}, "held: the slave was promoted, since 15:12 UTC"),
        (
            {**RUNS, "plan": "unknown", "stage": "unreadable"},
            "held: unreadable record of a plan, since 15:12 UTC",
        ),
    ],
)
def test_plan_that_holds_a_pair_is_told_first(hold: object, told: str) -> None:
    shown: PairStatus = pair("home", hold=hold, state="stopped")  # type: ignore[assignment]

    assert next(notes_of_pair(shown, NOW)) == told


def test_monitor_reads_the_plan_in_place_of_the_state() -> None:
    held: StatusReply = status(pair("home", hold=RUNS, state="stopped"))  # type: ignore[assignment]

    _, lines = _verdict_on(held)

    assert lines[-1].startswith("home: held by switchover")
