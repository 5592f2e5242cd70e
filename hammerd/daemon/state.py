"""The pauses and latches that must outlive the daemon: state.json, and a copy of it.

Few and dear: saved at each change. A file that is damaged, of another version or cannot be read
is never a reason not to start and never written over (durable_file.set_aside); what cannot be
read of it is taken from the copy, and where that fails a pair counts as paused until it is
resumed: to mirror what a person wanted at rest is worse than to ask.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeGuard

from hammerd.daemon import durable_file

VERSION = 1
LATEST_TIME = 1e11
"""Wall times past this, thousands of years ahead, are damage."""


@dataclass(frozen=True, slots=True)
class SavedPair:
    """What is kept of a pair; `paused_until_time` is wall time, None for until resumed."""

    is_paused: bool = False
    paused_until_time: float | None = None
    is_diverged: bool = False


UNREADABLE_PAIR = SavedPair(is_paused=True)
Pairs = Mapping[str, SavedPair]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was found, and what was wrong with it (nothing, when `complaints` is empty)."""

    pairs: Pairs = field(default_factory=dict)
    complaints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parsed:
    """The text of a state file: pairs that are sound, and a guess at those that are not."""

    pairs: Pairs
    guesses: Pairs = field(default_factory=dict)
    complaints: tuple[str, ...] = ()


def dump(pairs: Pairs) -> str:
    """Turn the pairs into the text of their file."""
    entries = {name: asdict(pair) for name, pair in pairs.items()}
    return json.dumps({"version": VERSION, "pairs": entries}, indent=1) + "\n"


def parse(text: str) -> Parsed:
    """Read the text of a state file as far as it can be read.

    Raises:
        ValueError: nothing of it can.
    """
    try:
        data: object = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(data, dict) or not isinstance(entries := data.get("pairs"), dict):
        raise ValueError("it holds no pairs")  # noqa: TRY004 - a file's fault, not a caller's
    read = {name: _pair(entry) for name, entry in entries.items()}
    complaints = tuple(f"pair {name}: {bad}" for name, (_, bad) in read.items() if bad)
    version = data.get("version")
    if version != VERSION:
        complaints = (f"its version {_short(version)} is not {VERSION}", *complaints)
    return Parsed(
        {name: pair for name, (pair, bad) in read.items() if not bad},
        {name: pair for name, (pair, bad) in read.items() if bad},
        complaints,
    )


def load(path: Path) -> Loaded:
    """Read the state file, and its copy where the file is missing or damaged; writes nothing."""
    main, complaint = _look(path)
    if main is not None and not main.complaints:
        return Loaded(main.pairs)
    copy, copy_complaint = _look(copy_of(path))
    if main is not None:
        found = copy.pairs if copy else {}
        cured = {name: found.get(name, guess) for name, guess in main.guesses.items()}
        return Loaded({**main.pairs, **cured}, tuple(f"{path}: {one}" for one in main.complaints))
    if copy is None:
        complaints = (complaint, copy_complaint)
        return Loaded(complaints=tuple(one for one in complaints if one))
    missing = complaint or f"{path} is gone"
    return Loaded(
        {**copy.pairs, **copy.guesses}, (f"{missing}; read {copy_of(path)}", *copy.complaints)
    )


def save(path: Path, pairs: Pairs) -> None:
    """Replace the state file, then its copy.

    Raises:
        OSError: that failed; old or new, a whole file is there.
    """
    text = dump(pairs)
    durable_file.replace(path, (text,))
    durable_file.replace(copy_of(path), (text,))


def copy_of(path: Path) -> Path:
    """Return the name of the state file's copy."""
    return path.with_name(path.name + ".copy")


def is_time(value: object) -> TypeGuard[int | float]:
    """Tell whether a value read from a file can be a wall time; NaN cannot."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return 0 < value < LATEST_TIME


def _look(path: Path) -> tuple[Parsed | None, str]:
    try:
        text = durable_file.read(path)
        return (None, "") if text is None else (parse(text), "")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return None, f"{path}: {reason}"


def _pair(entry: object) -> tuple[SavedPair, str]:
    """Return a pair as far as it can be read, and what is wrong with it, "" when nothing is."""
    if not isinstance(entry, dict):
        return UNREADABLE_PAIR, f"{_short(entry)} is no entry"
    until_time = entry.get("paused_until_time")
    pair = SavedPair(
        entry.get("is_paused") is not False,
        float(until_time) if is_time(until_time) else None,
        bool(entry.get("is_diverged")),
    )
    for key in ("is_paused", "is_diverged"):
        if not isinstance(entry.get(key), bool):
            return pair, f"{key} {_short(entry.get(key))} is neither true nor false"
    if until_time is not None and not is_time(until_time):
        return pair, f"paused_until_time {_short(until_time)} is no time"
    return pair, ""


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
