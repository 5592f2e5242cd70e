"""Holds what is known of the slaves that take turns, by their unique-uuids.

The store knows a slave by its path and forgets it when another one is there. This keeps each: what
the last readings proved of it, and since when it is there or away. Disks may change their paths.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import assert_never

from hammerd.core.hammer.messages import Complaint, Cure
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair.probe_verdict import MasterByLink, ProbeFailed, ProbeResult
from hammerd.core.pairs import Endpoint, Pair, slaves_of, turns_of
from hammerd.core.replication.lag import LagVerdict
from hammerd.core.rotation import rotating_slave
from hammerd.core.rotation.rotating_slave import UNPROVEN, Moments, RotatingSlave
from hammerd.core.tid import Tid, format_tid
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.readings.unknowns import WentBack
from hammerd.daemon.timing.clock import Clock

MAX_SLAVES = 16
"""The number of slaves of a pair that are kept; of more, those that are away for longest go."""

_WAS_AWAY = "its disk was away: commits that no flush had followed may be lost"

OnRolledBack = Callable[[Endpoint, WentBack], None]

Known = Mapping[str, tuple[RotatingSlave, ...]]
"""The slaves of each pair, by its name."""


class Rotations:
    """The slaves of all pairs whose slaves take turns."""

    def __init__(self, store: ReadingStore, clock: Clock, log: Logger) -> None:
        self._store = store
        self._clock = clock
        self._log = log
        self._known: dict[str, dict[str, RotatingSlave]] = {}
        self._pairs: dict[str, Pair] = {}
        self.on_rolled_back: OnRolledBack = lambda _slave, _back: None
        self.on_moved: Callable[[], None] = lambda: None
        self.on_away: Callable[[Endpoint], None] = lambda _slave: None

    def of(self, pair: Pair, *, was_promoted: bool = False) -> tuple[RotatingSlave, ...]:
        """Return the slaves of a pair that take turns, in the order in which they were found.

        `was_promoted`: the slave that has its turn was a master, and is not read any more.
        """
        if not pair.rotate.takes_turns:
            return ()
        known, ahead_s = self._known.get(pair.name, {}).values(), self._wall_ahead_s()
        slaves = [rotating_slave.fit_wall_clock(one, ahead_s) for one in known]
        here = [one for one in slaves if one.path == pair.slave.path] if was_promoted else []
        promoted = max(here, key=lambda one: one.seen_at, default=None)
        return tuple(replace(one, moments=UNPROVEN) if one is promoted else one for one in slaves)

    # --- readings --------------------------------------------------------------------------------

    def record(self, pair: Pair, seen: Mapping[Endpoint, ProbeResult]) -> None:
        """Record what was just read of the slaves of a pair; the store has recorded it before."""
        if not pair.rotate.takes_turns:
            return
        master, found = seen.get(pair.master), set[str]()
        for turn in turns_of(pair):
            result = seen.get(turn.slave)
            if not (isinstance(result, PfsStatus) and _is_slave(turn, master, result)):
                self._record_other(turn, result)
            elif result.unique_uuid not in found:
                # Two paths may lead to one slave.
                found.add(result.unique_uuid)
                self._leave(turn, but=result.unique_uuid)
                self._record_present(turn, result)

    def _record_present(self, pair: Pair, status: PfsStatus) -> None:
        """Record a slave that was read, and what is proven of it by now."""
        slaves, slave, now = self._store.slaves, pair.slave, self._clock.now()
        known = self._known.setdefault(pair.name, {}).get(status.unique_uuid)
        is_new_here = known is None or not known.is_present or known.path != slave.path
        if known is not None:
            known = self._took_over(known, slave, is_new_here=is_new_here)
        tids = slaves.of(slave)
        is_current = tids is not None and tids.reading.tid == status.sync_end_tid
        if tids is None or not (is_current or self._store.is_read_only(slave)):
            # A commit came in since: it may be of another disk that is there by now.
            return
        found = RotatingSlave(
            status.unique_uuid,
            slave.path,
            tids.reading.tid,
            seen_at=tids.reading.at,
            since_at=now.at,
            moments=self._proven(pair, now.at),
            durable_tid=tids.durable_tid,
            wall_ahead_s=now.time - now.at,
        )
        self._put(pair, known, found)
        if is_new_here:
            self._report("slave.present", pair, found)

    def _took_over(
        self, known: RotatingSlave, slave: Endpoint, *, is_new_here: bool
    ) -> RotatingSlave:
        """Give the store what it does not know of a slave that has come back, or take it back."""
        slaves = self._store.slaves
        if is_new_here:
            slaves.restore_durable(slave, known.durable_tid)
            if known.forked_tid is not None:
                slaves.record_fork(slave, known.forked_tid)
        elif not slaves.is_forked(slave):
            return replace(known, forked_tid=None)
        return known

    def _proven(self, pair: Pair, now_at: float) -> Moments:
        lag = self._store.lag(pair, now_at)
        if lag.verdict not in (LagVerdict.IN_SYNC, LagVerdict.BEHIND):
            return UNPROVEN
        return Moments(lag.held_at, lag.safe_at, lag.durable_at)

    def _put(self, pair: Pair, known: RotatingSlave | None, found: RotatingSlave) -> None:
        rows = self._known[pair.name]
        rows[found.unique_uuid] = rotating_slave.record_seen(known, found)
        if len(rows) > MAX_SLAVES:
            # The one just found is the newest.
            del rows[min(rows.values(), key=lambda one: one.seen_at).unique_uuid]
        if known is not None and known.tid and rotating_slave.went_back(known, found):
            back = WentBack(known.tid, found.tid or known.tid, _WAS_AWAY)
            self.on_rolled_back(pair.slave, back)

    def _record_other(self, pair: Pair, result: ProbeResult | None) -> None:
        """Record that no slave of the pair was read at a path."""
        match result:
            case ProbeFailed(why=why):
                if isinstance(why, Complaint) and why.cure is Cure.MOUNT:
                    self._leave(pair, is_destroyed=self._store.slaves.is_destroyed(pair.slave))
            case MasterByLink():
                self._leave(pair, is_promoted=True)
            case PfsStatus(is_master=is_master, unique_uuid=uuid):
                is_promoted = is_master and uuid in self._known.get(pair.name, {})
                self._leave(pair, is_promoted=is_promoted)
            case None:
                pass
            case _:
                assert_never(result)

    def _leave(
        self, pair: Pair, *, but: str = "", is_promoted: bool = False, is_destroyed: bool = False
    ) -> None:
        """Record that the slave of a path is not there any more, unless it is `but`."""
        rows, now_at = self._known.get(pair.name, {}), self._clock.now().at
        for one in tuple(rows.values()):
            if not one.is_present or one.path != pair.slave.path or one.unique_uuid == but:
                continue
            self.on_away(pair.slave)
            if is_destroyed:
                del rows[one.unique_uuid]
                self._report("slave.destroyed", pair, one)
                continue
            record = rotating_slave.record_promoted if is_promoted else rotating_slave.record_away
            rows[one.unique_uuid] = left = record(one, now_at)
            self._report("slave.away", pair, left)

    def _report(self, event: str, pair: Pair, slave: RotatingSlave) -> None:
        safe_at = slave.moments.safe_at
        self.on_moved()
        self._log.info(
            event,
            pair=pair.name,
            end=slave.path,
            unique_uuid=slave.unique_uuid,
            tid=None if slave.tid is None else format_tid(slave.tid),
            safe_until=None if safe_at is None else self._clock.rfc3339(safe_at),
        )

    # --- what others know ------------------------------------------------------------------------

    def record_fork(self, master: Endpoint, tid: Tid) -> None:
        """Record that a master went back, also for the slaves that are away."""
        for name, rows in self._known.items():
            if name in self._pairs and self._pairs[name].master == master:
                for uuid, one in rows.items():
                    rows[uuid] = rotating_slave.record_fork(one, tid)

    def acknowledge(self, pair: Pair) -> None:
        """Record that a person has acknowledged the anomalies of a pair."""
        for slave in slaves_of(pair):
            self._store.slaves.acknowledge(slave)
        rows = self._known.get(pair.name, {})
        for uuid, one in rows.items():
            if not rotating_slave.is_ahead(one):
                rows[uuid] = replace(one, forked_tid=None)

    def follow_config(self, pairs: Iterable[Pair]) -> None:
        """Forget the slaves that these pairs, which are all, do not have any more."""
        self._pairs = {pair.name: pair for pair in pairs if pair.rotate.takes_turns}
        self._known = {
            name: {uuid: one for uuid, one in rows.items() if _is_of(self._pairs[name], one)}
            for name, rows in self._known.items()
            if name in self._pairs
        }

    # --- saved values ----------------------------------------------------------------------------

    def saved(self) -> Known:
        """Return the slaves to be saved."""
        return {name: tuple(rows.values()) for name, rows in self._known.items()}

    def load(self, known: Known) -> None:
        """Load what an earlier run saved; each slave is away until it is read."""
        for name, slaves in known.items():
            self._known[name] = {one.unique_uuid: replace(one, is_present=False) for one in slaves}
        self.follow_config(tuple(self._pairs.values()))

    def _wall_ahead_s(self) -> float:
        now = self._clock.now()
        return now.time - now.at


def _is_slave(pair: Pair, master: ProbeResult | None, slave: PfsStatus) -> bool:
    """Return whether a PFS is a slave of the pair's master that takes turns."""
    is_kin = not isinstance(master, PfsStatus) or master.shared_uuid == slave.shared_uuid
    return is_kin and not slave.is_master and pair.rotate.accepts(slave.unique_uuid)


def _is_of(pair: Pair, slave: RotatingSlave) -> bool:
    paths = {one.path for one in slaves_of(pair)}
    return slave.path in paths and pair.rotate.accepts(slave.unique_uuid)
