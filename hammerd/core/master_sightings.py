"""What a stream from another host tells of its master, which nobody here can ask.

    ` W`, or the launch ── Mirror A to B ── ... ── Mirror C to D ── ` W`
            at                                 the master held D, read at `at` or later

Between two rests the source half reads its master's TID once and copies up to it, in slices; so
the end of the last slice is what the master held, and it was read after the rest before. A batch
without work may be the quirk of HAMMER.md §9.4 and shows nothing.
"""

from dataclasses import dataclass, replace

from hammerd.core.stream_sayings import Batch, Idle, Saying
from hammerd.core.tid import Tid


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

    def hear(self, saying: Saying, now_at: float) -> tuple["Listening", Sighting | None]:
        """Take in one more saying; return what it shows of the master."""
        match saying:
            case Batch(begin, end) if end > begin:
                return replace(self, slice_end=end), None
            case Idle():
                seen = self.slice_end and Sighting(self.slice_end, self.rested_at)
                return Listening(now_at), seen or None
            case _:
                return self, None
