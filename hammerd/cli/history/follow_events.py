"""Reads events as they are recorded, for `hammerd events --follow`."""

import os
import time
from collections.abc import Callable, Iterator, Sequence

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.text import print_to_stderr
from hammerd.cli.output.times import now_ms
from hammerd.core.api.history_schema import EventRow

FOLLOW_S = 0.5

NumberedEvents = Sequence[tuple[int, EventRow]]
"""Events with their ids."""


def stamp_of(path: str) -> tuple[int, ...]:
    """Return a tuple that differs after every write and after the file was replaced."""
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)


def follow_events(
    path: str,
    stamp: tuple[int, ...],
    after_id: int,
    read_after: Callable[[int], tuple[NumberedEvents, int]],
    until_ms: int | None = None,
) -> Iterator[NumberedEvents]:
    """Yield new events whenever the file was written or replaced, up to a time.

    `stamp`: taken before the read whose last id is `after_id`, so that nothing is left out.
    `read_after` returns the events after an id, and the last id of all.
    """
    failure = ""
    while until_ms is None or now_ms() <= until_ms:
        time.sleep(FOLLOW_S)
        if (last := stamp_of(path)) == stamp:
            continue
        if last[:2] != stamp[:2]:
            # Another file: its event ids begin again.
            after_id = 0
        try:
            found, after_id = read_after(after_id)
        except CommandFailed as error:
            if error.message != failure:
                print_to_stderr(f"hammerd: {error.message}; waiting for it to come back")
            failure = error.message
            continue
        failure, stamp = "", last
        if found:
            yield found
