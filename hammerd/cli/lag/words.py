"""Words for lags, shares, times and causes in the output of `hammerd lag`."""

from typing import assert_never

from hammerd.cli.client.status_types import PairStatus
from hammerd.cli.output.numbers import show_period, show_rough_period
from hammerd.cli.output.times import Zone, moment_of, show_to_minute
from hammerd.cli.status.pair_notes import is_disabled
from hammerd.core.api.history_schema import LagRow
from hammerd.core.lag_report.forecast import Forecast, Outlook
from hammerd.core.lag_report.marks import MarkKind

MARK_WORDS = {
    MarkKind.PAUSED: "paused",
    MarkKind.PARKED: "parked",
    MarkKind.HELD: "held by a plan",
    MarkKind.PROMOTED: "slave promoted",
    MarkKind.DISABLED: "disabled",
    MarkKind.DAEMON_DOWN: "hammerd did not run",
    MarkKind.DAEMON_STARTED: "hammerd started",
    MarkKind.LINK_DOWN: "link down",
    MarkKind.SLAVE_FULL: "slave full",
    MarkKind.WAITING: "waiting",
    MarkKind.HOST_UNREADABLE: "host could not be read",
    MarkKind.END_UNREADABLE: "end could not be read",
    MarkKind.BULK: "bulk",
    MarkKind.RESTART: "stream restarted",
    MarkKind.ROLLBACK: "TID went back",
    MarkKind.ANOMALY: "anomaly",
    MarkKind.COMPLAINT: "complaint",
    MarkKind.VERIFY: "verification",
    MarkKind.TURN: "turn of another slave",
    MarkKind.CLEANUP: "nightly hammer cleanup",
}


def show_seconds(seconds: float | None) -> str:
    """Format a lag, `-` if there is none."""
    return "-" if seconds is None else show_period(seconds)


def show_lag(verdict: str, seconds: float | None, *, is_approximate: bool = False) -> str:
    """Format the lag of a sample or of now."""
    if verdict == "ahead":
        return "ahead"
    about = "~" if is_approximate else ""
    return "unknown" if seconds is None else f"{about}{show_period(seconds)}"


def show_now(pair: PairStatus | None) -> str:
    """Format the lag of a status, `-` without one."""
    if pair is None or is_disabled(pair):
        return "-"
    return show_lag(pair["lag_verdict"], pair["lag_s"], is_approximate=pair["lag_approximate"])


def show_last(row: LagRow | None) -> str:
    """Format the last sample, `-` without one."""
    return "-" if row is None else show_lag(row.verdict, row.seconds)


def show_share(share: float | None) -> str:
    """Format a share in at most six characters; 0% and 100% are exact."""
    if share is None:
        return "-"
    percent = 100 * share
    if percent in (0, 100):
        return f"{percent:.0f}%"
    if 10 <= percent <= 90:
        return f"{percent:.0f}%"
    return f"{min(max(percent, 0.01), 99.99):.2f}%"


def show_zone(zone: Zone, time_ms: int) -> str:
    """Return the name of a zone at a time: `UTC`, or like `CEST (UTC+02:00)`."""
    if zone is Zone.UTC:
        return "UTC"
    moment = moment_of(time_ms, zone)
    offset = f"{moment:%z}"
    named = f"UTC{offset[:3]}:{offset[3:5]}"
    name = moment.tzname() or ""
    return (
        f"{name} ({named})" if name.isalpha() and name != "UTC" else named.removesuffix("+00:00")
    )


def show_span(begin_ms: int, end_ms: int, zone: Zone) -> str:
    """Format a span; the day of its end is left out if it is that of its begin."""
    begin, end = show_to_minute(begin_ms, zone), show_to_minute(end_ms, zone)
    if begin == end:
        return begin
    return f"{begin} - {end.split()[1] if begin.split()[0] == end.split()[0] else end}"


def show_forecast(forecast: Forecast | None) -> str:
    """Return the words of a forecast, empty for a slave that is not behind."""
    if forecast is None:
        return ""
    match forecast.outlook:
        case Outlook.UNKNOWN:
            return "no forecast yet"
        case Outlook.CATCHING_UP:
            eta_s = forecast.eta_s
            return "catching up" + ("" if eta_s is None else f", {show_rough_period(eta_s)}")
        case Outlook.KEEPING_PACE:
            return "keeping pace"
        case Outlook.FALLING_BEHIND:
            return "falling behind"
        case Outlook.NO_PROGRESS:
            return "no progress"
        case _:
            assert_never(forecast.outlook)
