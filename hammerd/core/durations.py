"""Converts durations as people write them, `2 hours` or `30 min`, to the form of a config."""

import re

_WORDS = {
    "w": ("w", "wk", "wks", "week", "weeks"),
    "d": ("d", "day", "days"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "m": ("m", "min", "mins", "minute", "minutes"),
    "s": ("s", "sec", "secs", "second", "seconds"),
}
_UNITS = {word: unit for unit, words in _WORDS.items() for word in words}
_PART = re.compile(
    rf"([0-9]+(?:\.[0-9]+)?|an?(?= ))\s*({'|'.join(sorted(_UNITS, key=len, reverse=True))})"
    r"(?![a-z])(?:\s*,)?\s*(?:and\s+)?",
    re.IGNORECASE,
)


def short_form(text: str) -> str:
    """Return `2h` for `2 hours`, `1h30m` for `1 hour and 30 min`; empty for any other text."""
    at, short = 0, ""
    rest = text.strip()
    while at < len(rest):
        part = _PART.match(rest, at)
        if part is None:
            return ""
        number = "1" if part[1].lower() in ("a", "an") else part[1]
        short += number + _UNITS[part[2].lower()]
        at = part.end()
    return short
