"""Defines a reading of an endpoint: its result, its beginning and its end."""

from dataclasses import dataclass

from hammerd.core.pair.probe_verdict import ProbeResult
from hammerd.core.pairs import Endpoint
from hammerd.core.replication.read_order import ReadSpan
from hammerd.daemon.paths.path_state import PathState
from hammerd.daemon.timing.clock import Instant


@dataclass(frozen=True, slots=True)
class EndpointReading:
    """A reading that began at `began` and was over at `ended_at`.

    `call` numbers the command that read it: within one command the order of endpoints is the
    order in time. `path_state` is that of its path just before, from a read that was requested
    at `path_asked_at`; both are None where the path could not be read.
    """

    endpoint: Endpoint
    began: Instant
    seen: ProbeResult
    ended_at: float
    call: int
    path_state: PathState | None = None
    path_asked_at: float | None = None

    @property
    def span(self) -> ReadSpan:
        """The time of the reading, to be compared with other readings."""
        return ReadSpan(self.began.at, self.ended_at, self.call)
