"""Draws a lag as a line of characters: `▁▁▂▁█▁ ▁`, or `__.-_#_ _` where blocks cannot be shown.

The height is that of the greatest lag of each part, on a scale from 0 to the greatest of all; the
least step is for a lag of less than LEAST_S, so that a slave in sync draws a flat line. A part of
unknown lag is `?`, and one without data is blank.
"""

import sys
from collections.abc import Sequence

from hammerd.core.lag_report.buckets import Bucket, worst

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = "_.,-=+*#"
UNKNOWN, NO_DATA = "?", " "
LEAST_S = 60.0


def can_show_blocks() -> bool:
    """Return whether stdout takes block characters."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return encoding in ("utf8", "utf8sig")


def sparkline(buckets: Sequence[Bucket], *, is_ascii: bool = False) -> str:
    """Return one character for each bucket."""
    steps = ASCII if is_ascii else BLOCKS
    most_s = max(worst(buckets) or 0.0, LEAST_S)
    return "".join(_character(each, steps, most_s) for each in buckets)


def _character(bucket: Bucket, steps: str, most_s: float) -> str:
    if bucket.max_s is None:
        return UNKNOWN if bucket.unknown_ms else NO_DATA
    return steps[min(len(steps) - 1, int(bucket.max_s / most_s * len(steps)))]
