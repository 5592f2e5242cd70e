"""Reads a whole config from TOML, and reports all its faults at once.

Tables: [daemon], [defaults], [notify], [notify.NAME], [pairs.NAME]. A value of a pair comes from
its table, else from [defaults], else from core/config/schema.py; one of a receiver from
[notify.NAME], else from [notify]. This module opens no file: `source` is the name that precedes
the faults.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from hammerd.core.characters import characters_hint, odd_characters
from hammerd.core.config import checks
from hammerd.core.config.model import Config, DaemonConfig, NotifyConfig, Receiver
from hammerd.core.config.schema import (
    DAEMON_KEYS,
    NOTIFY_KEYS,
    PAIR_KEYS,
    RECEIVER_KEYS,
    Key,
    Model,
)
from hammerd.core.config.tables import (
    BUILT_IN,
    Given,
    ReadTable,
    Section,
    key_path,
    read_table,
    sort_sections,
    unknown_table_faults,
)
from hammerd.core.config.toml import read_toml
from hammerd.core.config.warnings import warnings_of
from hammerd.core.errors import ConfigError, Fault
from hammerd.core.hosts.ssh_argv import SshSettings
from hammerd.core.pairs import Pair, StreamOptions, Thresholds, Timing
from hammerd.core.paths import KNOWN_HOSTS_FILE

PAIR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")

_NAME_HINT = "letters, digits and . _ -, 63 at most, a letter or digit first"
_NO_PAIR_HINT = 'add [pairs.NAME] with master = "/Backup1/pfs/test", slave = "/Backup2/pfs/test"'


@dataclass(frozen=True, slots=True)
class _PairReading:
    """The values of a pair, with [defaults] and built-in defaults, and its faults."""

    name: str
    given: Mapping[str, Given]
    faults: tuple[Fault, ...]


def read_config(content: bytes, source: str) -> Config:
    """Make a config from the bytes of its file.

    Raises:
        ConfigError: with every fault; if the bytes are no TOML, with the first fault only.
    """
    document = read_toml(content, source)
    sections = sort_sections(document)
    daemon = _read_tables(sections["daemon"], DAEMON_KEYS)
    defaults = _read_tables(sections["defaults"], PAIR_KEYS)
    common = {**BUILT_IN, **daemon.given, **defaults.given}
    pairs = tuple(
        reading
        for section in sections["pairs"]
        for reading in _read_pairs(section, common, defaults)
    )
    notify = _read_notify(sections["notify"])
    faults = (
        *unknown_table_faults(document),
        *daemon.faults,
        *checks.log_faults(common),
        *checks.socket_faults(common["run_dir"]),
        *defaults.faults,
        *notify.faults,
        *_pairs_faults(pairs, sections["pairs"]),
    )
    if faults:
        raise ConfigError(source, tuple(dict.fromkeys(faults)))
    return Config(
        replace(DaemonConfig(), **_fields_of(DaemonConfig, common)),
        tuple(_build(each.name, each.given) for each in pairs),
        warnings_of({each.name: each.given for each in pairs}),
        notify.config,
    )


def _read_tables(sections: Sequence[Section], keys: tuple[Key, ...]) -> ReadTable:
    """Read all occurrences of a table, correct and misspelt, as one."""
    read = [read_table(section.table, section.path, keys) for section in sections]
    return ReadTable(
        {name: given for table in read for name, given in table.given.items()},
        tuple(fault for table in read for fault in table.faults),
        frozenset[str]().union(*(table.meant for table in read)),
    )


def _read_pairs(
    section: Section, common: Mapping[str, Given], defaults: ReadTable
) -> Iterator[_PairReading]:
    if isinstance(section.table, dict):
        for name, table in section.table.items():
            yield _read_pair(name, key_path(section.path, name), table, common, defaults.meant)


def _read_pair(
    name: str, path: str, table: object, common: Mapping[str, Given], meant: frozenset[str]
) -> _PairReading:
    if not isinstance(table, dict):
        return _PairReading(name, {**common}, (_no_pair_fault(name, path),))
    read = read_table(table, path, PAIR_KEYS)
    given = checks.with_first_slave({**common, **read.given})
    faults = (
        *_name_faults(name, path),
        *read.faults,
        *_missing_faults(path, given, meant | read.meant),
        *checks.order_faults(given),
        *checks.same_pfs_faults(given),
        *checks.rotation_faults(given),
    )
    return _PairReading(name, given, faults)


def _no_pair_fault(name: str, path: str) -> Fault:
    if any(key.name == name for key in PAIR_KEYS):
        return Fault(path, "stands outside a pair", hint="put it below [pairs.NAME]")
    return Fault(path, "must be a table", hint=f"write [{path}]")


def _name_faults(name: str, path: str) -> Iterator[Fault]:
    if PAIR_NAME.fullmatch(name) is None:
        hint = "; ".join(filter(None, (_NAME_HINT, characters_hint(odd_characters(name)))))
        yield Fault(path, "is not a name for a pair", hint=hint)


def _missing_faults(
    path: str, given: Mapping[str, Given], meant: frozenset[str]
) -> Iterator[Fault]:
    for key in PAIR_KEYS:
        if key.is_required and key.name not in given and key.name not in meant:
            yield Fault(f"{path}.{key.name}", "is missing", hint=f"add {key.name} = {key.example}")


def _pairs_faults(pairs: tuple[_PairReading, ...], sections: Sequence[Section]) -> Iterator[Fault]:
    no_tables = [section for section in sections if not isinstance(section.table, dict)]
    for section in no_tables:
        yield Fault(section.path, "must be a table of pairs", hint=_NO_PAIR_HINT)
    if not pairs and not no_tables:
        yield Fault("pairs", "no pair is given", hint=_NO_PAIR_HINT)
    for each in pairs:
        yield from each.faults
    yield from checks.shared_slave_faults({each.name: each.given for each in pairs})


# --- notifications -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _NotifyReading:
    """The settings of notifications, and their faults."""

    config: NotifyConfig
    faults: tuple[Fault, ...]


def _read_notify(sections: Sequence[Section]) -> _NotifyReading:
    """Read [notify], and each table in it as one more receiver."""
    own: list[Section] = []
    tables: list[Section] = []
    for section in sections:
        keys, inner = _without_tables(section)
        own.append(keys)
        tables += inner
    common = _read_tables(own, NOTIFY_KEYS)
    read = [(each.path, read_table(each.table, each.path, RECEIVER_KEYS)) for each in tables]
    faults = [*common.faults, *(fault for _, table in read for fault in table.faults)]
    faults += [_no_command(path) for path, table in read if not _is_set(table, "command")]
    given = _is_set(common, "command")
    if sections and not (given or read or _is_set(common, "heartbeat")):
        faults.append(_no_command(sections[0].path))
    first = _receiver("notify", common.given)
    others = (_receiver(path, {**common.given, **table.given}) for path, table in read)
    config = replace(
        NotifyConfig(),
        **_given_fields(NotifyConfig, common.given),
        receivers=(*((first,) if given else ()), *others),
    )
    return _NotifyReading(config, tuple(faults))


def _without_tables(section: Section) -> tuple[Section, list[Section]]:
    """Return [notify] with its own keys only, and the tables in it."""
    if not isinstance(section.table, dict):
        return section, []
    known = {key.name for key in NOTIFY_KEYS}
    inner = {
        name: value
        for name, value in section.table.items()
        if isinstance(value, dict) and name not in known
    }
    own = {name: value for name, value in section.table.items() if name not in inner}
    tables = [Section(key_path(section.path, name), value) for name, value in inner.items()]
    return Section(section.path, own), tables


def _is_set(table: ReadTable, key: str) -> bool:
    return key in table.given or key in table.meant


def _no_command(path: str) -> Fault:
    return Fault(f"{path}.command", "is missing", hint=f"add command = {RECEIVER_KEYS[0].example}")


def _receiver(name: str, given: Mapping[str, Given]) -> Receiver:
    return replace(Receiver(name), **_given_fields(Receiver, given))


def _given_fields(model: Model, given: Mapping[str, Given]) -> dict[str, Any]:
    keys = [key for key in NOTIFY_KEYS if key.model is model and key.name in given]
    return cast("dict[str, Any]", {key.field: given[key.name].value for key in keys})


def _build(name: str, given: Mapping[str, Given]) -> Pair:
    pair = Pair(
        name=name,
        options=replace(StreamOptions(), **_fields_of(StreamOptions, given)),
        timing=replace(Timing(), **_fields_of(Timing, given)),
        thresholds=replace(Thresholds(), **_fields_of(Thresholds, given)),
        **_fields_of(Pair, given),
    )
    ssh = _ssh_settings(given)
    master = replace(pair.master, host=pair.master.host.reached_by(ssh))
    slave = replace(pair.slave, host=pair.slave.host.reached_by(ssh))
    return replace(
        pair, master=master, slave=slave, rotate=checks.with_all_paths(pair.rotate, slave)
    )


def _ssh_settings(given: Mapping[str, Given]) -> SshSettings:
    """Return the settings of a pair's hosts; without its own file hammerd's known_hosts counts."""
    settings = replace(SshSettings(), **_fields_of(SshSettings, given))
    if settings.known_hosts is not None:
        return replace(settings, only_known_hosts=True)
    return replace(settings, known_hosts=f"{given['state_dir'].value}/{KNOWN_HOSTS_FILE}")


def _fields_of(model: Model, given: Mapping[str, Given]) -> dict[str, Any]:
    keys = (key for key in (*DAEMON_KEYS, *PAIR_KEYS) if key.model is model)
    # Each key's reader returns its field's type; mypy cannot check that, so a test does.
    return cast("dict[str, Any]", {key.field: given[key.name].value for key in keys})
