"""One reading of an end: what was seen, and between which moments."""

from dataclasses import dataclass

from hammerd.core.pair.probe_verdict import EndpointSeen
from hammerd.core.pairs import Endpoint
from hammerd.core.replication.read_order import ReadSpan
from hammerd.daemon.paths.path_state import PathState
from hammerd.daemon.timing.clock import Instant


@dataclass(frozen=True, slots=True)
class EndpointReading:
    """What was seen of an end, in a reading that began at `began` and is over since `ended_at`.

    `call` numbers the command that read it: within one command the order of ends is the order
    in time. `at_path` is what was at its path just before, in a look that was asked for at
    `looked_at`; None where nobody could look.
    """

    end: Endpoint
    began: Instant
    seen: EndpointSeen
    ended_at: float
    call: int
    at_path: PathState | None = None
    looked_at: float | None = None

    @property
    def span(self) -> ReadSpan:
        """When it was read, to be compared with other readings."""
        return ReadSpan(self.began.at, self.ended_at, self.call)
