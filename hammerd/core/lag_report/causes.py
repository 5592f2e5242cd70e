"""Explains episodes by what the history knows, and never by more than that.

A stream that did not run explains the lag of that time. A stream that was busy or replaced
meanwhile is a likely cause only, and so is the nightly `hammer cleanup`, of which the history
knows nothing: spikes that begin in its hours on several nights, and that nothing else explains,
are likely its.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from hammerd.core.lag_report.episodes import Cause, Episode, EpisodeKind
from hammerd.core.lag_report.marks import Mark, MarkKind

AT_REST = (
    *(MarkKind.DAEMON_DOWN, MarkKind.HELD, MarkKind.PAUSED, MarkKind.DISABLED, MarkKind.PARKED),
    *(MarkKind.SLAVE_FULL, MarkKind.LINK_DOWN, MarkKind.WAITING),
)
"""The marks of a time in which no stream ran."""

UNSEEN = (MarkKind.DAEMON_DOWN, MarkKind.HELD, MarkKind.HOST_UNREADABLE, MarkKind.END_UNREADABLE)
"""The marks of a time in which an end could not be read."""

BUSY = (
    *(MarkKind.BULK, MarkKind.RESTART, MarkKind.ROLLBACK, MarkKind.TURN, MarkKind.VERIFY),
    *(MarkKind.HOST_UNREADABLE, MarkKind.ANOMALY),
)
"""The marks that may go with a lag; the first that fits is named."""

SLACK_MS = 60_000
"""A cause may be seen so long after the moment that the slave held last."""

LEAST_PART = 0.1
MOST_PART = 0.5
"""A time at rest that is a smaller part of the lag explains nothing, or does not for sure."""

CLEANUP_HOURS = range(3, 5)
"""periodic(8) runs at 03:01; the daily cleanup of each file system comes one after another."""

LEAST_NIGHTS = 3

Local = Callable[[int], datetime]
"""Converts a time in milliseconds to the zone of the machine."""


def explain(episodes: Sequence[Episode], marks: Sequence[Mark], local: Local) -> list[Episode]:
    """Return the episodes with their causes, as far as the history has any."""
    explained = [replace(each, cause=_cause_of(each, marks)) for each in episodes]
    nightly = [each for each in explained if _may_be_cleanup(each, local)]
    nights = {local(each.origin_ms).date() for each in nightly}
    if len(nights) < LEAST_NIGHTS:
        return explained
    text = f"{len(nights)} nights"
    return [
        replace(each, cause=_cleanup(each, text)) if each in nightly else each
        for each in explained
    ]


def cleanup_marks(episodes: Sequence[Episode], marks: Sequence[Mark], local: Local) -> list[Mark]:
    """Return marks for the spikes that are likely of the nightly cleanup."""
    return [
        Mark(each.cause.kind, each.origin_ms, each.end_ms, "likely")
        for each in explain(episodes, marks, local)
        if each.cause is not None and each.cause.kind is MarkKind.CLEANUP
    ]


def _cause_of(episode: Episode, marks: Sequence[Mark]) -> Cause | None:
    near = [each for each in marks if _touches(each, episode)]
    if episode.kind is EpisodeKind.NO_DATA:
        # What began with the first sample after a gap explains nothing of it.
        least_ms = LEAST_PART * (episode.end_ms - episode.begin_ms)
        near = [each for each in near if _overlap_ms(each, episode) >= least_ms]
    if episode.kind is not EpisodeKind.SPIKE:
        return _first(near, (*UNSEEN, *AT_REST, *BUSY), UNSEEN)
    wanted_ms = (episode.max_s or 0.0) * 1_000
    for kind in AT_REST:
        found = [each for each in near if each.kind is kind]
        part = sum(_overlap_ms(each, episode) for each in found) / max(wanted_ms, 1.0)
        if found and part >= LEAST_PART:
            longest = max(found, key=lambda each: _overlap_ms(each, episode))
            return _cause(longest, is_likely=part < MOST_PART)
    return _first(near, BUSY, ())


def _first(
    near: Sequence[Mark], kinds: Sequence[MarkKind], certain: Sequence[MarkKind]
) -> Cause | None:
    for kind in kinds:
        if found := [each for each in near if each.kind is kind]:
            return _cause(found[0], is_likely=kind not in certain)
    return None


def _cause(mark: Mark, *, is_likely: bool) -> Cause:
    return Cause(mark.kind, mark.text, mark.begin_ms, mark.end_ms, is_likely)


def _touches(mark: Mark, episode: Episode) -> bool:
    return (
        mark.end_ms >= episode.origin_ms - SLACK_MS and mark.begin_ms <= episode.peak_ms + SLACK_MS
    )


def _overlap_ms(mark: Mark, episode: Episode) -> int:
    begin_ms = max(mark.begin_ms, episode.origin_ms - SLACK_MS)
    return max(0, min(mark.end_ms, episode.peak_ms) - begin_ms)


def _may_be_cleanup(episode: Episode, local: Local) -> bool:
    is_explained = episode.kind is not EpisodeKind.SPIKE or episode.cause is not None
    return not is_explained and local(episode.origin_ms).hour in CLEANUP_HOURS


def _cleanup(episode: Episode, text: str) -> Cause:
    kind = MarkKind.CLEANUP
    return Cause(kind, text, episode.origin_ms, episode.end_ms, is_likely=True)
