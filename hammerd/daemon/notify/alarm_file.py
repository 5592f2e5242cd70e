"""Loads alarms, and what is not sent yet, from alarms.json, and writes its text.

Both are of one moment: what counts as told is sent, or still waits to be sent. Times are wall
times. A damaged file is set aside, and all alarms begin anew: a person may be told twice.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hammerd.core.alarms.ledger import Ledger
from hammerd.core.alarms.saved import Convert, alarms_json, ledger_of
from hammerd.daemon.notify.outbox import Waiting
from hammerd.daemon.state import atomic_file
from hammerd.daemon.state.saved_values import is_time

VERSION = 1


@dataclass(frozen=True, slots=True)
class Loaded:
    """The contents of the file, and the error in it, "" for none."""

    ledger: Ledger = field(default_factory=dict)
    waiting: Mapping[str, Sequence[Waiting]] = field(default_factory=dict)
    error: str = ""


def load(path: Path, to_monotonic: Convert, now_at: float) -> Loaded:
    """Load the file; write nothing."""
    try:
        text = atomic_file.read(path)
        return Loaded() if text is None else _parse(text, to_monotonic, now_at)
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return Loaded(error=f"{path}: {reason}")


def text_of(ledger: Ledger, waiting: Mapping[str, Sequence[Waiting]], to_wall: Convert) -> str:
    """Return the text of the file."""
    saved = {
        "version": VERSION,
        "alarms": alarms_json(ledger, to_wall),
        "waiting": {
            name: [[to_wall(one.put_at), one.tries, one.message] for one in left]
            for name, left in waiting.items()
        },
    }
    return json.dumps(saved) + "\n"


def _parse(text: str, to_monotonic: Convert, now_at: float) -> Loaded:
    saved = json.loads(text)
    version = saved.get("version") if isinstance(saved, dict) else None
    if version != VERSION:
        raise ValueError(f"its version {str(version)[:20]} is not {VERSION}")
    try:
        waiting = {
            str(name): [_waiting(one, to_monotonic, now_at) for one in left]
            for name, left in saved["waiting"].items()
        }
        return Loaded(ledger_of(saved["alarms"], to_monotonic, now_at), waiting)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a field is missing or of another kind: {error}") from error


def _waiting(saved: list[object], to_monotonic: Convert, now_at: float) -> Waiting:
    put_time, tries, message = saved
    if not is_time(put_time) or not isinstance(tries, int) or not isinstance(message, dict):
        raise TypeError("a notification that waits")
    pairs = message.get("pairs")
    if not isinstance(pairs, list) or not all("pair" in one for one in pairs):
        raise TypeError("the pairs of a notification that waits")
    if not {"kind", "summary", "host", "time"} <= message.keys():
        raise TypeError("the facts of a notification that waits")
    return Waiting(message, min(to_monotonic(float(put_time)), now_at), tries)
