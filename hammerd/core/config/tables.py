"""Reads one TOML table by its keys, and says of every entry that is none what may be meant.

What was given keeps the place where it was given: a value of [defaults] that is wrong for ten
pairs is one fault, and it stands in [defaults].
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hammerd.core.characters import characters_hint, odd_characters
from hammerd.core.config.schema import DAEMON_KEYS, PAIR_KEYS, Key
from hammerd.core.config.values import InvalidValue, show_value
from hammerd.core.errors import Fault
from hammerd.core.nearest import did_you_mean, nearest

_SYNONYMS = {
    "master": ("source", "src", "from", "origin", "primary"),
    "slave": ("target", "dst", "dest", "destination", "to", "replica", "secondary"),
    "enabled": ("disabled", "enable", "disable", "active"),
    "sample_interval": ("interval", "sample", "sampling"),
    "delay": ("interval", "rest"),
    "stop_timeout": ("timeout",),
    "stall_timeout": ("timeout", "stall"),
    "bandwidth": ("bwlimit", "rate", "rate_limit", "limit"),
    "lag_warning": ("warning", "warn"),
    "lag_critical": ("critical", "crit"),
    "backoff_initial": ("backoff", "retry"),
    "log_file": ("log", "logs"),
    "log_level": ("level", "verbosity"),
    "log_format": ("format",),
    "run_dir": ("rundir", "pid_dir", "socket_dir"),
    "state_dir": ("db_dir", "data_dir"),
    "status_group": ("group",),
    "hammer": ("hammer_path", "binary"),
    "daemon": ("hammerd", "global", "main", "general"),
    "defaults": ("common",),
    "pairs": ("mirror", "mirrors", "jobs", "streams"),
}
"""What else people call our keys and tables; where two share a word, the table decides."""

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
    """What a table gave by key name, what was wrong with it, and which keys may be meant."""

    given: Mapping[str, Given] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    meant: frozenset[str] = frozenset()


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
    meant: set[str] = set()
    for name, value in table.items():
        where = key_path(path, name)
        if name not in known:
            meant.add(meant_by(name, known))
            faults.append(_stray_fault(path, name, value, known))
            continue
        given[name], problems = _read_value(known[name], value, where)
        faults.extend(problems)
    return ReadTable(given, tuple(faults), frozenset(meant))


def _read_value(key: Key, value: object, where: str) -> tuple[Given, list[Fault]]:
    shown = show_value(value)
    try:
        return Given(where, key.kind.read(value), shown), []
    except InvalidValue as error:
        # Of what cannot be seen the reader tells itself.
        odd = characters_hint(char for char in odd_characters(str(value)) if char.isprintable())
        hints = ["; ".join(filter(None, (problem.hint, odd))) for problem in error.problems]
        problems = zip(error.problems, hints, strict=True)
        return Given(where, None, shown), [
            Fault(where, problem.what, shown, hint) for problem, hint in problems
        ]


def key_path(path: str, name: str) -> str:
    """Join a key to the path of its table, quoted where TOML needs it."""
    quoted = name if _BARE.fullmatch(name) else show_value(name)
    return f"{path}.{quoted}" if path else quoted


def meant_by(name: str, known: Iterable[str]) -> str:
    """Return the known name that means the same as this one or looks like it, or nothing."""
    names, word = tuple(known), name.lower().replace("-", "_")
    same = [each for each in names if word in _SYNONYMS.get(each, ())]
    return same[0] if same else nearest(word, names)


def _stray_fault(path: str, name: str, value: object, known: Mapping[str, Key]) -> Fault:
    where = key_path(path, name)
    if isinstance(value, dict) and known.keys() >= _PAIR_NAMES and "." in path:
        whole = f"{path.partition('.')[2]}.{name}"
        return Fault(where, "is not a key", hint=f'is it a name? then quote it: [pairs."{whole}"]')
    return Fault(where, "is not a key", hint=_stray_hint(path, name, known))


def _stray_hint(path: str, name: str, known: Iterable[str]) -> str:
    if name in _DAEMON_NAMES:
        return f"{name} belongs in [daemon]"
    if name in _PAIR_NAMES:
        return f"{name} belongs in [defaults] or [pairs.NAME]"
    return did_you_mean(meant_by(name, known)) or f"known in [{path}]: {', '.join(known)}"
