"""Keys every claim on a slave anew after each reading, and tells the streams that it finds wrong.

    a reading ── the slave is another PFS than was claimed ──┐
              ── another group has claimed that PFS ─────────┼── Misdirected: ended, probed anew
    a look    ── a link to an end was turned ────────────────┘

A claim is taken by what was known at a launch; a link that is turned, a disk that takes another
one's place, or a uuid that is read late may make two claims one. Of two groups on a slave the
younger is ended; a group that a killed hammerd left is ended anyway, and ours makes way for it.
"""

from collections.abc import Iterable

from hammerd.core.pair.events import Misdirected
from hammerd.core.pair.slave_claims import Claim, SlaveClaims, slave_keys, uuid_of
from hammerd.core.pair.states import MisdirectedBy, Trouble
from hammerd.core.pairs import Endpoint, Pair
from hammerd.daemon.foreign.adoption import Ours
from hammerd.daemon.probe.known_paths import KnownPaths
from hammerd.daemon.readings.ingest import ReadingIngest


class Claims:
    """What is claimed, compared with what is read."""

    def __init__(
        self, slaves: SlaveClaims, paths: KnownPaths, feed: ReadingIngest, ours: Ours
    ) -> None:
        self._slaves = slaves
        self._paths = paths
        self._unique_uuid = feed.unique_uuid
        self._ours = ours

    def keys(self, slave: Endpoint) -> frozenset[str]:
        """Return all by which a slave is known: as it is written, without links, its uuid."""
        return slave_keys(self._paths.names(slave), self._unique_uuid(slave))

    def compare(self, read: Iterable[Pair]) -> None:
        """Key all claims on the slaves of these pairs anew; end streams that are found wrong."""
        pairs = {life.pair.name: life.pair for life in self._ours.lives()}
        wrong = {name for name, pair in pairs.items() if self._is_another(pair)}
        known = [(self._lasting_keys(pair.slave), self.keys(pair.slave)) for pair in read]
        self._slaves.rekey(known, but=wrong)
        for older, younger in tuple(self._slaves.conflicts()):
            ended, stays = (younger, older) if younger.owner in pairs else (older, younger)
            if ended.owner in pairs and not wrong & {older.owner, younger.owner}:
                wrong.add(ended.owner)
                self._held(pairs[ended.owner], stays)

    def repointed(self, end: Endpoint, before: str, after: str) -> None:
        """Tell the pairs of an end that a link to it was turned."""
        hint = f"{end} leads to {after} now, and led to {before} when it was last looked at"
        for life in self._ours.lives():
            if end in (life.pair.master, life.pair.slave):
                self._tell(life.pair, MisdirectedBy.END_REPOINTED, hint)

    def _lasting_keys(self, slave: Endpoint) -> frozenset[str]:
        """Return the keys that stay a slave's whatever link is turned."""
        return slave_keys((self._paths.target(slave),), self._unique_uuid(slave))

    def _is_another(self, pair: Pair) -> bool:
        claim = self._slaves.held_by(pair.name)
        if claim is None:
            return False
        if not slave_keys((self._paths.target(pair.slave),), None) <= claim.keys:
            return True  # a link was turned: the pair was told so
        before, now = uuid_of(claim), self._unique_uuid(pair.slave)
        if before is None or now is None or before == now:
            return False
        hint = (
            f"slave {pair.slave} is the PFS with unique-uuid {now} now; the stream was started"
            f" onto {before}"
        )
        self._tell(pair, MisdirectedBy.SLAVE_IS_ANOTHER, hint)
        return True

    def _held(self, pair: Pair, stays: Claim) -> None:
        hint = f"slave {pair.slave} turned out to be the one that {stays.owner} writes to"
        self._tell(pair, MisdirectedBy.SLAVE_IS_HELD, hint)

    def _tell(self, pair: Pair, by: MisdirectedBy, hint: str) -> None:
        self._ours.post(pair.name, Misdirected(Trouble(by, hint)))
