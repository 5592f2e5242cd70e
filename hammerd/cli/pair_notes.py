"""Says below a pair's row what the row cannot: a wish that differs, a trouble, and its cure."""

from collections.abc import Iterator

from hammerd.cli.quantities import count, show_about, show_bytes, show_span
from hammerd.cli.status_answer import PairAnswer


def is_disabled(pair: PairAnswer) -> bool:
    """Tell whether the config has it with enabled = false: known, and left alone."""
    return pair["wanted"] == "down" and pair["because"] == "disabled"


def notes_of(pair: PairAnswer, measured_time: str | None) -> Iterator[str]:
    """Say what is to be said of a pair at the RFC 3339 time when the daemon looked."""
    if is_disabled(pair):
        return
    yield from _wish(pair, measured_time)
    if pair["because"]:
        yield _trouble(pair, pair["because"])
    if pair["hint"]:
        yield f"hint: {pair['hint']}"
    if pair["lag_s"] is None and (because := pair.get("lag_unknown_because")):
        yield f"lag unknown: {because}"
    yield from _complaints(pair)
    if pair["because"] and pair["last_words"]:
        yield f"last words: {pair['last_words'][-1]}"
    if pair["gear"] == "bulk" and pair["phase"]:
        yield _bulk(pair)


def _wish(pair: PairAnswer, measured_time: str | None) -> Iterator[str]:
    if pair["wanted"] == "paused":
        yield _paused(pair["paused_until_time"], measured_time)
    elif pair["wanted"] != "up":
        yield f"wanted {pair['wanted']}"


def _complaints(pair: PairAnswer) -> Iterator[str]:
    for complaint in pair.get("complaints", ()):
        yield f"complained {count(complaint['count'], 'time')}: {complaint['text']}"
        if complaint["hint"]:
            yield f"hint: {complaint['hint']}"


def _paused(until_time: str | None, measured_time: str | None) -> str:
    if until_time is None:
        return "paused until it is resumed"
    # Most often no pair is paused, and nobody waits for this import.
    from datetime import UTC, datetime

    until = datetime.fromisoformat(until_time).astimezone(UTC)
    seen = datetime.fromisoformat(measured_time) if measured_time else datetime.now(UTC)
    day = "" if until.date() == seen.astimezone(UTC).date() else f"{until:%Y-%m-%d} "
    left = show_about((until - seen).total_seconds())
    return f"paused for another {left} (until {day}{until:%H:%M} UTC)"


def _trouble(pair: PairAnswer, because: str) -> str:
    waiting_for = pair.get("waiting_for")
    parts = [f"for {waiting_for}: {because}" if waiting_for else because]
    if pair["retry_in_s"] is not None:
        parts.append(f"looked at again in {show_span(pair['retry_in_s'])}")
    if pair["failures"]:
        parts.append(f"after {count(pair['failures'], 'failure')}")
    return ", ".join(parts)


def _bulk(pair: PairAnswer) -> str:
    if pair["slice_bytes"] is None:
        return f"in bulk: {pair['phase']}"
    whole = "" if pair["bulk_bytes"] is None else f" of {show_bytes(pair['bulk_bytes'])}"
    return f"in bulk: {pair['phase']}, {show_bytes(pair['slice_bytes'])}{whole}"
