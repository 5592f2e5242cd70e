"""Reads status.json, the last status that the daemon wrote in its state_dir.

The wall clock may have been set since: the times of the file are shifted to the clock of now. A
reboot of this host may have cost a local slave data: only the durable part counts as safe then.
"""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

from hammerd.cli.client.status_types import VerifiedStatus
from hammerd.cli.output.json_output import SCHEMA_VERSION
from hammerd.core.characters import escape_invisible
from hammerd.core.replication.saved_moments import SavedMoment, age_of, is_same_boot
from hammerd.core.rfc3339 import parse_rfc3339, rfc3339
from hammerd.core.tid import format_tid, parse_tid

_ROLES = ("master", "slave")
_UNDATED = "its times are still to come: a wall clock was wrong, so nobody knows how old it is"
_REBOOTED = "this host may have been rebooted since: what no flush had followed may be lost"
_NEW_PAIR = "the last hammerd did not have this pair"

JsonObject = Mapping[str, Any]
"""A JSON object of the file; each value is checked by the function that uses it."""


@dataclass(frozen=True, slots=True)
class LastSlave:
    """A slave that takes turns, as it was when the file was saved; None means unknown."""

    slave: str
    unique_uuid: str
    is_present: bool
    since_time: str | None
    slave_tid: str | None
    safe_until_time: str | None


@dataclass(frozen=True, slots=True)
class LastPair:
    """A pair as `status --json` prints it when no daemon answers; None means unknown."""

    pair: str
    master: str
    slave: str
    wanted: str | None
    paused_until_time: str | None = None
    state: None = None
    is_diverged: bool = False
    held_by: str | None = None
    lag_s: None = None
    master_tid: str | None = None
    master_seen_time: str | None = None
    slave_tid: str | None = None
    slave_seen_time: str | None = None
    safe_until_time: str | None = None
    durable_until_time: str | None = None
    safe_until_age_s: float | None = None
    safe_unknown_because: str | None = None
    complaints: tuple[str, ...] = ()
    anomalies: tuple[str, ...] = ()
    rotate: tuple[str, ...] = ()
    slaves: tuple[LastSlave, ...] = ()
    verified: VerifiedStatus | None = None


@dataclass(frozen=True, slots=True)
class LastStatus:
    """The pairs of the config with the facts of the file, and complaints about the file."""

    pairs: tuple[LastPair, ...] = ()
    complaints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Dating:
    """The wall time of now, and the seconds that shift a time of the file to that clock."""

    now_time: float
    shift_s: float
    is_same_boot: bool

    def shifted(self, text: str | None) -> float | None:
        """Return a time of the file on the clock of now."""
        return None if text is None else _wall_time(text) + self.shift_s


def read_saved_status(path: str, pairs: Iterable[LastPair], now_time: float) -> LastStatus | None:
    """Add the facts of the file to pairs that hold those of the config; None without a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no status, has an unknown version, or another user may have written it.
    """
    from hammerd.daemon.state import atomic_file

    if (text := atomic_file.read(Path(path))) is None:
        return None
    try:
        data = json.loads(text)
        if (version := data["schema_version"]) != SCHEMA_VERSION:
            its = str(version)[:20]
            raise ValueError(f"it is of version {its}, this command knows {SCHEMA_VERSION}")
        entries = {entry["pair"]: entry for entry in data["pairs"]}
        dating = _dating(data["saved"], entries.values(), now_time)
        found = tuple(_with_entry(pair, entries.get(pair.pair), dating) for pair in pairs)
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"a field is missing or of another kind: {error}") from error
    return LastStatus(found, () if dating else (f"{path}: {_UNDATED}",))


def without_wanted(pair: LastPair) -> LastPair:
    """Return a pair whose `wanted` is unknown, because a pause may have been saved elsewhere."""
    return pair if pair.wanted == "down" else replace(pair, wanted=None)


def _dating(saved: JsonObject, entries: Iterable[JsonObject], now_time: float) -> _Dating | None:
    """Return how to date the file; None if a wall clock was wrong, so that its age is unknown."""
    at, boot_time = (
        None if saved[key] is None else float(saved[key]) for key in ("at", "boot_time")
    )
    moment = SavedMoment(float(saved["time"]), at, boot_time)
    now = SavedMoment(now_time, time.monotonic())
    seen = (entry["saved"][f"{role}_seen_time"] for entry in entries for role in _ROLES)
    age_s = age_of(moment, now, max(map(_wall_time, filter(None, seen)), default=-inf))
    return (
        None
        if age_s is None
        else _Dating(now_time, now_time - age_s - moment.time, is_same_boot(moment, now))
    )


