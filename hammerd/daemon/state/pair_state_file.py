"""What must outlive the daemon of each pair: state.json, and a copy of it.

Pauses, latches and what nobody acknowledged: few and dear, saved at each change. A file that is
damaged, of another version or cannot be read is never a reason not to start and never written
over (atomic_file.set_aside); what cannot be read of it is taken from the copy, and where that
fails a pair counts as paused until it is resumed, each of them where both files are unreadable:
to mirror what a person wanted at rest is worse than to ask. What nobody acknowledged is read on
its own: damage there touches no pause or latch.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from hammerd.core import paths
from hammerd.daemon.state import atomic_file, unacknowledged
from hammerd.daemon.state.saved_latches import SavedPromotion, parse_ends, parse_promotion
from hammerd.daemon.state.saved_values import is_span, is_time, quoted
from hammerd.daemon.state.unacknowledged import NOTHING, Unacknowledged

VERSION = 1


@dataclass(frozen=True, slots=True)
class SavedPair:
    """What is kept of a pair; `paused_until_time` is wall time, None for until resumed.

    `paused_for_s` is what was left of the pause when this was written: whoever reads it under
    another clock pauses no longer than that. `disks` are the unique-uuids of the slaves that take
    turns at its path.
    """

    is_paused: bool = False
    paused_until_time: float | None = None
    is_diverged: bool = False
    unacknowledged: Unacknowledged = NOTHING
    paused_for_s: float | None = None
    promotion: SavedPromotion | None = None
    latched_ends: tuple[str, str] | None = None
    disks: tuple[str, ...] = ()


NOTHING_SAVED = SavedPair()
UNREADABLE_PAIR = SavedPair(is_paused=True)
Pairs = Mapping[str, SavedPair]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was found, and what was wrong with it (nothing, when `complaints` is empty).

    `others` counts for a pair that was not found.
    """

    pairs: Pairs = field(default_factory=dict)
    complaints: tuple[str, ...] = ()
    others: SavedPair = NOTHING_SAVED

    def of(self, pair: str) -> SavedPair:
        """Return what counts for a pair."""
        return self.pairs.get(pair, self.others)


@dataclass(frozen=True, slots=True)
class ReadPair:
    """A pair as far as it can be read, and what is wrong with it, "" where nothing is.

    `wrong` is of its pause and latch, which are a guess then; `lost` of what nobody acknowledged.
    """

    pair: SavedPair
    wrong: str = ""
    lost: str = ""

    @property
    def complaint(self) -> str:
        """Return all that is wrong with it."""
        return "; ".join(filter(None, (self.wrong, self.lost)))


@dataclass(frozen=True, slots=True)
class Parsed:
    """The text of a state file, and what is wrong with it."""

    pairs: Mapping[str, ReadPair]
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
    complaints = tuple(
        f"pair {name}: {one.complaint}" for name, one in read.items() if one.complaint
    )
    version = data.get("version")
    if version != VERSION:
        complaints = (f"its version {quoted(version)} is not {VERSION}", *complaints)
    return Parsed(read, complaints)


def load(path: Path) -> Loaded:
    """Read the state file, and its copy where the file is missing or damaged; writes nothing."""
    main, complaint = _look(path)
    if main is not None and not main.complaints:
        return Loaded(_pairs_of(main))
    copy, copy_complaint = _look(copy_of(path))
    if main is not None:
        found = copy.pairs if copy else {}
        cured = {name: _cured(one, found.get(name)) for name, one in main.pairs.items()}
        return Loaded(cured, tuple(f"{path}: {one}" for one in main.complaints))
    if copy is None:
        complaints = tuple(one for one in (complaint, copy_complaint) if one)
        return Loaded({}, complaints, UNREADABLE_PAIR if complaints else NOTHING_SAVED)
    missing = complaint or f"{path} is gone"
    return Loaded(_pairs_of(copy), (f"{missing}; read {copy_of(path)}", *copy.complaints))


def save(path: Path, pairs: Pairs) -> None:
    """Replace the state file, then its copy.

    Raises:
        OSError: that failed; old or new, a whole file is there.
    """
    text = dump(pairs)
    atomic_file.replace(path, (text,))
    atomic_file.replace(copy_of(path), (text,))


def copy_of(path: Path) -> Path:
    """Return the name of the state file's copy."""
    return path.with_name(paths.STATE_COPY)


def _look(path: Path) -> tuple[Parsed | None, str]:
    try:
        text = atomic_file.read(path)
        return (None, "") if text is None else (parse(text), "")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return None, f"{path}: {reason}"


def _pairs_of(parsed: Parsed) -> Pairs:
    return {name: one.pair for name, one in parsed.pairs.items()}


def _cured(read: ReadPair, copy: ReadPair | None) -> SavedPair:
    """Take from the copy what could not be read, and only that: it may be the older of the two."""
    pair = read.pair
    if copy is None:
        return pair
    if read.wrong and not copy.wrong:
        pair = replace(copy.pair, unacknowledged=pair.unacknowledged)
    if read.lost:
        both = unacknowledged.together(copy.pair.unacknowledged, pair.unacknowledged)
        pair = replace(pair, unacknowledged=both)
    return pair


def _pair(entry: object) -> ReadPair:
    if not isinstance(entry, dict):
        wrong = f"{quoted(entry)} is no entry"
        return ReadPair(UNREADABLE_PAIR, wrong, "what nobody acknowledged is lost")
    until_time, for_s = entry.get("paused_until_time"), entry.get("paused_for_s")
    left, lost = unacknowledged.parse(entry.get("unacknowledged"))
    promotion, unread = parse_promotion(entry.get("promotion"))
    pair = SavedPair(
        entry.get("is_paused") is not False,
        float(until_time) if is_time(until_time) else None,
        bool(entry.get("is_diverged")),
        left,
        float(for_s) if is_span(for_s) else None,
        promotion,
        parse_ends(entry.get("latched_ends")),
        _texts(entry.get("disks")),
    )
    return ReadPair(pair, _wrong(entry) or unread, lost)


def _texts(value: object) -> tuple[str, ...]:
    """Return what can be read of a list of texts: what is lost costs a warning at a swap."""
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _wrong(entry: Mapping[str, object]) -> str:
    for key in ("is_paused", "is_diverged"):
        if not isinstance(entry.get(key), bool):
            return f"{key} {quoted(entry.get(key))} is neither true nor false"
    until_time = entry.get("paused_until_time")
    if until_time is not None and not is_time(until_time):
        return f"paused_until_time {quoted(until_time)} is no time"
    for_s = entry.get("paused_for_s")
    if for_s is not None and not is_span(for_s):
        return f"paused_for_s {quoted(for_s)} is no span"
    return ""
