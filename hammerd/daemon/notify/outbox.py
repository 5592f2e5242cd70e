"""Holds what a receiver is still to be told, and runs its command for it, one run at a time.

    put ── due ── run ── exit 0: forgotten
                   └──── else: due again, later each time, for a day

A notification that failed a few times lets the later ones pass, so that one which the command
never takes does not keep the others from it. When too many wait, the oldest are dropped and
counted.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hammerd.core.api.status_json import Json
from hammerd.core.config.model import Receiver
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.notify.program import OnRan, Ran
from hammerd.daemon.timing.backoff import growing_s
from hammerd.daemon.timing.timers import Timer

MOST_WAITING = 50
RETRY_INITIAL_S, RETRY_MAX_S = 10.0, 900.0
RETRY_FOR_S = 86_400.0
"""A notification that cannot be sent for a day is given up."""

TRIES_IN_ORDER = 3
"""After so many failures later notifications pass."""

Run = Callable[[Sequence[str], Json, float, OnRan], None]


@dataclass(eq=False, slots=True)
class Waiting:
    """A notification that waits; instants are monotonic."""

    message: Json
    put_at: float
    tries: int = 0
    due_at: float = 0.0


@dataclass(slots=True)
class Tally:
    """The number of sent notifications by kind, and what did not work."""

    sent: Counter[str]
    dropped: int = 0
    failed_since_at: float | None = None
    failed_because: str | None = None


class Outbox:
    """The notifications of one receiver that are not sent yet."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, receiver: Receiver, run: Run, log: Logger
    ) -> None:
        self.receiver = receiver
        self.waiting: list[Waiting] = []
        self.tally = Tally(Counter())
        self.on_changed: Callable[[], None] = lambda: None
        self._loop = loop
        self._run = run
        self._log = log
        self._timer = Timer(loop, self._send)
        self._running: Waiting | None = None
        self._is_closed = False

    def put(self, message: Json) -> None:
        """Add a notification; drop the oldest that is not being sent if too many wait."""
        self.restore([Waiting(message, self._loop.time())])

    def restore(self, waiting: Sequence[Waiting]) -> None:
        """Add notifications, those of an earlier daemon too."""
        self.waiting += waiting
        idle = [one for one in self.waiting if one is not self._running]
        if excess := idle[: max(0, len(self.waiting) - MOST_WAITING)]:
            self.waiting = [one for one in self.waiting if one not in excess]
            self.tally.dropped += len(excess)
            self._log.error(
                "notify.dropped",
                receiver=self.receiver.name,
                count=len(excess),
                because=f"more than {MOST_WAITING} wait to be sent",
                hint="look why its command fails; the history has all events",
            )
        self._set_timer()

    def close(self) -> None:
        """Send nothing any more; a command that runs has its time to end."""
        self._is_closed = True
        self._timer.stop()
        self.waiting.clear()

    def _send(self) -> None:
        """Run the command for the notification that is due."""
        if self._is_closed or self._running is not None or (due := self._next()) is None:
            return
        if due.due_at > self._loop.time():
            self._set_timer()
            return
        self._running = due
        command = self.receiver.command or ()
        self._run(command, due.message, self.receiver.timeout_s, self._ran)

    def _next(self) -> Waiting | None:
        """Return the notification that is to be sent next, now or later; None without one."""
        in_order = [one for one in self.waiting if one.tries < TRIES_IN_ORDER]
        late = [one for one in self.waiting if one.tries >= TRIES_IN_ORDER]
        return min((*in_order[:1], *late), key=lambda one: one.due_at, default=None)

    def _set_timer(self) -> None:
        due = None if self._is_closed or self._running is not None else self._next()
        self._timer.set(None if due is None else max(due.due_at, self._loop.time()))

    def _ran(self, ran: Ran) -> None:
        sent, self._running = self._running, None
        if sent is None or self._is_closed:
            return
        if ran.because:
            self._failed(sent, ran)
        else:
            self._sent(sent, ran)
        self._set_timer()
        self.on_changed()

    def _sent(self, sent: Waiting, ran: Ran) -> None:
        self.waiting.remove(sent)
        self.tally.sent[str(sent.message["kind"])] += 1
        self.tally.failed_since_at = self.tally.failed_because = None
        said = {"said": ran.said} if ran.said else {}
        self._log.info("notify.sent", **self._fields(sent), tries=sent.tries + 1, **said)

    def _failed(self, failed: Waiting, ran: Ran) -> None:
        now_at = self._loop.time()
        failed.tries += 1
        retry_s = growing_s(RETRY_INITIAL_S, RETRY_MAX_S, failed.tries)
        failed.due_at = now_at + retry_s
        if self.tally.failed_since_at is None:
            self.tally.failed_since_at = now_at
        is_new, self.tally.failed_because = self.tally.failed_because is None, ran.because
        fields = {**self._fields(failed), "status": ran.status, "because": ran.because}
        if failed.due_at - failed.put_at > RETRY_FOR_S:
            self.waiting.remove(failed)
            self.tally.dropped += 1
            self._log.error("notify.given_up", **fields, hint="nobody was told of it")
            return
        # Only the first of a row of failures is worth a warning: the status has the last.
        log = self._log.warning if is_new else self._log.debug
        hint = f"it is tried again in {retry_s:.0f} s, and for a day"
        log("notify.failed", **fields, tries=failed.tries, hint=hint)

    def _fields(self, one: Waiting) -> Mapping[str, object]:
        return {"receiver": self.receiver.name, **subjects_of(one.message)}


def subjects_of(message: Json) -> Mapping[str, object]:
    """Return the kind and the pairs of a notification as fields of the log."""
    pairs = message["pairs"]
    assert isinstance(pairs, list)
    names = [str(one["pair"]) for one in pairs]
    named: dict[str, object] = {"pair": names[0]} if len(names) == 1 else {}
    if len(names) > 1:
        named = {"pairs": len(names), "first": names[0]}
    return {"kind": message["kind"], **named}
