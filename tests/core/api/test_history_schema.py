"""Tests summaries of lag samples."""

from hammerd.core.api.history_schema import (
    EVENT_COLUMNS,
    LAG_COLUMNS,
    EventRow,
    LagRow,
    LagSummary,
    summary_of,
)


def test_columns_are_the_fields_of_the_rows():
    assert EVENT_COLUMNS.split(", ") == list(EventRow.__slots__)
    # Version 1 had no columns of what is safe.
    assert [*LAG_COLUMNS.split(", "), "safe_s", "durable_s"] == list(LagRow.__slots__)


def test_greatest_lag_has_its_time():
    rows = [(3.0, 10), (None, 20), (9.0, 30), (1.0, 40)]

    assert summary_of(rows) == LagSummary(4, 1, 1.0, 3.0, 9.0, 30)


def test_the_median_of_an_even_number_lies_between_two():
    assert summary_of([(1.0, 0), (2.0, 0)]).median_s == 1.5


def test_lag_that_no_sample_knew_is_unknown_and_not_0():
    assert summary_of([(None, 0), (None, 0)]) == LagSummary(2, 2)
    assert summary_of([]) == LagSummary(0, 0)
