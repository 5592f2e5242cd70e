"""Checks values read from our files, and quotes invalid ones."""

import json
from collections.abc import Callable
from typing import TypeGuard

ConvertTime = Callable[[float], float]
"""Converts a monotonic instant to wall time, or back."""

LATEST_TIME = 1e11
"""Later wall times, thousands of years ahead, are damage."""

LONGEST_QUOTE = 40


def is_time(value: object) -> TypeGuard[int | float]:
    """Return whether a value read from a file can be a wall time; NaN cannot."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return 0 < value < LATEST_TIME


def is_span(value: object) -> TypeGuard[int | float]:
    """Return whether a value read from a file can be a span of seconds."""
    return value == 0 or is_time(value)


def quoted(value: object) -> str:
    """Return the beginning of a value as JSON."""
    try:
        text = json.dumps(value)
    except RecursionError:
        return "[..."
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}..."
