"""Sorts a config's top-level tables, and reads one table by its keys.

The tables are [daemon], [defaults], [notify] and [pairs]. One with a misspelt name is a fault, but
it is still read as the table that it seems to be: so its own faults are reported at the same time,
and no pair in it is reported as missing. An unknown entry is a fault with a suggestion. Each value
has the key path of its table: an invalid value in [defaults] that concerns ten pairs is one fault,
at [defaults].
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from hammerd.core.characters import characters_hint, odd_characters
from hammerd.core.config.schema import DAEMON_KEYS, NOTIFY_KEYS, PAIR_KEYS, Key
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
    "notify": ("alarm", "alarms", "alert", "alerts", "notification", "notifications"),
    "command": ("cmd", "exec", "program", "run", "script"),
    "level": ("kinds", "events", "severity"),
    "repeat_every": ("repeat", "remind", "remind_every"),
}
"""Other names that people use for keys and tables; a word of two keys means the table's one."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
TABLES_OF_KEYS = {
    **{key.name: "[notify] or [notify.NAME]" for key in NOTIFY_KEYS},
    **{key.name: "[daemon]" for key in DAEMON_KEYS},
    **{key.name: "[defaults] or [pairs.NAME]" for key in PAIR_KEYS},
}


@dataclass(frozen=True, slots=True)
class Given:
    """A value in a config with its key path; `where` is empty for a built-in default.

    `value` is None if it is invalid; the default is not used then.
    """

    where: str
    value: object
    shown: str


@dataclass(frozen=True, slots=True)
class ReadTable:
    """The result of reading a table: values by key name, and faults.

    `meant` are the known keys that the unknown ones resemble; these are not reported as missing.
    """

    given: Mapping[str, Given] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    meant: frozenset[str] = frozenset()


BUILT_IN: Mapping[str, Given] = {
    key.name: Given("", key.default, key.show(key.default))
    for key in (*DAEMON_KEYS, *PAIR_KEYS)
    if not key.is_required
}


def read_table(table: object, path: str, keys: tuple[Key, ...]) -> ReadTable:
    """Read the table at a key path; `keys` are all that it may have."""
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
            faults.append(_unknown_key_fault(path, name, value, known))
            continue
        given[name], found = _read_value(known[name], value, where)
        faults += found
    return ReadTable(given, tuple(faults), frozenset(meant))


def _read_value(key: Key, value: object, where: str) -> tuple[Given, list[Fault]]:
    shown = show_value(value)
    try:
        return Given(where, key.kind.read(value), shown), []
    except InvalidValue as error:
        # The reader itself reports characters that are not printable.
        odd = characters_hint(char for char in odd_characters(str(value)) if char.isprintable())
        return Given(where, None, shown), [
            Fault(where, problem.what, shown, "; ".join(filter(None, (problem.hint, odd))))
            for problem in error.problems
        ]


def key_path(path: str, name: str) -> str:
    """Join a key to the path of its table, quoted if TOML needs that."""
    quoted = name if _BARE.fullmatch(name) else show_value(name)
    return f"{path}.{quoted}" if path else quoted


def meant_by(name: str, known: Iterable[str]) -> str:
    """Return the known name that is a synonym of this one or looks like it; empty if none."""
    names, word = tuple(known), name.lower().replace("-", "_")
    synonyms = [each for each in names if word in _SYNONYMS.get(each, ())]
    return synonyms[0] if synonyms else nearest(word, names)


def _unknown_key_fault(path: str, name: str, value: object, known: Mapping[str, Key]) -> Fault:
    where = key_path(path, name)
    if isinstance(value, dict) and known.keys() == {key.name for key in PAIR_KEYS} and "." in path:
        whole = f"{path.partition('.')[2]}.{name}"
        return Fault(where, "is not a key", hint=f'is it a name? then quote it: [pairs."{whole}"]')
    return Fault(where, "is not a key", hint=_unknown_key_hint(path, name, known))


def _unknown_key_hint(path: str, name: str, known: Iterable[str]) -> str:
    is_synonym = any(name in _SYNONYMS.get(each, ()) for each in known)
    if name in TABLES_OF_KEYS and not is_synonym:
        return f"{name} belongs in {TABLES_OF_KEYS[name]}"
    return did_you_mean(meant_by(name, known)) or f"known in [{path}]: {', '.join(known)}"


# --- top-level tables ------------------------------------------------------------------------

_TABLES = ("daemon", "defaults", "notify", "pairs")
_KNOWN_HINT = "known here: [daemon], [defaults], [notify], [pairs.NAME]"


@dataclass(frozen=True, slots=True)
class Section:
    """A table and its key path."""

    path: str
    table: object


def sort_sections(document: Mapping[str, object]) -> Mapping[str, list[Section]]:
    """Return the tables by kind, in the file's order; a name may be misspelt."""
    found: dict[str, list[Section]] = {name: [] for name in _TABLES}
    for name, value in document.items():
        kind, section = _section(name, value)
        if kind:
            found[kind].append(section)
    return found


def _section(name: str, value: object) -> tuple[str, Section]:
    """Return the kind of a table, found by its name or its keys; empty if there is none."""
    if name in _TABLES:
        return name, Section(name, value)
    if name in TABLES_OF_KEYS or not isinstance(value, dict):
        return "", Section(name, value)
    if _is_a_pair(value):
        return "pairs", Section("", {name: value})
    return meant_by(name, _TABLES), Section(key_path("", name), value)


def _is_a_pair(table: Mapping[str, object]) -> bool:
    return "master" in table and "slave" in table and not isinstance(table["master"], dict)


def unknown_table_faults(document: Mapping[str, object]) -> Iterator[Fault]:
    """Find the top-level names that are none of the tables."""
    for name, value in document.items():
        where = key_path("", name)
        if name in _TABLES:
            continue
        if name in TABLES_OF_KEYS:
            hint = f"{name} belongs in {TABLES_OF_KEYS[name]}"
            yield Fault(where, "stands outside a table", hint=hint)
        elif isinstance(value, dict) and _is_a_pair(value):
            hint = f"is it a pair? then write [{key_path('pairs', name)}]"
            yield Fault(where, "is not a table of hammerd", hint=hint)
        else:
            hint = did_you_mean(meant_by(name, _TABLES)) or _KNOWN_HINT
            yield Fault(where, "is not a table of hammerd", hint=hint)
