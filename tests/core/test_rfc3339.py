"""Times are formatted and parsed as RFC 3339, in UTC, to the millisecond."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from hammerd.core.rfc3339 import parse_rfc3339, rfc3339


def test_a_time_is_in_utc_and_has_three_digits_of_a_second() -> None:
    assert rfc3339(1772640727.25) == "2026-03-04T16:12:07.250Z"
    assert rfc3339(1772640727) == "2026-03-04T16:12:07.000Z"


def test_a_time_of_another_zone_is_read_as_one_in_utc() -> None:
    moment = datetime(2026, 3, 4, 16, 12, 7, tzinfo=UTC)

    assert parse_rfc3339("2026-03-04T17:12:07+01:00") == moment
    assert parse_rfc3339("2026-03-04T17:12:07+01:00").utcoffset() == moment.utcoffset()


@given(st.integers(0, 253_402_300_799_999))
def test_what_was_written_is_read_again(time_ms: int) -> None:
    written = rfc3339(time_ms / 1_000)

    assert abs(parse_rfc3339(written).timestamp() - time_ms / 1_000) <= 0.0011
