"""What the engine needs of the rest of the daemon: one Protocol for each collaborator.

The daemon passes its own classes: Streams, Sampler, ReadingStore and Journal. The random histories
in tests/daemon/supervisor/ pass fakes, so that they run on the real engine.
"""

from collections.abc import Mapping
from typing import Protocol

from hammerd.core.pair.events import Note
from hammerd.core.pair.latches import Latch
from hammerd.core.pair.slave_claims import Claim
from hammerd.core.pair.states import PairLife
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.lag import Lag, SlaveReading
from hammerd.core.replication.tid_clock import TidClock
from hammerd.core.tid import Tid
from hammerd.daemon.logging.setup import Logger


class LiveStream(Protocol):
    """A stream's process group, as a report names it."""

    @property
    def pgid(self) -> int:
        """The id of the group."""

    @property
    def halves(self) -> Mapping[int, object]:
        """Both halves by pid, in the order in which they were forked."""


class StreamRunner(Protocol):
    """Starts and ends streams; posts what they do as events."""

    def launch(
        self, pair: str, argv: tuple[str, ...], env: Mapping[str, str], claim: Claim
    ) -> int:
        """Start a stream and return its group's id.

        Raises:
            SpawnError: the program could not be started; there is no group.
        """

    def of(self, pair: str) -> LiveStream | None:
        """Return the stream of a pair, None when it has none."""

    def terminate(self, pair: str) -> None:
        """Tell a pair's group to end; GroupEmpty follows."""

    def kill(self, pair: str) -> None:
        """End a pair's group by force; GroupEmpty follows."""


class Prober(Protocol):
    """Asks both ends of a pair; answers with ProbeAnswered or ForeignSeen."""

    def probe(self, pair: Pair) -> None:
        """Start a probe, unless one of this pair is under way."""

    def glance(self, pair: Pair) -> None:
        """Look whether both ends are what was read last; answers with Glanced."""

    def slave_keys(self, pair: Pair) -> frozenset[str]:
        """Return all by which the pair's slave is known."""

    def as_targets(self, pair: Pair) -> Pair:
        """Return the pair with both ends as a stream must be given them."""


class LagReadings(Protocol):
    """Keeps what was read of each end; tells the lag that follows from it."""

    def committed(self, slave: Endpoint, tid: Tid, at: float) -> None:
        """Record a TID that the stream says it has set the slave to."""

    def latched(self, pair: Pair, latch: Latch | None) -> None:
        """Record that a pair's ends diverged; None when nothing is latched."""

    def clock(self, master: Endpoint) -> TidClock:
        """Return a master's tid clock, an empty one before it was read."""

    def slave(self, slave: Endpoint) -> SlaveReading | None:
        """Return the last reading of a slave."""

    def lag(self, pair: Pair, now_at: float) -> Lag:
        """Return a pair's lag."""

    def why_unknown(self, pair: Pair) -> str | None:
        """Return why a pair's lag is not known now, None when it is."""

    def why_unsafe(self, pair: Pair, lag: Lag) -> str | None:
        """Return why nothing is reported as safe on a slave, None where something is."""


class TransitionWriter(Protocol):
    """Writes transitions and notes of pairs to the log."""

    @property
    def log(self) -> Logger:
        """The daemon's own log, for what no pair did."""

    def stepped(self, before: PairLife, life: PairLife, now_at: float) -> None:
        """Log a pair's transition, if the step was one."""

    def noted(self, life: PairLife, note: Note) -> None:
        """Log a note: the state stays the same."""
