"""Tells pairs of slaves that moved by themselves, and explains those that others moved.

An orphan that is being ended, or another pair of ours under another name of the slave, moves it
while its pair waits: that is no step that nobody explains.
"""

from collections.abc import Callable, Iterable

from hammerd.core.pair.events import Event, SlaveMoved
from hammerd.core.pair.states import PairLife, Streaming
from hammerd.core.pairs import Endpoint
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.core.tid import Tid
from hammerd.daemon.readings.ingest import ReadingIngest
from hammerd.daemon.supervisor.engine import Engine

Lives = Callable[[], Iterable[PairLife]]
Post = Callable[[str, Event], None]


class SlaveMoves:
    """The steps of slaves that no stream of their pair took."""

    def __init__(self, lives: Lives, post: Post, anomaly_detector: AnomalyDetector) -> None:
        self._lives = lives
        self._post = post
        self._anomaly_detector = anomaly_detector
        self._slaves_changed: Callable[[], None] = lambda: None

    def listen(self, feed: ReadingIngest, engine: Engine) -> None:
        """Hear of slaves that moved and that were freed, and tell the engine of orphans."""
        feed.on_slave_moved = self.unexplained
        engine.on_slave_freed = self.slave_freed
        self._slaves_changed = engine.slaves_changed

    def unexplained(self, slave: Endpoint, before: Tid, after: Tid) -> None:
        """Tell the pairs of a slave that it moved, and that nobody knows who moved it."""
        for life in self._lives():
            if life.pair.slave == slave:
                self._post(life.pair.name, SlaveMoved(before, after))

    def slave_freed(self, pair: str) -> None:
        """Note that another owner moved the slave for which a pair has waited."""
        for life in self._lives():
            if life.pair.name == pair:
                self._anomaly_detector.add_known_move(life.pair.slave)

    def orphan_gone(self) -> None:
        """Note that an orphan may have moved any slave without a stream of ours."""
        for life in self._lives():
            if not isinstance(life.state, Streaming):
                self._anomaly_detector.add_known_move(life.pair.slave)
        self._slaves_changed()
