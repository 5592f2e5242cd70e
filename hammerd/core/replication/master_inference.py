"""Infers the master's TID, and when the master held it, from the messages of a stream.

    ` W`, or the launch ── Mirror A to B ── ... ── Mirror C to D ── ` W`
            at                                 the master held D, read at `at` or later

    ` W` ── nothing for idle_proves_s()    the master seems to hold the same TID
    ` W` ── Mirror ── No work              the same, read after that ` W`

Between two idle messages the source half reads its master's TID once and copies up to it. So the
end of the last slice is the TID that the master held, read after the previous idle message. With
-B there is one slice, and its first message is enough; of several slices only the idle message
shows which was the last one. A batch without work may be the quirk of docs/hammer.md 5.6, which
proves nothing; its size gives it away. The kernel wakes an idle source half when its master's TID
changes, and the source half writes after its delay. A source half that had nothing to copy since
its start does not become idle, but scans again and again (docs/hammer.md 5.6).

A message may have waited in the pipe. So the instant used is never the one at which it was read,
but one at which it was certainly not written yet: an early instant makes the slave look older
than it is, never newer. A message from another host may have waited on the network as well. But
a remote source half begins a batch only after our target half has answered the previous one, so
it wrote after that answer.
"""

from dataclasses import dataclass, replace

from hammerd.core.hammer import messages
from hammerd.core.pairs import Pair
from hammerd.core.replication.tid_clock import TidSample
from hammerd.core.tid import Tid

AWAKE_DELAYS = 2
"""The number of delays for which a source half may be awake without a message
(docs/hammer.md 5.5, 5.6)."""

QUIRK_BYTES = 2**64 - 1
"""The size of a batch that scans nothing."""


def idle_proves_s(pair: Pair) -> float:
    """Return the time of silence after which the source half of a pair was certainly idle.

    The source half may be awake without a message, and a link that died is silent, too, until
    that is noticed and the stream is ended. Infinite if it is never noticed.
    """
    options = pair.options
    delay_s = max(options.delay_s, options.following_delay_s)
    return AWAKE_DELAYS * delay_s + pair.master.host.dead_link_s


@dataclass(frozen=True, slots=True)
class MasterInference:
    """The state of the inference for one stream, since its last idle message.

    `reads_after_at`: the source half reads its master's TID after this instant; then the stream
    was certainly not idle yet. `is_source_remote`: the source half is on another host.
    `slice_end`: the end of the last slice, None before any. `answered_at`: an instant before the
    target half answered the previous batch; `committed_at`: one before it last set the slave's
    TID; `idle_at`: one before the last idle message was written. A scan after `checked_at` found
    nothing to copy, except for output that waited on its way here.
    """

    reads_after_at: float
    is_source_remote: bool = False
    slice_end: Tid | None = None
    answered_at: float | None = None
    committed_at: float | None = None
    idle_at: float | None = None
    is_idle: bool = False
    is_quirk: bool = False
    checked_at: float | None = None

    def add(
        self, message: messages.Message, unwritten_at: float
    ) -> tuple["MasterInference", TidSample | None]:
        """Add a message that was not written yet at `unwritten_at`; return what it shows."""
        match message:
            case messages.Batch():
                return self._add_batch(message)
            case messages.Committed():
                return replace(self, committed_at=unwritten_at, is_idle=False), None
            case messages.NoWork() if not self.is_quirk and self.slice_end is None:
                at = self.reads_after_at if self.idle_at is None else self.idle_at
                return replace(self, is_idle=False, checked_at=at), None
            case messages.WentIdle():
                held = self.slice_end and TidSample(self.slice_end, self.reads_after_at)
                return self._become_idle(unwritten_at), held or None
            case messages.Complaint() | messages.Remark():
                return self, None
            case _:
                return replace(self, is_idle=False), None

    def held_until_at(self, now_at: float, proves_s: float) -> float | None:
        """Return until when the master seems to hold its TID; None while its stream works.

        The stream was not woken, or found nothing to copy. `proves_s`: see idle_proves_s().
        """
        at = now_at - proves_s
        is_proven = self.is_idle and self.idle_at is not None and at >= self.idle_at
        return at if is_proven else self.checked_at

    def _add_batch(self, batch: messages.Batch) -> tuple["MasterInference", TidSample | None]:
        working = replace(self, is_idle=False)
        if batch.end <= batch.begin:
            return replace(working, is_quirk=batch.bulk_bytes == QUIRK_BYTES), None
        working = replace(working, answered_at=self.committed_at)
        if batch.bulk_bytes is None:
            return working, TidSample(batch.end, self.reads_after_at)
        return replace(working, slice_end=batch.end), None

    def _become_idle(self, unwritten_at: float) -> "MasterInference":
        at = self.answered_at if self.is_source_remote else unwritten_at
        return replace(
            self,
            reads_after_at=self.reads_after_at if at is None else max(at, self.reads_after_at),
            slice_end=None,
            idle_at=unwritten_at,
            is_idle=True,
            is_quirk=False,
        )
