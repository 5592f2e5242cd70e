"""Reads a config: TOML text in, a Config out, or every fault at once.

    read_config   bytes of a file      -> Config, or ConfigError
    parse_config  text, once decoded   -> Config, or ConfigError

Tables: [daemon], [defaults], [pairs.NAME]. What a pair does not say [defaults] says, and what
that does not say the tables of core/config_keys.py do. It knows no file: `source` is a name to
put in front of the faults.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from hammerd.core.config_checks import (
    order_faults,
    same_end_faults,
    shared_slave_faults,
    socket_fault,
)
from hammerd.core.config_keys import DAEMON_KEYS, PAIR_KEYS, Home
from hammerd.core.config_tables import (
    BUILT_IN,
    Given,
    ReadTable,
    did_you_mean,
    key_path,
    read_table,
)
from hammerd.core.daemon_config import Config, DaemonConfig
from hammerd.core.errors import ConfigError, Fault
from hammerd.core.pairs import Pair, StreamOptions, Thresholds, Timing

__all__ = ["Config", "DaemonConfig", "parse_config", "read_config"]

PAIR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")

_TABLES = ("daemon", "defaults", "pairs")
_NAME_HINT = "letters, digits and . _ -, 63 at most, a letter or digit first"
_NO_PAIR_HINT = 'add [pairs.NAME] with master = "/Backup1/pfs/test", slave = "/Backup2/pfs/test"'


@dataclass(frozen=True, slots=True)
class _PairReading:
    """What holds for a pair, its own table before [defaults], and what is wrong with it."""

    name: str
    given: Mapping[str, Given]
    faults: tuple[Fault, ...]


def read_config(content: bytes, source: str) -> Config:
    """Decode the bytes of a config file and parse them.

    Raises:
        ConfigError: with every fault.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fault = Fault(f"line {line}", "is not UTF-8", f"byte 0x{content[error.start]:02x}")
        raise ConfigError(source, (fault,)) from error
    return parse_config(text, source)


def parse_config(text: str, source: str) -> Config:
    """Make a config out of TOML text.

    Raises:
        ConfigError: with every fault; of a text that is no TOML, the first one only.
    """
    document = _load(text, source)
    daemon = read_table(document.get("daemon", {}), "daemon", DAEMON_KEYS)
    defaults = read_table(document.get("defaults", {}), "defaults", PAIR_KEYS)
    common = {**BUILT_IN, **daemon.given, **defaults.given}
    pairs = _read_pairs(document.get("pairs", {}), common)
    faults = (
        *_stray_tables(document),
        *_daemon_faults(daemon, common),
        *defaults.faults,
        *_pairs_faults(pairs, document.get("pairs", {})),
    )
    if faults:
        raise ConfigError(source, tuple(dict.fromkeys(faults)))
    return Config(
        replace(DaemonConfig(), **_fields_of(DaemonConfig, common)),
        tuple(_build(each.name, each.given) for each in pairs),
    )


def _load(text: str, source: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(source, (_syntax_fault(str(error), text),)) from error


def _syntax_fault(message: str, text: str) -> Fault:
    """Put tomllib's `... (at line 3, column 5)` in front, where an editor looks for it."""
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if place is None:
        return Fault("file", f"is not TOML: {message}")
    what = f"is not TOML: {message[: place.start()]}"
    if place[1] is None:
        return Fault(f"line {len(text.splitlines()) or 1}", f"{what}, and the file ends")
    return Fault(f"line {place[1]}, column {place[2]}", what)


def _stray_tables(document: Mapping[str, object]) -> Iterator[Fault]:
    keys = {key.name: "[daemon]" for key in DAEMON_KEYS}
    keys |= {key.name: "[defaults] or [pairs.NAME]" for key in PAIR_KEYS}
    for name in document:
        if name in keys:
            yield Fault(name, "stands outside a table", hint=f"{name} belongs in {keys[name]}")
        elif name not in _TABLES:
            hint = did_you_mean(name, _TABLES) or "known here: [daemon], [defaults], [pairs.NAME]"
            yield Fault(key_path("", name), "is not a table of hammerd", hint=hint)


def _daemon_faults(daemon: ReadTable, common: Mapping[str, Given]) -> Iterator[Fault]:
    yield from daemon.faults
    if (fault := socket_fault(common["run_dir"])) is not None:
        yield fault


def _read_pairs(table: object, common: Mapping[str, Given]) -> tuple[_PairReading, ...]:
    if not isinstance(table, dict):
        return ()
    return tuple(_read_pair(name, value, common) for name, value in table.items())


def _read_pair(name: str, table: object, common: Mapping[str, Given]) -> _PairReading:
    path = key_path("pairs", name)
    if not isinstance(table, dict):
        return _PairReading(name, {**common}, (_no_pair_fault(name, path),))
    read = read_table(table, path, PAIR_KEYS)
    given = {**common, **read.given}
    faults = (
        *_name_faults(name, path),
        *read.faults,
        *_missing_faults(path, given),
        *order_faults(given),
        *same_end_faults(given),
    )
    return _PairReading(name, given, faults)


def _no_pair_fault(name: str, path: str) -> Fault:
    if any(key.name == name for key in PAIR_KEYS):
        return Fault(path, "stands outside a pair", hint="put it below [pairs.NAME]")
    return Fault(path, "must be a table", hint=f"write [{path}]")


def _name_faults(name: str, path: str) -> Iterator[Fault]:
    if PAIR_NAME.fullmatch(name) is None:
        yield Fault(path, "is not a name for a pair", hint=_NAME_HINT)


def _missing_faults(path: str, given: Mapping[str, Given]) -> Iterator[Fault]:
    for key in PAIR_KEYS:
        if key.is_required and key.name not in given:
            yield Fault(f"{path}.{key.name}", "is missing", hint=f"add {key.name} = {key.example}")


def _pairs_faults(pairs: tuple[_PairReading, ...], table: object) -> Iterator[Fault]:
    if not isinstance(table, dict):
        yield Fault("pairs", "must be a table of pairs", hint=_NO_PAIR_HINT)
    elif not table:
        yield Fault("pairs", "no pair is given", hint=_NO_PAIR_HINT)
    for each in pairs:
        yield from each.faults
    yield from shared_slave_faults({each.name: each.given for each in pairs})


def _build(name: str, given: Mapping[str, Given]) -> Pair:
    return Pair(
        name=name,
        options=replace(StreamOptions(), **_fields_of(StreamOptions, given)),
        timing=replace(Timing(), **_fields_of(Timing, given)),
        thresholds=replace(Thresholds(), **_fields_of(Thresholds, given)),
        **_fields_of(Pair, given),
    )


def _fields_of(home: Home, given: Mapping[str, Given]) -> dict[str, Any]:
    keys = (key for key in (*DAEMON_KEYS, *PAIR_KEYS) if key.home is home)
    # Each key's reader returns what its field holds; that is tested, and beyond what mypy sees.
    return cast("dict[str, Any]", {key.field: given[key.name].value for key in keys})
