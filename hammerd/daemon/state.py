"""What must outlive the daemon: pauses, latches, tid clocks, the slaves' last TIDs.

One versioned JSON file, replaced atomically and fsynced by the writer thread. A file that is
corrupt or from a newer hammerd is set aside, said, and never a reason not to start.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hammerd.core.tid import Tid, format_tid, parse_tid
from hammerd.core.tid_clock import TidClock, TidSample

VERSION = 1


@dataclass(frozen=True, slots=True)
class SavedPair:
    """What is kept of a pair; `paused_until_time` is wall time, None for until resumed."""

    is_paused: bool = False
    paused_until_time: float | None = None
    is_diverged: bool = False


@dataclass(frozen=True, slots=True)
class SavedSlave:
    """A slave's last TID and when it was read or committed (wall time)."""

    tid: Tid
    time: float


@dataclass(frozen=True, slots=True)
class SavedState:
    """The whole file."""

    pairs: Mapping[str, SavedPair] = field(default_factory=dict)
    clocks: Mapping[str, TidClock] = field(default_factory=dict)
    slaves: Mapping[str, SavedSlave] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was found, and what was wrong with it ("" when nothing was)."""

    state: SavedState
    complaint: str = ""


def dump(state: SavedState) -> str:
    """Turn a state into the text of its file."""
    return json.dumps(
        {
            "version": VERSION,
            "pairs": {name: asdict(pair) for name, pair in state.pairs.items()},
            "clocks": {
                end: [[format_tid(sample.tid), sample.time] for sample in clock.samples]
                for end, clock in state.clocks.items()
            },
            "slaves": {
                end: [format_tid(slave.tid), slave.time] for end, slave in state.slaves.items()
            },
        }
    )


def parse(text: str) -> SavedState:
    """Read the text of a state file.

    Raises:
        ValueError: it is not a state file, or one of a newer version.
    """
    data = json.loads(text)
    version = data.get("version") if isinstance(data, dict) else None
    if version != VERSION:
        raise ValueError(f"version {version!r} is not {VERSION}")
    try:
        return SavedState(
            {
                name: SavedPair(
                    bool(pair["is_paused"]), pair["paused_until_time"], bool(pair["is_diverged"])
                )
                for name, pair in data["pairs"].items()
            },
            {end: _clock(samples) for end, samples in data["clocks"].items()},
            {
                end: SavedSlave(parse_tid(tid), float(time))
                for end, (tid, time) in data["slaves"].items()
            },
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a field is missing or of another kind: {error}") from error


def load(path: Path) -> Loaded:
    """Read the state file; a bad one is renamed to `state.json.bad` and an empty one returned."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return Loaded(SavedState())
    except (OSError, UnicodeDecodeError) as error:
        return Loaded(SavedState(), f"{path}: {error}")
    try:
        return Loaded(parse(text))
    except ValueError as error:
        aside = path.with_name(path.name + ".bad")
        with contextlib.suppress(OSError):
            os.replace(path, aside)
        return Loaded(SavedState(), f"{path}: {error}; set aside as {aside}")


def save(path: Path, text: str) -> None:
    """Replace the state file so that it is whole at any moment, a power cut included.

    Raises:
        OSError: the directory cannot be written to; the old file is still there.
    """
    new = path.with_name(path.name + ".new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(fd)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    os.replace(new, path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _clock(samples: list[tuple[str, float]]) -> TidClock:
    return TidClock(
        tuple(TidSample(parse_tid(tid), at=float(time), time=float(time)) for tid, time in samples)
    )
