"""Posts SlaveMoved for slaves that moved without a stream of their pair, and notes known causes.

A slave may be moved, while its pair waits, by an orphan that is being ended or by another pair
that names the same slave differently. Such a move is explained. So is one by a foreign stream,
which is looked for first: its pair parks for the stream, and goes on when that has ended.
"""

from collections.abc import Callable, Iterable
from functools import partial

from hammerd.core.pair.events import Event, SlaveMoved
from hammerd.core.pair.states import PairLife, Streaming
from hammerd.core.pairs import Endpoint
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.core.tid import Tid
from hammerd.daemon.readings.ingest import ReadingIngest
from hammerd.daemon.supervisor.engine import Engine

Lives = Callable[[], Iterable[PairLife]]
Post = Callable[[str, Event], None]
UnlessWritten = Callable[[Endpoint, Callable[[], None]], None]
"""Calls back unless a foreign stream onto a slave explains what the slave shows."""


class SlaveMoves:
    """Handles moves of slaves that no stream of their pair made."""

    def __init__(
        self,
        lives: Lives,
        post: Post,
        anomaly_detector: AnomalyDetector,
        unless_written: UnlessWritten,
    ) -> None:
        self._lives = lives
        self._post = post
        self._anomaly_detector = anomaly_detector
        self._unless_written = unless_written
        self._slaves_changed: Callable[[], None] = lambda: None

    def connect(self, ingest: ReadingIngest, engine: Engine) -> None:
        """Set the callbacks for slaves that move and are freed, and for orphans that end."""
        ingest.on_slave_moved = self.slave_moved
        engine.on_slave_freed = self.slave_freed
        self._slaves_changed = engine.slaves_changed

    def slave_moved(self, slave: Endpoint, before: Tid, after: Tid) -> None:
        """Post to the pairs of a slave that it moved, unless a foreign stream may have done it."""
        self._unless_written(slave, partial(self._post_moved, slave, before, after))

    def _post_moved(self, slave: Endpoint, before: Tid, after: Tid) -> None:
        for life in self._lives():
            if life.pair.slave == slave:
                self._post(life.pair.name, SlaveMoved(before, after))

    def slave_freed(self, pair: str) -> None:
        """Note that another owner may have moved the slave that a pair queued for."""
        for life in self._lives():
            if life.pair.name == pair:
                self._anomaly_detector.add_known_move(life.pair.slave)

    def orphan_ended(self) -> None:
        """Note that an orphan may have moved any slave without a stream of its pair."""
        for life in self._lives():
            if not isinstance(life.state, Streaming):
                self._anomaly_detector.add_known_move(life.pair.slave)
        self._slaves_changed()
