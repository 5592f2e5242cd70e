"""Draws a lag as a line of characters: `▁▁▂▁█▁ ▁`, or `__.-_#_ _` where blocks cannot be shown.

The height is that of the greatest lag of each part, on a scale from 0 to the greatest of all; the
least step is for a lag of less than LEAST_S, so that a slave in sync draws a flat line. A part of
unknown lag is `?`, and one without data is blank.
"""

import os
import sys
from collections.abc import Sequence

from hammerd.core.lag_report.buckets import Bucket, worst

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = "_.,-=+*#"
LOCALE_NAMES = ("LC_ALL", "LC_CTYPE", "LANG")
"""The names of the environment that tell the locale of characters, the first one counts."""

UNKNOWN, NO_DATA = "?", " "
LEAST_S = 60.0


def can_show_blocks() -> bool:
    """Return whether the locale, and stdout, take block characters."""
    # Python itself encodes as UTF-8 in the locale C too, whatever the terminal shows.
    named = next(filter(None, map(os.environ.get, LOCALE_NAMES)), "")
    return all("utf8" in each.lower().replace("-", "") for each in (named, sys.stdout.encoding))


def sparkline(buckets: Sequence[Bucket], *, is_ascii: bool = False) -> str:
    """Return one character for each bucket."""
    steps = ASCII if is_ascii else BLOCKS
    most_s = max(worst(buckets) or 0.0, LEAST_S)
    return "".join(_character(each, steps, most_s) for each in buckets)


def _character(bucket: Bucket, steps: str, most_s: float) -> str:
    if bucket.max_s is None:
        return UNKNOWN if bucket.unknown_ms else NO_DATA
    return steps[min(len(steps) - 1, int(bucket.max_s / most_s * len(steps)))]
