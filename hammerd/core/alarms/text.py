"""Writes the summary and the text of a notification, for people.

Each character that a terminal or a mail header would obey becomes a question mark, so the summary
is one line, whatever hammer or ssh printed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hammerd.core.alarms.ledger import Change, Kind, worst_level
from hammerd.core.api.status_json import Json, ToTime
from hammerd.core.characters import printable

LONGEST_SUMMARY = 160
LONGEST_LINE = 400
LEAST_LAG_S = 60.0
"""A shorter lag is not worth its place in the summary: a link may have died just now."""

MOST_LISTED = 20
"""The number of pairs that the text describes; it counts the others, and the JSON has all."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The facts around a notification: this host, the time, and the status of each pair."""

    host: str
    now_at: float
    to_time: ToTime
    facts: Mapping[str, Json]


def summary_of(changes: Sequence[Change], because: str, scene: Scene) -> str:
    """Return one line that names the kind, the pairs, the cause and the lag."""
    first = changes[0]
    parts = [f"{_opening(first)} {_subject(changes)}"]
    if first.kind is Kind.RECOVERED:
        oldest_at = min(change.alarm.since_at for change in changes)
        parts.append(f"after {show_span(scene.now_at - oldest_at)}")
    else:
        parts.append(because)
    if first.kind is Kind.REMINDER:
        parts.append(f"for {show_span(scene.now_at - first.alarm.since_at)}")
    lags = [*numbers([scene.facts.get(one.finding.subject, {}) for one in changes], "lag_s")]
    if max(lags, default=0.0) >= LEAST_LAG_S and first.kind is not Kind.RECOVERED:
        parts.append(f"lag {show_span(max(lags))}")
    return cut(printable(", ".join(filter(None, parts))), LONGEST_SUMMARY)


def cause_of(change: Change) -> str:
    """Return the name of the cause now, or of the last one that was told."""
    return change.finding.because or change.alarm.because


def _opening(change: Change) -> str:
    level = worst_level((change.level,))
    if change.is_removed:
        return "alarm ends, no longer supervised:"
    if change.is_easing:
        return "warning, no longer critical:"
    if change.kind is Kind.REMINDER:
        return f"still {level}:"
    return f"{change.kind}:"


def _subject(changes: Sequence[Change]) -> str:
    names = [change.finding.subject for change in changes]
    if not names[0]:
        return "hammerd itself"
    if len(names) == 1:
        return names[0]
    host = changes[0].alarm.host
    return f"{len(names)} pairs{f' with {host}' if host else ''}"


def text_of(summary: str, changes: Sequence[Change], scene: Scene) -> str:
    """Return the text of a notification, with a newline after each line."""
    time = scene.to_time(scene.now_at)
    lines = [summary, "", f"host: {scene.host}", f"time: {time}"]
    hints = [change.finding.hint for change in changes]
    for number, change in enumerate(changes[:MOST_LISTED]):
        is_new = change.finding.hint not in hints[:number]
        lines += ["", *_pair_lines(change, scene, shows_hint=is_new)]
    if len(changes) > MOST_LISTED:
        lines += ["", f"and {len(changes) - MOST_LISTED} more pairs"]
    lines += ["", *_advice(changes[0], len(changes))]
    return "\n".join(one_line(line) for line in lines) + "\n"


def _pair_lines(change: Change, scene: Scene, *, shows_hint: bool) -> Iterator[str]:
    name, facts = change.finding.subject, scene.facts.get(change.finding.subject, {})
    since = f"since {scene.to_time(change.alarm.since_at)}"
    is_over = change.kind is Kind.RECOVERED
    yield f"{name or 'hammerd'}: {'was ' if is_over else ''}{change.alarm.level} {since}"
    cause = change.alarm.because if is_over else cause_of(change)
    yield f"  cause: {cause}"
    if facts:
        yield f"  {facts['master']} -> {facts['slave']}"
        yield f"  state: {_state(facts)}; lag: {_lag(facts, change.finding.hint)}"
        yield f"  safe until: {facts['safe_until_time'] or 'unknown'}"
    if not is_over and change.finding.hint and shows_hint:
        yield f"  hint: {change.finding.hint}"
    word = facts.get("telling_word")
    if not is_over and word and str(word) not in change.finding.hint:
        yield f"  said: {word}"


def _state(facts: Json) -> str:
    waits = facts.get("waiting_for")
    return f"{facts['state']}{f' for {waits}' if waits else ''}"


def _lag(facts: Json, hint: str) -> str:
    seconds, because = facts.get("lag_s"), facts.get("lag_unknown_because")
    if isinstance(seconds, int | float):
        return show_span(seconds)
    # Of a slave that is none of its master's both are the same words.
    return (
        "unknown" if because and because == hint else f"unknown ({because or 'not measured yet'})"
    )


def _advice(change: Change, count: int) -> Iterator[str]:
    if change.kind is Kind.RECOVERED:
        yield '"hammerd events" tells what happened'
        return
    name = change.finding.subject
    if not name:
        yield '"hammerd status" tells more'
        return
    yield f'"hammerd status" and "hammerd events" tell more; "hammerd ack{_named(name, count)}"'
    yield "ends the reminders"


def _named(name: str, count: int) -> str:
    return f" {name}" if count == 1 else " PAIR"


def show_span(seconds: float) -> str:
    """Return a span of time in its two largest units: `45s`, `12m`, `2h5m`, `3d4h`."""
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes}m" if minutes else f"{hours}h"
    days, hours = divmod(hours, 24)
    return f"{days}d{hours}h" if hours else f"{days}d"


def numbers(facts: Sequence[Json], key: str) -> Iterator[float]:
    """Yield the values of a key that are numbers."""
    return (value for one in facts if isinstance(value := one.get(key), int | float))


def one_line(text: str) -> str:
    """Return a text as one printable line, cut to its longest."""
    return cut(printable(text), LONGEST_LINE)


def cut(text: str, most: int) -> str:
    """Return a text with no more characters than that."""
    return text if len(text) <= most else f"{text[: most - 3]}..."
