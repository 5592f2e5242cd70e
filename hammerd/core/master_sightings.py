"""What a stream from another host tells of its master, which nobody here can ask.

    ` W`, or the launch ── Mirror A to B ── ... ── Mirror C to D ── ` W`
            at                                 the master held D, read at `at` or later

    ` W` ── nothing for REST_PROVES_S      the master still holds what it held
    ` W` ── Mirror ── No work              the same, read after that ` W`

Between two rests the source half reads its master's TID once and copies up to it, in slices; so
the end of the last slice is what the master held, and it was read after the rest before. A batch
without work may be the quirk of HAMMER.md §9.4 and shows nothing; its size gives it away. A
source half that rests is woken when the TID of its master moves, and speaks after its delay. One
that had nothing to copy since its start does not rest, but looks again and again (§9.5).
"""

from dataclasses import dataclass, replace

from hammerd.core.stream_sayings import Batch, Complaint, Idle, NoWork, Remark, Saying
from hammerd.core.tid import Tid

REST_PROVES_S = 10.0
"""How long a source half on another host may be awake without a word: twice hammer's own delay,
which our options do not reach (HAMMER.md §11)."""


QUIRK_BYTES = 2**64 - 1
"""The size of a batch that looks at nothing."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """The master held `tid`, as read at `at` (monotonic) or later."""

    tid: Tid
    at: float


@dataclass(frozen=True, slots=True)
class Listening:
    """What was heard since the last rest at `rested_at`: the end of the last slice, if any."""

    rested_at: float
    slice_end: Tid | None = None
    is_resting: bool = False
    is_quirk: bool = False
    checked_at: float | None = None

    def hear(self, saying: Saying, now_at: float) -> tuple["Listening", Sighting | None]:
        """Take in one more saying; return what it shows of the master."""
        match saying:
            case Batch(begin, end) if end > begin:
                return replace(self, slice_end=end, is_resting=False), None
            case Batch(bulk_bytes=bulk_bytes):
                is_quirk = bulk_bytes == QUIRK_BYTES
                return replace(self, is_resting=False, is_quirk=is_quirk), None
            case NoWork() if not self.is_quirk and self.slice_end is None:
                return replace(self, is_resting=False, checked_at=self.rested_at), None
            case Idle():
                seen = self.slice_end and Sighting(self.slice_end, self.rested_at)
                heard = Listening(now_at, is_resting=True, checked_at=self.checked_at)
                return heard, seen or None
            case Complaint() | Remark():
                return self, None
            case _:
                return replace(self, is_resting=False), None

    def proven_at(self, now_at: float) -> float | None:
        """Return until when the master certainly held its TID, None where no rest proves it."""
        at = now_at - REST_PROVES_S
        return at if self.is_resting and at >= self.rested_at else self.checked_at
