"""Saves pauses, latches and unacknowledged messages of each pair: state.json, and a copy of it.

They are few and must not be lost, so they are saved at each change. A file that is damaged, of
another version or unreadable never prevents a start and is never overwritten
(atomic_file.set_aside). Entries that cannot be read are taken from the copy. If that fails, the
pair counts as paused until it is resumed, and every pair does if both files are unreadable:
mirroring a pair that a person paused is worse than asking that person. Unacknowledged messages
are parsed separately: damage there affects no pause or latch.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from hammerd.core import paths
from hammerd.daemon.state import atomic_file, unacknowledged
from hammerd.daemon.state.saved_ends import SavedEnd, parse_ends
from hammerd.daemon.state.saved_latches import SavedPromotion, parse_endpoints, parse_promotion
from hammerd.daemon.state.saved_values import is_span, is_time, quoted
from hammerd.daemon.state.unacknowledged import NOTHING, Unacknowledged

VERSION = 1


@dataclass(frozen=True, slots=True)
class SavedPair:
    """The entry of a pair; `paused_until_time` is wall time, None for until resumed.

    `paused_for_s` is the time left of the pause at the save: after a start with another clock the
    pause lasts no longer than that. `disks` are the unique-uuids of the slaves that take turns at
    its path. `is_far_unlocked`: its target half on another host had no lock.
    `failed_because`: a failure that nobody forgave. `ends`: the roles and uuids that were read
    last. The field names are the keys of the file.
    """

    is_paused: bool = False
    paused_until_time: float | None = None
    is_diverged: bool = False
    unacknowledged: Unacknowledged = NOTHING
    paused_for_s: float | None = None
    promotion: SavedPromotion | None = None
    latched_ends: tuple[str, str] | None = None
    disks: tuple[str, ...] = ()
    is_far_unlocked: bool = False
    failed_because: str | None = None
    ends: tuple[SavedEnd, ...] = ()


NOTHING_SAVED = SavedPair()
UNREADABLE_PAIR = SavedPair(is_paused=True)
Pairs = Mapping[str, SavedPair]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The pairs of both files, and the errors in them.

    `default` is the entry of a pair that is in neither file.
    """

    pairs: Pairs = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    default: SavedPair = NOTHING_SAVED

    def of(self, pair: str) -> SavedPair:
        """Return the entry of a pair."""
        return self.pairs.get(pair, self.default)


@dataclass(frozen=True, slots=True)
class ParsedPair:
    """An entry as far as it can be read, and its errors, "" for none.

    `error` is about its pause and latches, which are guesses then; `lost` about its
    unacknowledged messages.
    """

    pair: SavedPair
    error: str = ""
    lost: str = ""

    @property
    def errors(self) -> str:
        """Both errors as one text."""
        return "; ".join(filter(None, (self.error, self.lost)))


@dataclass(frozen=True, slots=True)
class Parsed:
    """The entries of a state file, and the errors in them."""

    pairs: Mapping[str, ParsedPair]
    errors: tuple[str, ...] = ()


def dump(pairs: Pairs) -> str:
    """Return the text of the state file."""
    entries = {name: asdict(pair) for name, pair in pairs.items()}
    return json.dumps({"version": VERSION, "pairs": entries}, indent=1) + "\n"


def parse(text: str) -> Parsed:
    """Parse the text of a state file as far as it can be read.

    Raises:
        ValueError: it is no state file.
    """
    try:
        data: object = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(data, dict) or not isinstance(entries := data.get("pairs"), dict):
        raise ValueError("it holds no pairs")  # noqa: TRY004 - a file's fault, not a caller's
    parsed = {name: _parse_pair(entry) for name, entry in entries.items()}
    errors = tuple(f"pair {name}: {each.errors}" for name, each in parsed.items() if each.errors)
    version = data.get("version")
    if version != VERSION:
        errors = (f"its version {quoted(version)} is not {VERSION}", *errors)
    return Parsed(parsed, errors)


def load(path: Path) -> Loaded:
    """Load the state file, and its copy if the file is missing or damaged; write nothing."""
    main, error = _load_one(path)
    if main is not None and not main.errors:
        return Loaded(_pairs_of(main))
    copy, copy_error = _load_one(copy_of(path))
    if main is not None:
        copies = copy.pairs if copy else {}
        repaired = {name: _repair(each, copies.get(name)) for name, each in main.pairs.items()}
        return Loaded(repaired, tuple(f"{path}: {each}" for each in main.errors))
    if copy is None:
        errors = tuple(each for each in (error, copy_error) if each)
        return Loaded({}, errors, UNREADABLE_PAIR if errors else NOTHING_SAVED)
    error = error or f"{path} is gone"
    return Loaded(_pairs_of(copy), (f"{error}; read {copy_of(path)}", *copy.errors))


def save(path: Path, pairs: Pairs) -> None:
    """Replace the state file, then its copy.

    Raises:
        OSError: it failed; each file has its whole old or new text.
    """
    text = dump(pairs)
    atomic_file.replace(path, (text,))
    atomic_file.replace(copy_of(path), (text,))


def copy_of(path: Path) -> Path:
    """Return the path of the state file's copy."""
    return path.with_name(paths.STATE_COPY)


def _load_one(path: Path) -> tuple[Parsed | None, str]:
    try:
        text = atomic_file.read(path)
        return (None, "") if text is None else (parse(text), "")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return None, f"{path}: {reason}"


def _pairs_of(parsed: Parsed) -> Pairs:
    return {name: each.pair for name, each in parsed.pairs.items()}


def _repair(parsed: ParsedPair, copy: ParsedPair | None) -> SavedPair:
    """Take only unreadable parts from the copy: it may be the older of the two."""
    pair = parsed.pair
    if copy is None:
        return pair
    if parsed.error and not copy.error:
        pair = replace(copy.pair, unacknowledged=pair.unacknowledged)
    if parsed.lost:
        both = unacknowledged.merge(copy.pair.unacknowledged, pair.unacknowledged)
        pair = replace(pair, unacknowledged=both)
    return pair


def _parse_pair(entry: object) -> ParsedPair:
    if not isinstance(entry, dict):
        error = f"{quoted(entry)} is no entry"
        return ParsedPair(UNREADABLE_PAIR, error, "what nobody acknowledged is lost")
    until_time, for_s = entry.get("paused_until_time"), entry.get("paused_for_s")
    messages, lost = unacknowledged.parse(entry.get("unacknowledged"))
    promotion, promotion_error = parse_promotion(entry.get("promotion"))
    pair = SavedPair(
        entry.get("is_paused") is not False,
        float(until_time) if is_time(until_time) else None,
        bool(entry.get("is_diverged")),
        messages,
        float(for_s) if is_span(for_s) else None,
        promotion,
        parse_endpoints(entry.get("latched_ends")),
        _strings(entry.get("disks")),
        bool(entry.get("is_far_unlocked")),
        _text(entry.get("failed_because")),
        parse_ends(entry.get("ends")),
    )
    return ParsedPair(pair, _error_in(entry) or promotion_error, lost)


def _text(value: object) -> str | None:
    """Return a text; the only cost of a lost one is a pair that seems well at first."""
    return value if isinstance(value, str) else None


def _strings(value: object) -> tuple[str, ...]:
    """Return the strings of a list; the only cost of a lost one is a warning at a swap."""
    return (
        tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()
    )


def _error_in(entry: Mapping[str, object]) -> str:
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
