"""Tells all receivers of notifications, runs the heartbeat, and tests both.

Each receiver has its own queue, so a command that hangs delays only what the same receiver is to
be told later.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from hammerd.core.alarms.ledger import Kind
from hammerd.core.alarms.message import heartbeat_message
from hammerd.core.api.status_json import Json
from hammerd.core.config.model import AlarmLevel, NotifyConfig, Receiver
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.notify.outbox import Outbox, Waiting
from hammerd.daemon.notify.program import Program, Ran

HEARTBEAT = Receiver(f"notify.{Kind.HEARTBEAT}")
"""The name and the time limit of the heartbeat, which is no receiver of alarms."""


class Notifier:
    """The receivers of the config in force."""

    def __init__(self, loop: asyncio.AbstractEventLoop, program: Program, log: Logger) -> None:
        self._loop = loop
        self._program = program
        self._log = log
        self._config = NotifyConfig()
        self._outboxes: dict[str, Outbox] = {}
        self._beat_at: float | None = None
        self._is_beating = False
        self._heartbeat_failed_because: str | None = None
        self._sent_before: Counter[str] = Counter()
        self._dropped_before = 0
        self.on_changed: Callable[[], None] = lambda: None

    @property
    def is_wanted(self) -> bool:
        """Whether the config has any command."""
        return bool(self._config.commands)

    @property
    def has_failed(self) -> bool:
        """Whether the last notification to a receiver was not sent."""
        return any(box.tally.failed_because is not None for box in self._outboxes.values())

    def follow_config(self, config: NotifyConfig) -> None:
        """Take over a config; a receiver that is gone is told nothing more."""
        self._config = config
        receivers = {one.name: one for one in config.receivers}
        for name in self._outboxes.keys() - receivers.keys():
            gone = self._outboxes.pop(name)
            self._sent_before += gone.tally.sent
            self._dropped_before += gone.tally.dropped
            gone.close()
        for name, receiver in receivers.items():
            if name in self._outboxes:
                self._outboxes[name].receiver = receiver
            else:
                made = Outbox(self._loop, receiver, self._program.run, self._log)
                made.on_changed = self._changed
                self._outboxes[name] = made

    def tell(self, level: AlarmLevel, message: Json) -> None:
        """Queue a notification for each receiver of its level."""
        for outbox in self._outboxes.values():
            if _hears(outbox.receiver, level):
                outbox.put(message)

    def beat(self, now_at: float, time: str, host: str) -> None:
        """Run the heartbeat if it is due; call this only while all is well."""
        command = self._config.heartbeat
        if command is None or self._is_beating:
            return
        if self._beat_at is not None and now_at < self._beat_at + self._config.heartbeat_every_s:
            return
        self._beat_at, self._is_beating = now_at, True
        message = heartbeat_message(host, time)
        self._program.run(command, message, HEARTBEAT.timeout_s, self._has_beaten)

    async def test(self, kind: Kind, level: AlarmLevel, message: Json) -> list[Json]:
        """Run the command of each receiver of a level, or the heartbeat, and return what came."""
        receivers = [box.receiver for box in self._outboxes.values()]
        chosen = [one for one in receivers if _hears(one, level)]
        if kind is Kind.HEARTBEAT:
            command = self._config.heartbeat
            chosen = [Receiver(HEARTBEAT.name, command)] if command else []
        ran = await asyncio.gather(*(self._run(one, message) for one in chosen))
        return [
            {
                "receiver": one.name,
                "command": list(one.command or ()),
                "status": result.status,
                "said": result.said or None,
                "failed_because": result.because or None,
            }
            for one, result in zip(chosen, ran, strict=True)
        ]

    def waiting(self) -> Mapping[str, Sequence[Waiting]]:
        """Return what is not sent yet, by the name of the receiver."""
        return {name: tuple(box.waiting) for name, box in self._outboxes.items() if box.waiting}

    def restore(self, waiting: Mapping[str, Sequence[Waiting]]) -> None:
        """Queue what an earlier daemon has not sent; that of receivers that are gone is lost."""
        for name, left in waiting.items():
            if name in self._outboxes:
                self._outboxes[name].restore(left)

    def describe(self, to_time: Callable[[float], str]) -> Mapping[str, object]:
        """Return the part of a status about notifications."""
        tallies = [box.tally for box in self._outboxes.values()]
        failed = [one for one in tallies if one.failed_because is not None]
        since_at = min((one.failed_since_at or 0.0 for one in failed), default=None)
        because = failed[0].failed_because if failed else self._heartbeat_failed_because
        sent = sum((one.sent for one in tallies), self._sent_before.copy())
        return {
            "notify_failed_because": because,
            "notify_failed_since_time": None if since_at is None else to_time(since_at),
            "notify_waiting": sum(len(box.waiting) for box in self._outboxes.values()),
            "notify_dropped": self._dropped_before + sum(one.dropped for one in tallies),
            "notify_sent": {kind.value: sent[kind.value] for kind in Kind},
        }

    async def _run(self, receiver: Receiver, message: Json) -> Ran:
        done: asyncio.Future[Ran] = self._loop.create_future()

        def ended(ran: Ran) -> None:
            if not done.done():
                done.set_result(ran)

        self._program.run(receiver.command or (), message, receiver.timeout_s, ended)
        ran = await done
        if ran.because:
            self._log.warning(
                "notify.failed",
                receiver=receiver.name,
                kind=message["kind"],
                because=ran.because,
                hint="a person asked for this test; it is not repeated",
            )
        else:
            self._log.info("notify.sent", receiver=receiver.name, kind=message["kind"])
            self._sent_before[str(message["kind"])] += 1
        return ran

    def _has_beaten(self, ran: Ran) -> None:
        self._is_beating = False
        is_new = (self._heartbeat_failed_because is None) is bool(ran.because)
        self._heartbeat_failed_because = ran.because or None
        if ran.because and is_new:
            hint = f"it is tried again in {self._config.heartbeat_every_s:.0f} s"
            name = HEARTBEAT.name
            self._log.warning("notify.failed", receiver=name, because=ran.because, hint=hint)
        elif not ran.because:
            self._sent_before[Kind.HEARTBEAT] += 1
            log = self._log.info if is_new else self._log.debug
            log("notify.sent", receiver=HEARTBEAT.name, kind=Kind.HEARTBEAT)

    def _changed(self) -> None:
        self.on_changed()


def _hears(receiver: Receiver, level: AlarmLevel) -> bool:
    return level is AlarmLevel.CRITICAL or receiver.level is AlarmLevel.WARNING
