"""Writes a notification: its JSON, and its environment for the command.

The JSON is for scripts: names are stable, and those of a pair are the status's own. What hammer or
ssh printed is in it as text only; each character that a terminal or a mail header would obey is a
question mark. It never becomes a part of the command's arguments.
"""

from collections.abc import Iterator, Sequence

from hammerd.core.alarms.ledger import Change, Kind
from hammerd.core.alarms.text import (
    LONGEST_SUMMARY,
    Scene,
    cause_of,
    cut,
    numbers,
    one_line,
    summary_of,
    text_of,
)
from hammerd.core.api.status_json import Json
from hammerd.core.characters import printable
from hammerd.core.config.model import AlarmLevel

SCHEMA_VERSION = 1

LONGEST_VALUE = 4_000
"""The most characters of a value in the environment: all values together must fit in it."""

PAIR_KEYS = (
    *("pair", "master", "slave", "wanted", "state", "waiting_for", "because", "hint"),
    *("since_time", "health", "lag_s", "lag_verdict", "lag_unknown_because", "lag_warning_s"),
    *("lag_critical_s", "safe_until_time", "durable_until_time", "failures", "restarts"),
    *("master_tid", "slave_tid", "telling_word"),
)
"""The keys of a pair's status that a notification repeats."""


def message_of(changes: Sequence[Change], scene: Scene) -> Json:
    """Return the JSON of a notification about changes of one group."""
    first = changes[0]
    pairs = [_pair_json(change, scene) for change in changes if change.finding.subject]
    because = _common([cause_of(change) for change in changes])
    hints = [change.finding.hint for change in changes if change.finding.hint]
    message: Json = {
        "schema_version": SCHEMA_VERSION,
        "kind": first.kind,
        "level": first.level,
        "time": scene.to_time(scene.now_at),
        "host": printable(scene.host),
        "far_host": first.alarm.host or None,
        "because": because,
        "hint": one_line(_common(hints)) if hints else None,
        "lag_s": max(numbers(pairs, "lag_s"), default=None),
        "safe_until_time": min(_texts(pairs, "safe_until_time"), default=None),
        "pairs": pairs,
    }
    summary = summary_of(changes, because, scene)
    return {**message, "summary": summary, "text": text_of(summary, changes, scene)}


def trial_message(kind: Kind, facts: Sequence[Json], host: str, time: str) -> Json:
    """Return the JSON of a test of `kind`, or a plain one."""
    names = ", ".join(str(one["pair"]) for one in facts)
    summary = cut(f"test, kind {kind}{f': {names}' if names else ''}", LONGEST_SUMMARY)
    text = f'A person asked for it by "hammerd notify --test". Nothing is wrong.\n{host}, {time}\n'
    level = AlarmLevel.WARNING if kind is Kind.WARNING else AlarmLevel.CRITICAL
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "level": level,
        "time": time,
        "host": printable(host),
        "far_host": None,
        "because": Kind.TEST,
        "hint": None,
        "lag_s": None,
        "safe_until_time": None,
        "pairs": [{key: one.get(key) for key in PAIR_KEYS} for one in facts],
        "summary": summary,
        "text": text,
    }


def without_command(kind: Kind) -> tuple[str, str]:
    """Return what to say when no command of the config is for a kind, and a hint."""
    if kind is Kind.HEARTBEAT:
        return "[notify] has no heartbeat", "set heartbeat in the config: hammerd.toml(5)"
    if kind is Kind.WARNING:
        hint = 'set command in [notify], or level = "warning"'
        return "no command in [notify] is told of warnings", hint
    return "[notify] has no command", "set command in the config: hammerd.toml(5), and its samples"


def heartbeat_message(host: str, time: str) -> Json:
    """Return the JSON of a heartbeat."""
    summary = "all wanted pairs are healthy"
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": Kind.HEARTBEAT,
        "time": time,
        "host": printable(host),
        "summary": summary,
        "text": f"{summary}\n",
        "pairs": [],
    }


def environment_of(message: Json) -> dict[str, str]:
    """Return the variables that tell a command of a notification, beside its JSON."""
    pairs = message["pairs"]
    assert isinstance(pairs, list)
    values = {
        "KIND": message["kind"],
        "LEVEL": message.get("level"),
        "PAIRS": _listed([str(one["pair"]) for one in pairs]),
        "BECAUSE": message.get("because"),
        "SUMMARY": message["summary"],
        "HINT": message.get("hint"),
        "HOST": message["host"],
        "FAR_HOST": message.get("far_host"),
        "LAG_S": message.get("lag_s"),
        "SAFE_UNTIL": message.get("safe_until_time"),
        "TIME": message["time"],
    }
    return {
        f"HAMMERD_{name}": "" if value is None else cut(printable(str(value)), LONGEST_VALUE)
        for name, value in values.items()
    }


def _pair_json(change: Change, scene: Scene) -> Json:
    facts = scene.facts.get(change.finding.subject, {"pair": change.finding.subject})
    return {
        **{key: facts.get(key) for key in PAIR_KEYS},
        "alarm_because": cause_of(change),
        "alarm_level": change.alarm.level,
        "alarm_since_time": scene.to_time(change.alarm.since_at),
    }


def _common(words: Sequence[str]) -> str:
    """Return the most frequent of some words, the first of equals."""
    return max(dict.fromkeys(words), key=words.count)


def _texts(facts: Sequence[Json], key: str) -> Iterator[str]:
    return (value for one in facts if isinstance(value := one.get(key), str))


def _listed(names: Sequence[str]) -> str:
    """Return names with blanks between them, cut after a whole name."""
    text = " ".join(names)
    if len(text) <= LONGEST_VALUE:
        return text
    return text[: LONGEST_VALUE - 4].rpartition(" ")[0] + " ..."
