"""What a stream tells of its master, beside what is read of it: each step of its TID.

    ` W`, or the launch ── Mirror A to B ── ... ── Mirror C to D ── ` W`
            at                                 the master held D, read at `at` or later

    ` W` ── nothing for IDLE_PROVES_S      the master seems to hold what it held
    ` W` ── Mirror ── No work              the same, read after that ` W`

Between two rests the source half reads its master's TID once and copies up to it; so the end of
the last slice is what the master held, and it was read after the rest before. With -B there is
one slice, and its first word tells; of several only the rest tells which was the last one. A
batch without work may be the quirk of docs/hammer.md 5.6 and shows nothing; its size gives it
away. A source half that rests is woken when the TID of its master moves, and speaks after its
delay. One that had nothing to copy since its start does not rest, but looks again and again
(docs/hammer.md 5.6).

What was heard may have waited in the pipe, so a moment is never when something was heard, but
one at which it was certainly not said yet: to be early tells a slave older than it is. What
another host says may have waited on the way as well. But its source half begins a batch only
when our target half has answered the one before, so what our half said before that was earlier.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from hammerd.core.hammer.messages import (
    Batch,
    Committed,
    Complaint,
    LostLink,
    Message,
    NoWork,
    Prescan,
    PrescanDone,
    Progress,
    Remark,
    SliceWritten,
    WentIdle,
)
from hammerd.core.tid import Tid

IDLE_PROVES_S = 10.0
"""How long a source half on another host may be awake without a word: twice hammer's own delay,
which our options do not reach (docs/hammer.md 7.2)."""


QUIRK_BYTES = 2**64 - 1
"""The size of a batch that looks at nothing."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The master held `tid`, as read at `at` (monotonic) or later."""

    tid: Tid
    at: float


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

    def hear(
        self, message: Message, unwritten_at: float
    ) -> tuple["MasterInference", Observation | None]:
        """Take in one more message, not said yet at `unwritten_at`; return what it shows."""
        match message:
            case Batch():
                return self._begun(message)
            case Committed():
                return replace(self, committed_at=unwritten_at, is_idle=False), None
            case NoWork() if not self.is_quirk and self.slice_end is None:
                at = self.reads_after_at if self.idle_at is None else self.idle_at
                return replace(self, is_idle=False, checked_at=at), None
            case WentIdle():
                seen = self.slice_end and Observation(self.slice_end, self.reads_after_at)
                return self._rested(unwritten_at), seen or None
            case Complaint() | Remark():
                return self, None
            case NoWork() | Prescan() | PrescanDone() | Progress() | SliceWritten() | LostLink():
                return replace(self, is_idle=False), None
            case _:
                assert_never(message)

    def held_until_at(self, now_at: float) -> float | None:
        """Return until when the master seems to hold its TID, None where its stream is at work.

        Its stream has not woken, or found nothing. A host that is gone is silent, too.
        """
        at = now_at - IDLE_PROVES_S
        is_at_rest = self.is_idle and self.idle_at is not None and at >= self.idle_at
        return at if is_at_rest else self.checked_at

    def _begun(self, batch: Batch) -> tuple["MasterInference", Observation | None]:
        heard = replace(self, is_idle=False)
        if batch.end <= batch.begin:
            return replace(heard, is_quirk=batch.bulk_bytes == QUIRK_BYTES), None
        heard = replace(heard, answered_at=self.committed_at)
        if batch.bulk_bytes is None:
            return heard, Observation(batch.end, self.reads_after_at)
        return replace(heard, slice_end=batch.end), None

    def _rested(self, unwritten_at: float) -> "MasterInference":
        at = self.answered_at if self.is_source_remote else unwritten_at
        return replace(
            self,
            reads_after_at=self.reads_after_at if at is None else max(at, self.reads_after_at),
            slice_end=None,
            idle_at=unwritten_at,
            is_idle=True,
            is_quirk=False,
        )
