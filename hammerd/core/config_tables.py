"""Reads one TOML table by its keys, and says of every entry that is none what may be meant.

What was given keeps the place where it was given: a value of [defaults] that is wrong for ten
pairs is one fault, and it stands in [defaults].
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from hammerd.core.config_keys import DAEMON_KEYS, PAIR_KEYS, Key
from hammerd.core.config_values import Unreadable, show_value
from hammerd.core.errors import Fault

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_DAEMON_NAMES = frozenset(key.name for key in DAEMON_KEYS)
_PAIR_NAMES = frozenset(key.name for key in PAIR_KEYS)


@dataclass(frozen=True, slots=True)
class Given:
    """A value and its key path; None for an unreadable one, which still hides its default."""

    where: str
    value: object
    shown: str


@dataclass(frozen=True, slots=True)
class ReadTable:
    """What a table gave by key name, and what was wrong with it."""

    given: Mapping[str, Given] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


BUILT_IN: Mapping[str, Given] = {
    key.name: Given("", key.default, key.show(key.default))
    for key in (*DAEMON_KEYS, *PAIR_KEYS)
    if not key.is_required
}


def read_table(table: object, path: str, keys: tuple[Key, ...]) -> ReadTable:
    """Read a table that stands at `path` and knows `keys`."""
    if not isinstance(table, dict):
        fault = Fault(path, "must be a table", show_value(table), f"write [{path}]")
        return ReadTable(faults=(fault,))
    known = {key.name: key for key in keys}
    given: dict[str, Given] = {}
    faults: list[Fault] = []
    for name, value in table.items():
        where = key_path(path, name)
        if name not in known:
            faults.append(_stray_fault(path, name, value, known))
            continue
        given[name], wrongs = _read_value(known[name], value, where)
        faults.extend(wrongs)
    return ReadTable(given, tuple(faults))


def _read_value(key: Key, value: object, where: str) -> tuple[Given, list[Fault]]:
    shown = show_value(value)
    try:
        return Given(where, key.kind.read(value), shown), []
    except Unreadable as error:
        faults = [Fault(where, wrong.what, shown, wrong.hint) for wrong in error.wrongs]
        return Given(where, None, shown), faults


def key_path(path: str, name: str) -> str:
    """Join a key to the path of its table, quoted where TOML needs it."""
    quoted = name if _BARE.fullmatch(name) else show_value(name)
    return f"{path}.{quoted}" if path else quoted


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `did you mean "X"?` for the nearest known name, or nothing."""
    near = get_close_matches(name, known, n=1)
    return f'did you mean "{near[0]}"?' if near else ""


def _stray_fault(path: str, name: str, value: object, known: Iterable[str]) -> Fault:
    where = key_path(path, name)
    if isinstance(value, dict) and path.startswith("pairs."):
        whole = f"{path.removeprefix('pairs.')}.{name}"
        return Fault(where, "is not a key", hint=f'is it a name? then quote it: [pairs."{whole}"]')
    return Fault(where, "is not a key", hint=_stray_hint(path, name, known))


def _stray_hint(path: str, name: str, known: Iterable[str]) -> str:
    if name in _DAEMON_NAMES:
        return f"{name} belongs in [daemon]"
    if name in _PAIR_NAMES:
        return f"{name} belongs in [defaults] or [pairs.NAME]"
    return did_you_mean(name, known) or f"known in [{path}]: {', '.join(known)}"
