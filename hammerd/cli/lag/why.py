"""Lays out what explains the spikes of a pair, and the time without a known lag.

2026-03-04 14:02 - 14:41   max 38m10s  paused from 14:02 to 14:38
2026-03-05 03:04 - 03:41   max 12m10s  likely nightly hammer cleanup (9 nights)
2026-03-06 10:00 - 10:12   no data     hammerd did not run
"""

from collections.abc import Iterator
from dataclasses import replace
from math import inf

from hammerd.cli.lag.past import Past, Reasons
from hammerd.cli.lag.table import Look
from hammerd.cli.lag.words import MARK_WORDS, show_span
from hammerd.cli.output.numbers import show_period
from hammerd.cli.output.spans import Line, Span, wrap_spans
from hammerd.cli.output.times import Zone, moment_of, show_to_minute
from hammerd.core.lag_report.causes import explain
from hammerd.core.lag_report.course import Period
from hammerd.core.lag_report.episodes import (
    Cause,
    Episode,
    EpisodeKind,
    episodes_of,
    spike_limit,
)
from hammerd.core.lag_report.marks import MarkKind

_MOMENTS = frozenset({MarkKind.RESTART, MarkKind.ROLLBACK, MarkKind.TURN, MarkKind.ANOMALY})
_WHEN, _WHAT = 25, 10
_DAY = len("2026-03-04")
ABOUT_CLEANUP = (
    "likely nightly hammer cleanup: nothing else explains spikes that began between 03:00 and "
    "05:00 on several nights, and periodic(8) runs it then"
)
_INDENT = _WHEN + _WHAT + 4


def reasons_of(past: Past, period: Period, *, has_daemon: bool = True) -> Reasons:
    """Return the explained episodes that touch a period; the past may be longer than that.

    `has_daemon`: a daemon answers now. Time before the first sample needs no explanation: most
    often the history is younger.
    """
    limit_s = spike_limit(past.warning_s, past.summary.median_s)
    found = episodes_of(past.course, past.period, limit_s)
    every = explain(found, past.marks, lambda time_ms: moment_of(time_ms, Zone.LOCAL))
    within = [
        each if has_daemon else _ended(each, past)
        for each in every
        if each.begin_ms < period.until_ms
        and each.end_ms > period.since_ms
        and not _is_before_history(each, past)
    ]
    return Reasons(limit_s, within)


def _is_before_history(episode: Episode, past: Past) -> bool:
    is_blind = episode.kind is EpisodeKind.NO_DATA and episode.cause is None
    return is_blind and bool(past.course) and episode.begin_ms == past.period.since_ms


def _ended(episode: Episode, past: Past) -> Episode:
    """Explain the time after the last sample by the daemon that does not answer."""
    if (
        episode.kind is not EpisodeKind.NO_DATA
        or episode.cause is not None
        or episode.end_ms != past.period.until_ms
    ):
        return episode
    times = (episode.begin_ms, episode.end_ms)
    return replace(episode, cause=Cause(MarkKind.DAEMON_DOWN, "none answers now", *times, True))


def why_lines(reasons: Reasons, look: Look) -> Iterator[Line]:
    """Lay out the episodes of a pair, the latest last."""
    if not reasons.episodes:
        above = "" if reasons.limit_s == inf else f" above {show_period(reasons.limit_s)}"
        yield (Span(f"no lag{above}, and none that was unknown"),)
        return
    for each in reasons.episodes:
        when = show_span(each.begin_ms, each.end_ms, look.zone)
        head = f"{when:{_WHEN}}  {_what(each):{_WHAT}}  "
        cause = each.cause
        text = "no cause in the history" if cause is None else show_cause(cause, each, look.zone)
        yield from wrap_spans(
            head + text, look.width, tone="" if cause else "warning", deeper=_INDENT
        )


def has_cleanup(reasons: Reasons) -> bool:
    """Return whether the nightly cleanup is the likely cause of an episode."""
    kinds = {each.cause.kind for each in reasons.episodes if each.cause}
    return MarkKind.CLEANUP in kinds


def _what(episode: Episode) -> str:
    if episode.kind is EpisodeKind.SPIKE:
        return f"max {show_period(episode.max_s or 0.0)}"
    return "unknown" if episode.kind is EpisodeKind.UNKNOWN else "no data"


def show_cause(cause: Cause, episode: Episode, zone: Zone) -> str:
    """Return the words of a cause: how sure it is, from when to when, and what its event told.

    The times of a cause that are those of its episode are left out.
    """
    likely = "likely " if cause.is_likely else ""
    words = f"{likely}{MARK_WORDS[cause.kind]}"
    detail = f": {cause.text}" if cause.text and cause.text != cause.kind.value else ""
    if cause.kind is MarkKind.CLEANUP:
        return f"{words} ({cause.text})"
    begin, end = _times_of(cause, episode, zone)
    if cause.kind in _MOMENTS or begin == end:
        return f"{words} at {begin}{detail}"
    if _are_close(cause.begin_ms, episode.begin_ms) and _are_close(cause.end_ms, episode.end_ms):
        return f"{words}{detail}"
    return f"{words} from {begin} to {end}{detail}"


def _times_of(cause: Cause, episode: Episode, zone: Zone) -> tuple[str, str]:
    """Return begin and end of a cause, with their days if these are not that of the episode."""
    day = show_to_minute(episode.begin_ms, zone)[:_DAY]
    begin, end = (show_to_minute(each, zone) for each in (cause.begin_ms, cause.end_ms))
    if begin[:_DAY] != day:
        return begin, end if end[:_DAY] != begin[:_DAY] else end[_DAY + 1 :]
    return begin[_DAY + 1 :], end if end[:_DAY] != day else end[_DAY + 1 :]


def _are_close(one_ms: int, other_ms: int) -> bool:
    return abs(one_ms - other_ms) <= 120_000
