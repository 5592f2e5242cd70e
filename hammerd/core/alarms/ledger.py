"""Raises, changes and ends alarms: from the findings of each look to changes that are told.

    good ── `after` bad looks in a row ──> warning ──> critical      each step is told
      ^                                       ^  └─── `after` looks ────┘
      └──── `after` good looks in a row ──────┘

A fault that only a person can cure is an alarm at its first look, and is told too if another alarm
of the pair stands. Each alarm within FLAP_S after a recovery doubles the number of good looks that
the next recovery needs, so a pair that flaps is told less and less often. A silent look changes
nothing: an alarm from before a pause is still there after it, and its recovery is told then.

Looks are counted, and instants are monotonic, so no step of the wall clock raises an alarm.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import assert_never

from hammerd.core.alarms.findings import BAD, Finding, Look
from hammerd.core.config.model import AlarmLevel, NotifyConfig

FLAP_S = 3_600.0
MOST_DOUBLINGS = 6

DAY_S = 86_400.0
"""An alarm that is older is repeated once a day, or less often if so configured."""

TOGETHER_SHARE = 0.25
"""A reminder takes along those of its group that are due within this share of their interval."""


class Kind(StrEnum):
    """The kind of a notification."""

    WARNING = "warning"
    CRITICAL = "critical"
    RECOVERED = "recovered"
    REMINDER = "reminder"
    HEARTBEAT = "heartbeat"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Alarm:
    """A fault that a person was told of.

    `peak` is the worst level that was told, `persons` the faults for a person among what was told.
    `told_at`: the last notification about it.
    """

    level: AlarmLevel
    peak: AlarmLevel
    because: str
    host: str
    since_at: float
    told_at: float
    persons: frozenset[str] = frozenset()
    is_acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Watched:
    """The record of a subject: how many looks in a row were bad, critical, calm or good.

    A calm look is one that is not critical. `flaps`: the alarms that were raised soon after a
    recovery.
    """

    alarm: Alarm | None = None
    bad: int = 0
    critical: int = 0
    calm: int = 0
    good: int = 0
    bad_since_at: float = 0.0
    flaps: int = 0
    recovered_at: float | None = None


Ledger = Mapping[str, Watched]
"""The record of each subject."""

NEW = Watched()


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an alarm that is told.

    `level`: the least level of a receiver that is told. `alarm` is the alarm now, or as it was if
    it ended. `is_easing`: it was critical and is a warning now. `is_removed`: it ended since the
    pair is not in the config any more, or without alarms there.
    """

    kind: Kind
    level: AlarmLevel
    finding: Finding
    alarm: Alarm
    is_easing: bool = False
    is_removed: bool = False

    @property
    def group(self) -> tuple[object, ...]:
        """Changes with equal values here are told by one notification."""
        # What a person must cure is of this pair, whatever its host.
        host = "" if self.alarm.persons else self.alarm.host
        cause = host or self.alarm.because
        is_daemon = not self.finding.subject
        return self.kind, self.level, self.is_easing, self.is_removed, is_daemon, cause


@dataclass(frozen=True, slots=True)
class Looked:
    """The ledger after a look, and the changes to tell."""

    ledger: Ledger
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class _Turn:
    """One look at one subject; `is_joining`: another subject of its group has a change now."""

    watched: Watched
    finding: Finding
    config: NotifyConfig
    now_at: float
    is_joining: bool = field(default=False, compare=False)


def look(
    ledger: Ledger, findings: Mapping[str, Finding], config: NotifyConfig, now_at: float
) -> Looked:
    """Return the ledger after one look at all subjects, and what is to be told."""
    turns = {
        name: _Turn(_counted(ledger.get(name, NEW), one, now_at), one, config, now_at)
        for name, one in findings.items()
    }
    first = {name: change for name, turn in turns.items() if (change := _change(turn))}
    groups = {change.group for change in first.values()}
    joined = {
        name: change
        for name, turn in turns.items()
        if name not in first
        if (change := _change(replace(turn, is_joining=True))) and change.group in groups
    }
    changes = {**first, **joined, **dict(_removed(ledger, findings))}
    after = {name: _with_change(turn, changes.get(name)) for name, turn in turns.items()}
    return Looked(after, tuple(changes.values()))


def acknowledged(ledger: Ledger, subject: str) -> Ledger:
    """Return the ledger after a person has acknowledged the alarm of a subject."""
    watched = ledger.get(subject, NEW)
    if watched.alarm is None:
        return ledger
    alarm = replace(watched.alarm, is_acknowledged=True)
    return {**ledger, subject: replace(watched, alarm=alarm)}


def worst_level(levels: Iterable[AlarmLevel]) -> AlarmLevel:
    """Return the worst of some levels, a warning for none."""
    return AlarmLevel.CRITICAL if AlarmLevel.CRITICAL in levels else AlarmLevel.WARNING


def alarms_of(ledger: Ledger) -> Mapping[str, Alarm]:
    """Return the alarm of each subject that has one."""
    return {name: one.alarm for name, one in ledger.items() if one.alarm is not None}


# --- counting ----------------------------------------------------------------------------------


def _counted(watched: Watched, finding: Finding, now_at: float) -> Watched:
    """Return a subject with one more look counted."""
    match finding.look:
        case Look.SILENT:
            return replace(watched, bad=0, critical=0, calm=0, good=0)
        case Look.UNKNOWN | Look.LATE:
            return replace(watched, bad=0, critical=0, calm=watched.calm + 1)
        case Look.GOOD:
            calm, good = watched.calm + 1, watched.good + 1
            return replace(watched, bad=0, critical=0, calm=calm, good=good)
        case Look.WARNING | Look.CRITICAL:
            is_critical = finding.look is Look.CRITICAL
            return replace(
                watched,
                bad=watched.bad + 1,
                critical=watched.critical + 1 if is_critical else 0,
                calm=0 if is_critical else watched.calm + 1,
                good=0,
                bad_since_at=watched.bad_since_at if watched.bad else now_at,
            )
        case _:
            assert_never(finding.look)


