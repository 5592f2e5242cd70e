"""Looks at all pairs after each sample, and tells what became of their alarms.

    reports ── findings ── ledger ── changes ── one notification for each cause ── receivers
                                └── all well ── heartbeat

Without a command in the config it does nothing. It judges with core/alarms, and keeps the ledger.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hammerd.core import paths
from hammerd.core.alarms.findings import (
    DAEMON,
    HEALTHY,
    Finding,
    Look,
    Mark,
    daemon_finding,
    finding_of,
    mark_of,
)
from hammerd.core.alarms.ledger import Change, Kind, Ledger, acknowledged, alarms_of, look
from hammerd.core.alarms.message import message_of, trial_message, without_command
from hammerd.core.alarms.text import Scene
from hammerd.core.api.pair_report import PairReport
from hammerd.core.api.protocol import Answer, Refusal, Reply
from hammerd.core.api.status_json import Json, pair_json
from hammerd.core.config.model import AlarmLevel, NotifyConfig
from hammerd.core.exit_codes import Exit
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.notify import alarm_file
from hammerd.daemon.notify.notifier import Notifier
from hammerd.daemon.notify.outbox import subjects_of
from hammerd.daemon.state import atomic_file
from hammerd.daemon.state.save_queue import SaveQueue
from hammerd.daemon.threads.writer_thread import WriterThread
from hammerd.daemon.timing.clock import Clock


@dataclass(frozen=True, slots=True)
class Reports:
    """The functions that describe the pairs and the daemon."""

    pairs: Callable[[], Iterable[PairReport]]
    daemon: Callable[[], Mapping[str, object]]


class Alarms:
    """The alarms of one daemon."""

    def __init__(
        self, directory: Path, notifier: Notifier, clock: Clock, writer: WriterThread, log: Logger
    ) -> None:
        self._path = directory / paths.ALARMS_FILE
        self._notifier = notifier
        self._clock = clock
        self._log = log
        self._config = NotifyConfig()
        self._ledger: Ledger = {}
        self._marks: Mapping[str, Mark] = {}
        self._is_to_set_aside = False
        self._saves = SaveQueue(paths.ALARMS_FILE, self._take, writer, log)
        self._host = os.uname().nodename
        self.reports = Reports(tuple, dict)
        notifier.on_changed = self._saves.request

    def load(self) -> None:
        """Load the alarms of an earlier daemon; an error in their file is logged."""
        if not self._notifier.is_wanted:
            # What it says is out of date when alarms are wanted again.
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            return
        now_at = self._clock.now().at
        loaded = alarm_file.load(self._path, self._clock.monotonic_at, now_at)
        if loaded.error:
            self._is_to_set_aside = True
            hint = "what was there is kept as NAME.bad; what lasts is told again"
            self._log.error("state.unreadable", because=loaded.error, hint=hint)
        self._ledger = loaded.ledger
        self._notifier.restore(loaded.waiting)

    def follow_config(self, config: NotifyConfig) -> None:
        """Take over a config; without any command there are no alarms."""
        was_wanted = self._notifier.is_wanted
        self._config = config
        self._notifier.follow_config(config)
        if was_wanted and not self._notifier.is_wanted:
            self._ledger, self._marks = {}, {}
            self._saves.request()

    def look(self) -> None:
        """Judge all pairs and the daemon, and queue what is to be told."""
        if not self._notifier.is_wanted:
            return
        now_at, daemon = self._clock.now().at, self.reports.daemon()
        reports = {
            report.life.pair.name: report
            for report in self.reports.pairs()
            if report.life.pair.notify
        }
        findings = {
            name: finding_of(report, self._marks.get(name), now_at)
            for name, report in reports.items()
        }
        findings[DAEMON] = daemon_finding(daemon)
        self._marks = {name: mark_of(report) for name, report in reports.items()}
        looked = look(self._ledger, findings, self._config, now_at)
        self._ledger = looked.ledger
        for changes in _groups(looked.changes):
            self._tell(changes, reports, now_at)
        if looked.changes:
            self._saves.request()
        if self._are_all_well(findings) and not self._notifier.has_failed:
            self._notifier.beat(now_at, self._clock.rfc3339(now_at), self._host)

    def acknowledge(self, pair: str) -> None:
        """Repeat the alarm of a pair no more."""
        before, self._ledger = self._ledger, acknowledged(self._ledger, pair)
        if before is not self._ledger:
            self._saves.request()

    async def test(self, word: str | None, pairs: Sequence[str]) -> Reply:
        """Run the command of each receiver for a test, and answer what came of it.

        `word` is the kind that it pretends to be, None for a plain test.
        """
        words = [kind.value for kind in Kind]
        if word not in (None, *words):
            return Refusal(f"{word} is no kind of notification", f"known: {', '.join(words)}")
        kind = Kind.TEST if word is None else Kind(word)
        now_at, to_time = self._clock.now().at, self._clock.rfc3339
        named = frozenset(pairs)
        facts = [
            pair_json(report, now_at, to_time)
            for report in self.reports.pairs()
            if report.life.pair.name in named
        ]
        message = trial_message(kind, facts, self._host, to_time(now_at))
        level = AlarmLevel.WARNING if kind is Kind.WARNING else AlarmLevel.CRITICAL
        ran = await self._notifier.test(kind, level, message)
        if not ran:
            return Refusal(*without_command(kind), Exit.CONFIG)
        return Answer({"ran": ran})

    def describe(self) -> Mapping[str, object]:
        """Return the part of a status about alarms and notifications."""
        to_time = self._clock.rfc3339
        return {
            "alarms": [
                {
                    "pair": subject or None,
                    "level": alarm.level,
                    "because": alarm.because,
                    "since_time": to_time(alarm.since_at),
                    "told_time": to_time(alarm.told_at),
                    "is_acknowledged": alarm.is_acknowledged,
                }
                for subject, alarm in alarms_of(self._ledger).items()
            ],
            "alarms_unsaved_because": self._saves.unsaved_because,
            **self._notifier.describe(to_time),
        }

    def checkpoint(self) -> None:
        """Save again after a failed save."""
        self._saves.retry()

    def finish(self, writer: WriterThread) -> None:
        """Queue the last save."""
        if self._notifier.is_wanted:
            self._saves.finish(writer)

    def _tell(
        self, changes: Sequence[Change], reports: Mapping[str, PairReport], now_at: float
    ) -> None:
        names = [one.finding.subject for one in changes if one.finding.subject in reports]
        to_time = self._clock.rfc3339
        facts = {name: pair_json(reports[name], now_at, to_time) for name in names}
        message = message_of(changes, Scene(self._host, now_at, to_time, facts))
        self._log_change(changes[0].kind, message)
        self._notifier.tell(changes[0].level, message)

    def _log_change(self, kind: Kind, message: Json) -> None:
        fields = {**subjects_of(message), "because": message["because"]}
        summary = message["summary"]
        if kind is Kind.RECOVERED:
            self._log.info("alarm.ended", **fields, summary=summary)
        elif kind is Kind.REMINDER:
            self._log.info("alarm.repeated", **fields, summary=summary)
        else:
            self._log.warning("alarm.raised", **fields, summary=summary)

    def _are_all_well(self, findings: Mapping[str, Finding]) -> bool:
        """Return whether all pairs that are to run are well, and the daemon is."""
        return all(
            finding.look is Look.SILENT
            or (finding.look in HEALTHY and self._ledger[name].alarm is None)
            for name, finding in findings.items()
        )

    def _take(self) -> Callable[[], None]:
        text = alarm_file.text_of(self._ledger, self._notifier.waiting(), self._clock.wall_time)
        return partial(self._save, text)

    def _save(self, text: str) -> None:
        """Save the alarms, on the writer thread; set a damaged file aside before."""
        if self._is_to_set_aside:
            atomic_file.set_aside(self._path)
            self._is_to_set_aside = False
        atomic_file.replace(self._path, (text,))


def _groups(changes: Iterable[Change]) -> Iterable[Sequence[Change]]:
    """Return the changes that are told by one notification each."""
    groups: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        groups.setdefault(change.group, []).append(change)
    return groups.values()
