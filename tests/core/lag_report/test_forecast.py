"""Forecast of a slave that is behind, from its last samples."""

from collections.abc import Callable

import pytest

from hammerd.core.api.history_schema import LagRow
from hammerd.core.lag_report.forecast import Forecast, Outlook, forecast
from tests.core.lag_report.courses import at


def rows(
    lag_at: Callable[[float], float | None],
    times: range = range(0, 300, 30),
    *,
    is_standing: bool = False,
    verdict: str = "behind",
) -> list[LagRow]:
    return [
        LagRow(
            at(each), "home", verdict, 1, lag_at(each), "0x9", "0x1" if is_standing else hex(each)
        )
        for each in times
    ]


@pytest.mark.parametrize(
    ("samples", "wanted"),
    [
        ([], None),
        (rows(lambda _: 0.0, verdict="in_sync"), None),
        (rows(lambda _: None, verdict="unknown"), None),
        # The lag of the sampling itself.
        (rows(lambda at_s: 10.0 + at_s / 10), None),
        # 2 s less each second: 600 - 540 = 60 s remain.
        (rows(lambda at_s: 600.0 - 2 * at_s), Forecast(Outlook.CATCHING_UP, 30.0)),
        (rows(lambda at_s: 600.0 + at_s / 2), Forecast(Outlook.FALLING_BEHIND)),
        (rows(lambda at_s: 600.0 + at_s % 60), Forecast(Outlook.KEEPING_PACE)),
        (rows(lambda at_s: 600.0 + at_s, is_standing=True), Forecast(Outlook.NO_PROGRESS)),
        (rows(lambda at_s: 600.0 - at_s, range(210, 300, 30)), Forecast(Outlook.UNKNOWN)),
        (rows(lambda at_s: 600.0 - at_s, range(280, 300, 5)), Forecast(Outlook.UNKNOWN)),
        # What was before the last ten minutes does not count.
        (
            rows(lambda _: 9_000.0, range(-3_000, -900, 30)) + rows(lambda at_s: 600.0 + at_s / 2),
            Forecast(Outlook.FALLING_BEHIND),
        ),
    ],
)
def test_the_slope_of_the_last_minutes_tells(samples: list[LagRow], wanted: Forecast | None):
    found = forecast(samples, at(300))

    assert (found and found.outlook) == (wanted and wanted.outlook)
    eta_s = None if found is None else found.eta_s
    assert eta_s == pytest.approx(wanted.eta_s) if wanted and wanted.eta_s else eta_s is None


@pytest.mark.parametrize(
    ("eta_s", "wanted"),
    [(1_080.0, Forecast(Outlook.CATCHING_UP, 1_080.0)), (None, Forecast(Outlook.UNKNOWN))],
)
def test_in_bulk_the_stream_s_own_estimate_counts(eta_s: float | None, wanted: Forecast):
    standing = rows(lambda at_s: 600.0 + at_s, is_standing=True)

    assert forecast(standing, at(300), bulk_eta_s=eta_s, is_bulk=True) == wanted


def test_old_samples_forecast_nothing():
    assert forecast(rows(lambda at_s: 600.0 - at_s), at(3_600)) is None
