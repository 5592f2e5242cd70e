"""Tells whether the late pairs of a status catch up, from the last samples in the history."""

from collections.abc import Iterable, Mapping

from hammerd.cli.client.status_types import PairStatus
from hammerd.cli.lag.words import show_forecast
from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.times import now_ms
from hammerd.core.lag_report.forecast import WINDOW_MS, forecast
from hammerd.core.replication.lag import LagVerdict


def outlooks_of(pairs: Iterable[PairStatus], path: str | None) -> Mapping[str, str]:
    """Return the outlook of each late pair in words; of none without a history at `path`."""
    late = [pair["pair"] for pair in pairs if is_late(pair)]
    if not late or path is None:
        return {}
    at_ms = now_ms()
    try:
        # Imported only here: most often no pair is late.
        from hammerd.cli.history.queries import read_history, samples_of

        rows = read_history(
            path, lambda opened: samples_of(opened, late, at_ms - WINDOW_MS, at_ms)
        )
    except CommandFailed:
        return {}
    found = {
        name: show_forecast(forecast([row for row in rows if row.pair == name], at_ms))
        for name in late
    }
    return {name: words for name, words in found.items() if words}


def is_late(pair: PairStatus) -> bool:
    """Return whether a pair that is to run is behind by its lag_warning.

    A bulk tells itself how long it takes.
    """
    lag_s, warning_s = pair["lag_s"], pair.get("lag_warning_s")
    is_meant = pair["wanted"] == "up" and pair["gear"] != "bulk"
    if lag_s is None or warning_s is None or not is_meant:
        return False
    return pair["lag_verdict"] == LagVerdict.BEHIND and lag_s >= warning_s
