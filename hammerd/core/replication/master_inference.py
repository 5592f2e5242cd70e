"""What a stream tells of its master, beside what is read of it: each step of its TID.

    ` W`, or the launch ── Mirror A to B ── ... ── Mirror C to D ── ` W`
            at                                 the master held D, read at `at` or later

    ` W` ── nothing for REST_PROVES_S      the master seems to hold what it held
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

REST_PROVES_S = 10.0
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
    """What was heard since the last rest: the end of the last slice, if any.

    At `rested_at` the stream had not come to that rest. `is_far`: its source half is on another
    host; `answered_at` is before our half answered the batch before this one, `committed_at`
    before it set the slave for the last time. `idle_at` is before the last rest was heard of, and
    a look after `checked_at` found nothing to copy, but for what waited on the way.
    """

    rested_at: float
    is_far: bool = False
    slice_end: Tid | None = None
    answered_at: float | None = None
    committed_at: float | None = None
    idle_at: float | None = None
    is_resting: bool = False
    is_quirk: bool = False
    checked_at: float | None = None

    def hear(
        self, message: Message, unsaid_at: float
    ) -> tuple["MasterInference", Observation | None]:
        """Take in one more message, not said yet at `unsaid_at`; return what it shows."""
        match message:
            case Batch():
                return self._begun(message)
            case Committed():
                return replace(self, committed_at=unsaid_at, is_resting=False), None
            case NoWork() if not self.is_quirk and self.slice_end is None:
                at = self.rested_at if self.idle_at is None else self.idle_at
                return replace(self, is_resting=False, checked_at=at), None
            case WentIdle():
                seen = self.slice_end and Observation(self.slice_end, self.rested_at)
                return self._rested(unsaid_at), seen or None
            case Complaint() | Remark():
                return self, None
            case NoWork() | Prescan() | PrescanDone() | Progress() | SliceWritten() | LostLink():
                return replace(self, is_resting=False), None
            case _:
                assert_never(message)

    def seems_held_at(self, now_at: float) -> float | None:
        """Return until when the master seems to hold its TID, None where its stream is at work.

        Its stream has not woken, or found nothing. A host that is gone is silent, too.
        """
        at = now_at - REST_PROVES_S
        is_at_rest = self.is_resting and self.idle_at is not None and at >= self.idle_at
        return at if is_at_rest else self.checked_at

    def _begun(self, batch: Batch) -> tuple["MasterInference", Observation | None]:
        heard = replace(self, is_resting=False)
        if batch.end <= batch.begin:
            return replace(heard, is_quirk=batch.bulk_bytes == QUIRK_BYTES), None
        heard = replace(heard, answered_at=self.committed_at)
        if batch.bulk_bytes is None:
            return heard, Observation(batch.end, self.rested_at)
        return replace(heard, slice_end=batch.end), None

    def _rested(self, unsaid_at: float) -> "MasterInference":
        at = self.answered_at if self.is_far else unsaid_at
        rested_at = self.rested_at if at is None else max(at, self.rested_at)
        rest = MasterInference(
            rested_at, self.is_far, None, self.answered_at, self.committed_at, unsaid_at
        )
        return replace(rest, is_resting=True, checked_at=self.checked_at)
