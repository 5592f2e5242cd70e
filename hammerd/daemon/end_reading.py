"""One reading of an end: what was seen, and between which moments."""

from dataclasses import dataclass

from hammerd.core.judgement import EndSeen
from hammerd.core.pairs import Endpoint
from hammerd.core.read_spans import ReadSpan
from hammerd.daemon.clock import Instant
from hammerd.daemon.seen import Seen


@dataclass(frozen=True, slots=True)
class EndReading:
    """What was seen of an end, in a reading that began at `began` and is over since `ended_at`.

    `call` numbers the command that read it: within one command the order of ends is the order
    in time. `at_path` is what was at its path just before, in a look that was asked for at
    `looked_at`; None where nobody could look.
    """

    end: Endpoint
    began: Instant
    seen: EndSeen
    ended_at: float
    call: int
    at_path: Seen | None = None
    looked_at: float | None = None

    @property
    def span(self) -> ReadSpan:
        """When it was read, to be compared with other readings."""
        return ReadSpan(self.began.at, self.ended_at, self.call)
