"""The look at expressions finds each kind of name that nobody exports."""

import pytest

from tests.monitoring.exported import faults_of


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("hammerd_pair_lagg_seconds > 1", "no metric hammerd_pair_lagg_seconds"),
        ('hammerd_pair_state{stat="parked"}', "hammerd_pair_state has no label stat"),
        ('hammerd_pair_state{state="parkd"}', "hammerd_pair_state: state is never parkd"),
        ("sum by (path) (hammerd_up)", "no metric here has the label path"),
        ('hammerd_pair_reason{because="odd"}', "hammerd_pair_reason: because is never odd"),
        ('hammerd_up{pair="home"}', "hammerd_up has no label pair"),
        ("hammerd:unheard == 1", "no metric hammerd:unheard"),
    ],
)
def test_names_that_nobody_exports_are_found(expression: str, fault: str) -> None:
    assert faults_of(expression) == [fault]


@pytest.mark.parametrize(
    "expression",
    [
        'hammerd_pair_health{health!="ok"} == 1',
        'hammerd_pair_lag_seconds{job=~"$job", pair=~"$pair"}',
        'max without (state) (hammerd_pair_state{state=~"parked|waiting"})',
    ],
)
def test_names_that_are_exported_are_no_fault(expression: str) -> None:
    assert faults_of(expression) == []
