"""The tid clocks and the slaves' last TIDs, over the end of the daemon: clocks.json.

Many and cheap: checkpointed every minute and at the end, of use only for how far behind a slave
was while nobody looked, and thinned for that: a disk that keeps its history pays for each minute.
Written one end a line, so that the thread that encodes them lets the loop go on between two ends.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from hammerd.core.tid import Tid, format_tid, parse_tid
from hammerd.core.tid_clock import TidClock, TidSample, thinned
from hammerd.daemon import durable_file
from hammerd.daemon.saved_values import is_time

VERSION = 1


@dataclass(frozen=True, slots=True)
class SavedSlave:
    """A slave's last TID and when it was read or committed (wall time)."""

    tid: Tid
    time: float


@dataclass(frozen=True, slots=True)
class SavedClocks:
    """The whole file."""

    clocks: Mapping[str, TidClock] = field(default_factory=dict)
    slaves: Mapping[str, SavedSlave] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoadedClocks:
    """What was found, and what was wrong with it ("" when nothing was)."""

    saved: SavedClocks = field(default_factory=SavedClocks)
    complaint: str = ""


def pieces(saved: SavedClocks) -> Iterator[str]:
    """Yield the text of the file, one end at a time."""
    yield f'{{"version": {VERSION}, "slaves": {{'
    yield from _members(
        (end, [format_tid(slave.tid), slave.time]) for end, slave in saved.slaves.items()
    )
    yield '\n}, "clocks": {'
    yield from _members(
        (end, [[format_tid(sample.tid), sample.time] for sample in thinned(clock.samples)])
        for end, clock in saved.clocks.items()
    )
    yield "\n}}\n"


def parse(text: str) -> SavedClocks:
    """Read the text of the file.

    Raises:
        ValueError: it is not such a file, damaged, or of another version.
    """
    try:
        data = json.loads(text)
        version = data.get("version") if isinstance(data, dict) else None
        if version != VERSION:
            raise ValueError(f"its version {str(version)[:20]} is not {VERSION}")
        return SavedClocks(
            {end: _clock(samples) for end, samples in data["clocks"].items()},
            {
                end: SavedSlave(parse_tid(tid), _time(time))
                for end, (tid, time) in data["slaves"].items()
            },
        )
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"a field is missing or of another kind: {error}") from error


def load(path: Path) -> LoadedClocks:
    """Read the file; writes nothing."""
    try:
        text = durable_file.read(path)
        return LoadedClocks() if text is None else LoadedClocks(parse(text))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return LoadedClocks(complaint=f"{path}: {reason}")


def save(path: Path, saved: SavedClocks) -> None:
    """Replace the file.

    Raises:
        OSError: that failed; the old file is still there.
    """
    durable_file.replace(path, pieces(saved))


def _members(items: Iterator[tuple[str, object]]) -> Iterator[str]:
    comma = ""
    for end, value in items:
        yield f"{comma}\n{json.dumps(end)}: {json.dumps(value)}"
        comma = ","


def _clock(samples: list[tuple[str, float]]) -> TidClock:
    read = tuple(
        TidSample(parse_tid(tid), at=_time(time), time=_time(time)) for tid, time in samples
    )
    if any(older.tid >= newer.tid for older, newer in pairwise(read)):
        raise ValueError("the samples of a clock are not in order")
    return TidClock(read)


def _time(value: object) -> float:
    if not is_time(value):
        raise ValueError(f"{str(value)[:20]} is no time")
    return float(value)
