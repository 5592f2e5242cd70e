"""Updates the keys of claims on slaves after each reading, and reports misdirected streams.

    a reading ────── the slave is another PFS than was claimed ──┐
              ────── another group has claimed that PFS ─────────┼── Misdirected: ended, probed
    a path ───────── a link to an endpoint was changed ──────────┘

A claim is taken by the names known at a launch; a link that is changed, a disk that takes another
one's place, or a uuid that is read late may make two claims one. Of two groups on a slave the
younger is ended; an orphan is ended anyway, and our stream makes way for it.
"""

from collections.abc import Callable, Iterable

from hammerd.core.pair.events import Misdirected
from hammerd.core.pair.slave_claims import SlaveClaims, slave_keys, uuid_of
from hammerd.core.pair.states import MisdirectedCause, Trouble
from hammerd.core.pairs import Endpoint, Pair
from hammerd.daemon.foreign.adoption import OwnStreams
from hammerd.daemon.probe.known_paths import KnownPaths
from hammerd.daemon.readings.ingest import ReadingIngest


class Claims:
    """The claims on slaves, compared with readings."""

    def __init__(
        self, slaves: SlaveClaims, paths: KnownPaths, ingest: ReadingIngest, own: OwnStreams
    ) -> None:
        self._slaves = slaves
        self._paths = paths
        self._unique_uuid = ingest.unique_uuid
        self._own = own
        self.claim_for_plans: Callable[[], None] = lambda: None

    def keys(self, slave: Endpoint) -> frozenset[str]:
        """Return all keys of a slave: the path as written, the path without links, its uuid."""
        return slave_keys(self._paths.names(slave), self._unique_uuid(slave))

    def compare(self, read: Iterable[Pair]) -> None:
        """Update all claims on the slaves of these pairs; end misdirected streams."""
        self.claim_for_plans()
        pairs = {life.pair.name: life.pair for life in self._own.lives()}
        wrong = {name for name, pair in pairs.items() if self._is_another(pair)}
        known = [(self._lasting_keys(pair.slave), self.keys(pair.slave)) for pair in read]
        self._slaves.rekey(known, but=wrong)
        for older, younger in tuple(self._slaves.conflicts()):
            ended, stays = (younger, older) if younger.owner in pairs else (older, younger)
            if ended.owner in pairs and not wrong & {older.owner, younger.owner}:
                wrong.add(ended.owner)
                pair = pairs[ended.owner]
                hint = f"slave {pair.slave} turned out to be the one that {stays.owner} writes to"
                self._post(pair, MisdirectedCause.SLAVE_IS_HELD, hint)

    def report_repointed(self, endpoint: Endpoint, before: str, after: str) -> None:
        """Report to the pairs of an endpoint that a link to it was changed."""
        hint = f"{endpoint} leads to {after} now, and led to {before} when it was last looked at"
        for life in self._own.lives():
            if endpoint in (life.pair.master, life.pair.slave):
                self._post(life.pair, MisdirectedCause.ENDPOINT_REPOINTED, hint)

    def _lasting_keys(self, slave: Endpoint) -> frozenset[str]:
        """Return the keys that do not depend on any link."""
        return slave_keys((self._paths.target(slave),), self._unique_uuid(slave))

    def _is_another(self, pair: Pair) -> bool:
        claim = self._slaves.held_by(pair.name)
        if claim is None:
            return False
        if not slave_keys((self._paths.target(pair.slave),), None) <= claim.keys:
            return True  # a link was changed: that was posted to the pair
        before, now = uuid_of(claim), self._unique_uuid(pair.slave)
        if before is None or now is None or before == now:
            return False
        hint = (
            f"slave {pair.slave} is the PFS with unique-uuid {now} now; the stream was started"
            f" onto {before}"
        )
        is_turn = pair.rotate.accepts(now)
        by = MisdirectedCause.SLAVE_TURN if is_turn else MisdirectedCause.SLAVE_IS_ANOTHER
        self._post(pair, by, hint)
        return True

    def _post(self, pair: Pair, by: MisdirectedCause, hint: str) -> None:
        self._own.post(pair.name, Misdirected(Trouble(by, hint)))
