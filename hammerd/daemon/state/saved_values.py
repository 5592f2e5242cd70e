"""What a value read from a file of ours may be, and how it is quoted when it may not."""

import json
from typing import TypeGuard

LATEST_TIME = 1e11
"""Wall times past this, thousands of years ahead, are damage."""

LONGEST_QUOTE = 40


def is_time(value: object) -> TypeGuard[int | float]:
    """Tell whether a value read from a file can be a wall time; NaN cannot."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return 0 < value < LATEST_TIME


def is_span(value: object) -> TypeGuard[int | float]:
    """Tell whether a value read from a file can be a span of seconds."""
    return value == 0 or is_time(value)


def quoted(value: object) -> str:
    """Return the beginning of a value as it stands in a file."""
    try:
        text = json.dumps(value)
    except RecursionError:
        return "[..."
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}..."