# --- a pair --------------------------------------------------------------------------------------


def _with_entry(pair: LastPair, entry: JsonObject | None, dating: _Dating | None) -> LastPair:
    if entry is None:
        return replace(without_wanted(pair), safe_unknown_because=_NEW_PAIR)
    saved = entry["saved"]
    is_paused = pair.wanted != "down" and bool(saved["is_paused"])
    until_time = saved["paused_until_time"] if is_paused else None
    found = replace(
        pair,
        wanted="paused" if is_paused else pair.wanted,
        paused_until_time=None if until_time is None else _text(_wall_time(until_time)),
        is_diverged=bool(saved["is_diverged"]),
        complaints=tuple(escape_invisible(each["text"]) for each in entry["complaints"]),
        anomalies=tuple(escape_invisible(each["name"]) for each in entry["anomalies"]),
        verified=_verified(entry.get("verified")),
    )
    if entry["slave"] in pair.rotate:
        found = replace(found, slave=escape_invisible(entry["slave"]))
    if (entry["master"], entry["slave"]) != (found.master, found.slave):
        endpoints = escape_invisible(f"{entry['master']} to {entry['slave']}")
        return replace(found, safe_unknown_because=f"the last hammerd mirrored {endpoints}")
    master_tid, slave_tid = _tid(entry["master_tid"]), _tid(entry["slave_tid"])
    found = replace(found, master_tid=master_tid, slave_tid=slave_tid)
    return found if dating is None else _with_times(found, entry, dating)


def _with_times(pair: LastPair, entry: JsonObject, dating: _Dating) -> LastPair:
    saved, because = entry["saved"], None
    slave_time = dating.shifted(saved["slave_seen_time"])
    safe, durable = (
        # The slave is not read any more: its last reading proves nothing about later moments.
        None if at is None or slave_time is None else min(at, slave_time)
        for at in map(dating.shifted, (entry["safe_until_time"], entry["durable_until_time"]))
    )
    if not dating.is_same_boot and pair.slave.startswith("/"):
        because = _REBOOTED if safe is not None and durable is None else None
        safe = durable
    # A diverged slave holds no moment of its master for certain.
    if pair.is_diverged:
        safe = durable = None
    slaves = entry.get("slaves", ()) if pair.rotate else ()
    return replace(
        pair,
        slaves=tuple(_slave(one, dating) for one in slaves),
        master_seen_time=_text(dating.shifted(saved["master_seen_time"])),
        slave_seen_time=_text(slave_time),
        safe_until_time=_text(safe),
        durable_until_time=_text(durable),
        safe_until_age_s=None if safe is None else round(dating.now_time - safe, 3),
        safe_unknown_because=because,
    )


def _slave(one: JsonObject, dating: _Dating) -> LastSlave:
    # A disk that was away when this host was rebooted lost nothing.
    may_have_lost = one["is_present"] and not dating.is_same_boot
    safe_time = one["durable_until_time" if may_have_lost else "safe_until_time"]
    return LastSlave(
        escape_invisible(one["slave"]),
        escape_invisible(one["unique_uuid"]),
        bool(one["is_present"]),
        _text(dating.shifted(one["since_time"])),
        None if may_have_lost else _tid(one["slave_tid"]),
        _text(dating.shifted(safe_time)),
    )


def _verified(saved: JsonObject | None) -> VerifiedStatus | None:
    """Return the result of a verification; a file of an older hammerd has none."""
    if saved is None:
        return None
    return VerifiedStatus(
        time=str(_text(_wall_time(saved["time"]))),
        tid=format_tid(parse_tid(saved["tid"])),
        is_equal=bool(saved["is_equal"]),
        differences=int(saved["differences"]),
        is_sample=bool(saved["is_sample"]),
        is_acknowledged=bool(saved["is_acknowledged"]),
    )


def _tid(text: str | None) -> str | None:
    return None if text is None else format_tid(parse_tid(text))


def _text(wall_time: float | None) -> str | None:
    return None if wall_time is None else rfc3339(wall_time)


def _wall_time(text: str) -> float:
    return parse_rfc3339(text).timestamp()