# --- changes -----------------------------------------------------------------------------------


def _change(turn: _Turn) -> Change | None:
    """Return the change that a look makes, None for none."""
    alarm, finding = turn.watched.alarm, turn.finding
    if finding.look is Look.SILENT:
        return None
    if alarm is None:
        return _raised(turn) if finding.look in BAD and _is_proven(turn) else None
    if finding.look is Look.GOOD:
        return _recovered(turn, alarm)
    return _worse(turn, alarm) or _easier(turn, alarm) or _reminder(turn, alarm)


def _is_proven(turn: _Turn) -> bool:
    """Return whether the bad looks in a row are enough for an alarm."""
    if turn.is_joining or turn.finding.for_person:
        return turn.watched.bad > 0
    return turn.watched.bad >= turn.config.after


def _raised(turn: _Turn) -> Change:
    level = _level(turn.finding)
    since_at, finding = turn.watched.bad_since_at, turn.finding
    alarm = Alarm(
        level,
        level,
        finding.because,
        finding.host,
        since_at,
        turn.now_at,
        frozenset(finding.for_person),
    )
    return Change(_kind(level), level, finding, alarm)


def _worse(turn: _Turn, alarm: Alarm) -> Change | None:
    """Return the step from a warning to critical, or a new fault for a person."""
    finding = turn.finding
    if finding.look not in BAD:
        return None
    level = _level(finding)
    is_higher = level is AlarmLevel.CRITICAL and alarm.level is AlarmLevel.WARNING
    is_proven = turn.is_joining or turn.watched.critical >= turn.config.after
    new = [name for name in finding.for_person if name not in alarm.persons]
    if not (is_higher and is_proven) and not new:
        return None
    if new and finding.because not in new:
        # The worst fault is known; the new one is what is to be told.
        finding = replace(finding, because=new[0], hint=finding.for_person[new[0]])
    level = worst_level((level, alarm.level))
    worse = replace(_told(replace(turn, finding=finding), alarm, level), is_acknowledged=False)
    return Change(_kind(level), level, finding, worse)


def _easier(turn: _Turn, alarm: Alarm) -> Change | None:
    if alarm.level is AlarmLevel.WARNING or turn.finding.look is Look.CRITICAL:
        return None
    needed = 1 if turn.is_joining else turn.config.after
    if turn.watched.calm < needed:
        return None
    eased = _told(turn, alarm, AlarmLevel.WARNING)
    return Change(Kind.WARNING, alarm.level, turn.finding, eased, is_easing=True)


def _recovered(turn: _Turn, alarm: Alarm) -> Change | None:
    needed = turn.config.after * 2 ** min(turn.watched.flaps, MOST_DOUBLINGS)
    if turn.is_joining and not turn.watched.flaps:
        needed = 1
    if turn.watched.good < needed:
        return None
    return Change(Kind.RECOVERED, alarm.peak, turn.finding, alarm)


def _reminder(turn: _Turn, alarm: Alarm) -> Change | None:
    if alarm.is_acknowledged:
        return None
    every_s = turn.config.repeat_every_s
    if turn.now_at - alarm.since_at >= DAY_S:
        every_s = max(every_s, DAY_S)
    early_s = TOGETHER_SHARE * every_s if turn.is_joining else 0.0
    if turn.now_at < alarm.told_at + every_s - early_s:
        return None
    return Change(Kind.REMINDER, alarm.level, turn.finding, replace(alarm, told_at=turn.now_at))


def _told(turn: _Turn, alarm: Alarm, level: AlarmLevel) -> Alarm:
    """Return an alarm whose level or faults changed."""
    finding = turn.finding
    return replace(
        alarm,
        level=level,
        peak=worst_level((level, alarm.peak)),
        because=finding.because or alarm.because,
        host=finding.host or alarm.host,
        told_at=turn.now_at,
        persons=alarm.persons | finding.for_person.keys(),
    )


def _removed(ledger: Ledger, findings: Mapping[str, Finding]) -> Iterator[tuple[str, Change]]:
    """Yield the end of each alarm whose pair is gone from the config, or is without alarms."""
    for name, watched in ledger.items():
        if watched.alarm is not None and name not in findings:
            finding = Finding(name, Look.GOOD, "removed")
            level = watched.alarm.peak
            yield name, Change(Kind.RECOVERED, level, finding, watched.alarm, is_removed=True)


def _with_change(turn: _Turn, change: Change | None) -> Watched:
    watched = turn.watched
    if change is None:
        return watched
    if change.kind is Kind.RECOVERED:
        return Watched(good=watched.good, flaps=watched.flaps, recovered_at=turn.now_at)
    if watched.alarm is not None:
        return replace(watched, alarm=change.alarm)
    recovered_at = watched.recovered_at
    is_flap = recovered_at is not None and turn.now_at - recovered_at < FLAP_S
    return replace(watched, alarm=change.alarm, flaps=watched.flaps + 1 if is_flap else 0)


def _level(finding: Finding) -> AlarmLevel:
    return AlarmLevel.CRITICAL if finding.look is Look.CRITICAL else AlarmLevel.WARNING


def _kind(level: AlarmLevel) -> Kind:
    return Kind.CRITICAL if level is AlarmLevel.CRITICAL else Kind.WARNING
