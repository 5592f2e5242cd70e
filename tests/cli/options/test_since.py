"""Values of --since: periods, days, moments, and every form in which hammerd prints a time."""

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from hammerd.cli.options.since import FORMS, read_since
from hammerd.cli.output.numbers import show_moment, show_period, show_rough_period
from hammerd.cli.output.times import Zone, json_time, show_to_minute, show_to_second

AT = datetime(2026, 3, 4, 16, 12, 7, tzinfo=UTC)
AT_MS = round(AT.timestamp() * 1_000)
HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("value", "hours"),
    [
        ("2h", 2),
        ("-2h", 2),
        ("1w", 168),
        ("1w2d", 216),
        ("1h30m", 1.5),
        ("2 hours", 2),
        ("2 Hours ago", 2),
        ("30 min", 0.5),
        ("an hour ago", 1),
        ("1 hour and 30 minutes", 1.5),
        ("1 day, 12 hrs", 36),
        ("2 weeks", 336),
        ("now", 0),
    ],
)
def test_a_period_is_counted_back_from_now(value: str, hours: float):
    assert read_since(value, AT_MS) == AT_MS - hours * HOUR_MS


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("today", "2026-03-04T00:00:00+00:00"),
        ("Yesterday", "2026-03-03T00:00:00+00:00"),
        ("yesterday 8:30", "2026-03-03T08:30:00+00:00"),
        ("today at 08:30 UTC", "2026-03-04T08:30:00+00:00"),
        ("2026-03-01", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01 08:23:31", "2026-03-01T08:23:31+00:00"),
        ("2026-03-01 08:23 UTC", "2026-03-01T08:23:00+00:00"),
        ("2026-03-01T08:23:31Z", "2026-03-01T08:23:31+00:00"),
        ("2026-03-01T08:23:31.5+01:00", "2026-03-01T07:23:31.500+00:00"),
        ("2026-03-01 08:23:31 +0100", "2026-03-01T07:23:31+00:00"),
        ("16:12 UTC", "2026-03-04T16:12:00+00:00"),
        ("8:05", "2026-03-04T08:05:00+00:00"),
        ("16:13", "2026-03-03T16:13:00+00:00"),
        ("@1772640727", "2026-03-04T16:12:07+00:00"),
        ("@1772640727.5", "2026-03-04T16:12:07.500+00:00"),
    ],
)
def test_a_moment_is_in_utc_unless_a_zone_is_given(value: str, moment: str):
    assert json_time(read_since(value, AT_MS)) == json_time(
        round(datetime.fromisoformat(moment).timestamp() * 1_000)
    )


@pytest.mark.parametrize("show", [show_to_second, show_to_minute, json_time])
def test_times_printed_from_the_history_are_accepted(show):
    shown = show(AT_MS)

    assert show(read_since(shown, AT_MS)) == shown


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The zone of Berlin, whose clock went from 02:00 to 03:00 on 2026-03-29."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("show", [show_to_second, show_to_minute])
def test_local_times_are_shown_and_accepted(show):
    shown = show(AT_MS, Zone.LOCAL)

    assert shown.startswith("2026-03-04 17:12")
    assert show(read_since(shown, AT_MS, Zone.LOCAL)) == show(AT_MS)


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("today", "2026-03-28T23:00:00Z"),
        ("yesterday", "2026-03-27T23:00:00Z"),
        ("2026-03-29 12:00", "2026-03-29T10:00:00Z"),
        ("01:30", "2026-03-29T00:30:00Z"),
        ("23:30", "2026-03-28T22:30:00Z"),
        ("01:30 UTC", "2026-03-29T01:30:00Z"),
        ("today 01:00Z", "2026-03-29T01:00:00Z"),
        ("2026-03-29T12:00Z", "2026-03-29T12:00:00Z"),
        ("2h", "2026-03-29T10:00:00Z"),
    ],
)
def test_a_local_time_is_that_of_the_zone_and_its_day(value: str, moment: str):
    noon_ms = round(datetime(2026, 3, 29, 12, tzinfo=UTC).timestamp() * 1_000)

    assert json_time(read_since(value, noon_ms, Zone.LOCAL)) == moment.replace("Z", ".000Z")


@pytest.mark.usefixtures("berlin")
def test_a_local_day_may_be_another_one_than_in_utc():
    late_ms = round(datetime(2026, 3, 28, 23, 30, tzinfo=UTC).timestamp() * 1_000)

    assert json_time(read_since("today", late_ms, Zone.LOCAL)) == "2026-03-28T23:00:00.000Z"


@pytest.mark.parametrize("zone", Zone)
@pytest.mark.parametrize("value", ["0001-01-01", "9999-12-31 23:59"])
def test_the_ends_of_the_calendar_are_no_fault(value: str, zone: Zone):
    with suppress(ValueError):
        assert read_since(value, AT_MS, zone) != AT_MS


@pytest.mark.parametrize("with_seconds", [True, False])
def test_times_printed_by_the_status_are_accepted(with_seconds: bool):
    shown = show_moment(AT.isoformat(), AT.isoformat(), with_seconds=with_seconds)
    other_day = show_moment(AT.isoformat(), "2026-03-05T00:00:00Z", with_seconds=with_seconds)

    assert read_since(shown, AT_MS) == read_since(other_day, AT_MS)
    assert abs(read_since(shown, AT_MS) - AT_MS) < 60_000


@pytest.mark.parametrize("seconds", [42, 250, 11_100, 183_600])
@pytest.mark.parametrize("show", [show_period, show_rough_period])
def test_ages_printed_by_hammerd_are_accepted(show, seconds: int):
    since_ms = read_since(show(seconds), AT_MS)

    assert 0 <= seconds - (AT_MS - since_ms) / 1_000 < 3_600


@pytest.mark.parametrize(
    "value",
    ["", "3", "soon", "tomorrow", "2026-13-01", "25:00", "@", "@x", "1 month", "nan", "2027-01"],
)
def test_an_invalid_time_is_refused_with_the_valid_forms(value: str):
    with pytest.raises(ValueError, match=r"is no time") as caught:
        read_since(value, AT_MS)

    assert FORMS in str(caught.value)


@pytest.mark.parametrize("value", ["30m1h", "99999999 weeks", "0 hours"])
def test_an_invalid_period_is_refused_with_the_reason(value: str):
    with pytest.raises(ValueError, match=r"duration|within") as caught:
        read_since(value, AT_MS)

    assert FORMS in str(caught.value)
