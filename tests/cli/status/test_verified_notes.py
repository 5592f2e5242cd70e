"""A status tells when a pair was verified, and what was found."""

import pytest

from hammerd.cli.client.status_types import PairStatus
from hammerd.cli.status.pair_notes import notes_of_pair, notes_of_proof
from tests.cli.conftest import pair

NOW = "2026-03-04T16:00:00.000Z"
EQUAL = {
    "time": "2026-03-04T12:55:00.000Z",
    "tid": "0x0000000100580a8f",
    "is_equal": True,
    "differences": 0,
    "is_sample": False,
    "is_acknowledged": False,
}
DIFFERENT = {**EQUAL, "is_equal": False, "differences": 3}


@pytest.mark.parametrize(
    ("verified", "told"),
    [
        (None, []),
        (EQUAL, ["verified 3h05m ago as of 0x100580a8f: equal"]),
        (
            {**EQUAL, "is_sample": True},
            ["verified 3h05m ago as of 0x100580a8f: equal, by a sample of contents"],
        ),
        (
            DIFFERENT,
            [
                "verified 3h05m ago as of 0x100580a8f: 3 differences",
                'critical until it is equal again, or "hammerd ack home"',
            ],
        ),
        (
            {**DIFFERENT, "is_acknowledged": True},
            ["verified 3h05m ago as of 0x100580a8f: 3 differences, acknowledged"],
        ),
    ],
)
def test_a_result_is_told(verified: object, told: list[str]) -> None:
    status: PairStatus = pair("home", verified=verified)  # type: ignore[assignment]

    assert [*notes_of_pair(status, NOW), *notes_of_proof(status, NOW)] == told


def test_what_went_well_is_no_cause_for_a_monitor() -> None:
    status: PairStatus = pair("home", verified=EQUAL)  # type: ignore[assignment]

    assert list(notes_of_pair(status, NOW)) == []
