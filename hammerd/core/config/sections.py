"""Sorts a config's top-level tables into [daemon], [defaults] and [pairs].

A table with a misspelt name is a fault, but it is still read as the table that it seems to be: so
its own faults are reported at the same time, and no pair in it is reported as missing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hammerd.core.config.tables import TABLES_OF_KEYS, key_path, meant_by
from hammerd.core.errors import Fault
from hammerd.core.nearest import did_you_mean

_TABLES = ("daemon", "defaults", "pairs")
_KNOWN_HINT = "known here: [daemon], [defaults], [pairs.NAME]"


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
    """Find the top-level names that are none of the three tables."""
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
