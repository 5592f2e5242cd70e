"""Records readings of endpoints in the store, and logs what happened to an endpoint.

An endpoint that cannot be read is logged once, and again when it can be; an anomaly when found.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import assert_never

from hammerd.core.hammer.messages import Complaint, Cure
from hammerd.core.hammer.pfs_links import is_untranslated_link
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair.probe_verdict import MasterByLink, ProbeFailed, unmounted_endpoints
from hammerd.core.pairs import NO_ROTATION, Endpoint, Pair, Rotation
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.core.replication.anomaly_log import Anomaly, AnomalyName, concerns
from hammerd.core.replication.read_order import ReadSpan
from hammerd.core.tid import Tid, format_tid
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.paths.path_state import PathState
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.readings.unknowns import WentBack

NO_NULL_MOUNT = "it leads to the root PFS of a file system, its null mount is missing"

OnSlaveMoved = Callable[[Endpoint, Tid, Tid], None]
"""Called with the TIDs before and after a step of a slave that no stream of ours made."""

OnMasterWentBack = Callable[[Endpoint, Tid], None]
"""Called with a master and the TID to which it went back."""


@dataclass(frozen=True, slots=True)
class Repointed:
    """The path of an endpoint led to `before`, and leads to `after` now."""

    endpoint: Endpoint
    before: str
    after: str


class ReadingIngest:
    """Records readings, of samples and of probes."""

    def __init__(self, store: ReadingStore, detector: AnomalyDetector, journal: Journal) -> None:
        self._store = store
        self._detector = detector
        self._log = journal.log
        self._uuids: dict[Endpoint, str] = {}
        self._spans: dict[Endpoint, ReadSpan] = {}
        self._real_paths: dict[Endpoint, str] = {}
        self._rotations: dict[Endpoint, Rotation] = {}
        self.on_anomaly: Callable[[], None] = lambda: None
        self.all_pairs: Callable[[], Iterable[Pair]] = tuple
        self.on_slave_moved: OnSlaveMoved = lambda _slave, _before, _after: None
        self.on_master_went_back: OnMasterWentBack = lambda _master, _tid: None

    def unique_uuid(self, endpoint: Endpoint) -> str | None:
        """Return an endpoint's unique-uuid; before it is read, the one that was saved, or None."""
        if endpoint in self._uuids:
            return self._uuids[endpoint]
        last = self._detector.last_status(endpoint)
        return last.unique_uuid if last else None

    def forget_all_but(self, endpoints: Collection[Endpoint]) -> None:
        """Forget endpoints that no pair has any more."""
        for known in (self._uuids, self._spans, self._real_paths, self._rotations):
            for removed in known.keys() - set(endpoints):
                known.pop(removed)

    def confirm_slave(self, slave: Endpoint, status: PfsStatus) -> None:
        """Record that the PFS at a slave's path is a slave of its master."""
        if self._detector.add_disks(slave, status.unique_uuid):
            self.on_anomaly()

    def record(
        self, readings: Iterable[EndpointReading], pairs: Iterable[Pair]
    ) -> tuple[Repointed, ...]:
        """Record readings of the endpoints of these pairs, in this order.

        Return the endpoints with a link that was changed since they were last read.
        """
        pairs, readings = tuple(pairs), tuple(readings)
        slaves = {pair.slave for pair in pairs}
        self._rotations |= {pair.slave: pair.rotate for pair in pairs}
        followers: dict[Endpoint, list[Pair]] = {}
        for pair in pairs:
            followers.setdefault(pair.master, []).append(pair)
        disguised = unmounted_endpoints(pairs, {one.endpoint: one.seen for one in readings})
        repointed: list[Repointed] = []
        for reading in readings:
            repointed += self._follow_links(reading)
            if reading.endpoint in disguised:
                # Its pair waits for the mount, and shows that.
                self._store.record_unreadable(reading.endpoint, NO_NULL_MOUNT)
            else:
                own = followers.get(reading.endpoint, ())
                self._record_one(reading, own, is_slave=reading.endpoint in slaves)
        return tuple(repointed)

    def _record_one(
        self, reading: EndpointReading, followers: Collection[Pair], *, is_slave: bool
    ) -> None:
        """Record a reading of the slave of a pair, or of the master of these followers."""
        endpoint = reading.endpoint
        match reading.seen:
            case ProbeFailed() as failure:
                self._record_failure(endpoint, failure)
                if is_slave:
                    self._record_missing(reading, failure)
            case MasterByLink():
                self._record_promotion(reading)
            case PfsStatus() as status:
                self._compare(reading, status, is_slave=is_slave)
                if is_slave:
                    self._record_slave(reading, status)
                if followers:
                    self._record_master(reading, status, followers)
            case _:
                assert_never(reading.seen)

    def _follow_links(self, reading: EndpointReading) -> Iterable[Repointed]:
        """Yield an endpoint whose path leads elsewhere than before; to nothing is no change."""
        endpoint, state = reading.endpoint, reading.path_state
        if state is None or not state.real_file.exists:
            return
        before, after = self._real_paths.get(endpoint, state.real), state.real
        self._real_paths[endpoint] = after
        if before != after:
            hint = "the pairs of this end follow it"
            self._log.warning(
                "end.repointed", end=str(endpoint), before=before, after=after, hint=hint
            )
            yield Repointed(endpoint, before, after)

    def _compare(self, reading: EndpointReading, status: PfsStatus, *, is_slave: bool) -> None:
        endpoint, uuid = reading.endpoint, status.unique_uuid
        if self._spans.get(endpoint) == reading.span:
            return  # one batch answered two requests
        self._spans[endpoint] = reading.span
        self._log_read_again(endpoint)
        if because := self._detector.take_cause(endpoint):
            self._explain(endpoint, status, because)
        if self._detector.is_replaced(endpoint, status):
            self._store.forget_pfs(endpoint)
        self._uuids[endpoint] = uuid
        self._note_identity(endpoint, status)
        if (before := self._detector.take_swap(endpoint, status)) is not None:
            self.on_anomaly()
            self._log.info("slave.swapped", end=str(endpoint), before=before, after=uuid)
            return
        began_at = reading.began.at
        for anomaly in self._detector.compare(endpoint, status, began_at, is_slave=is_slave):
            self._report(anomaly)
        if (jump := self._detector.take_jump(endpoint)) is not None:
            self.on_slave_moved(endpoint, *jump)

    def _note_identity(self, endpoint: Endpoint, status: PfsStatus) -> None:
        last = self._detector.last_status(endpoint)
        if last is None or _identity(last) != _identity(status):
            # Saved: the next hammerd compares its first reading with it.
            self.on_anomaly()
        if last is not None and self._takes_turns(endpoint, last, status):
            self._detector.add_disks(endpoint, last.unique_uuid, status.unique_uuid)

    def _log_read_again(self, endpoint: Endpoint) -> None:
        if self._store.is_unreadable(endpoint):
            log = self._log.debug if self._is_rotating(endpoint) else self._log.info
            log("end.read_again", end=str(endpoint))

    def _takes_turns(self, endpoint: Endpoint, last: PfsStatus, now: PfsStatus) -> bool:
        """Return whether another slave of the same master has come to a path as it may."""
        is_another = last.unique_uuid != now.unique_uuid and last.shared_uuid == now.shared_uuid
        rotation = self._rotations.get(endpoint, NO_ROTATION)
        return is_another and not now.is_master and rotation.accepts(now.unique_uuid)

    def _explain(self, endpoint: Endpoint, status: PfsStatus, because: str) -> None:
        """Log what a plan changed at an endpoint, and begin anew with this reading."""
        newest, slave = self._store.clock(endpoint).newest, self._store.slave(endpoint)
        known = newest if status.is_master else slave
        changes = self._detector.changes(endpoint, status, known.tid if known else None)
        for name, before, after in changes:
            change = Anomaly(name, endpoint, before, after, at=0.0)
            self._log_change(self._log.info, change, because)
        if changes:
            self._store.forget_pfs(endpoint)
        self._detector.begin_anew(endpoint, status)

    def _record_slave(self, reading: EndpointReading, status: PfsStatus) -> None:
        self._record_path(reading)
        # The TID of a master is that of its file system: only the TID of a slave can go back.
        if status.is_master:
            return
        tid, slaves = status.sync_end_tid, self._store.slaves
        back = slaves.record_reading(reading.endpoint, tid, reading.span)
        if back is None:
            return
        if back.because:
            self.log_rollback(reading.endpoint, back)
        else:
            self._went_back(AnomalyName.SLAVE_TID_WENT_BACK, reading, back)

    def log_rollback(self, slave: Endpoint, back: WentBack) -> None:
        """Log that a slave has a lower TID than before, for a reason that explains it."""
        self._log.info(
            "slave.rolled_back",
            end=str(slave),
            before=format_tid(back.before),
            after=format_tid(back.after),
            because=back.because,
        )

    def _record_promotion(self, reading: EndpointReading) -> None:
        """Record that a slave is a master now; all else is as it was read last."""
        self._record_path(reading)
        last = self._detector.last_status(reading.endpoint)
        if last is not None:
            now = replace(last, is_master=True)
            if because := self._detector.take_cause(reading.endpoint):
                self._explain(reading.endpoint, now, because)
            compared = self._detector.compare(
                reading.endpoint, now, reading.began.at, is_slave=True
            )
            for anomaly in compared:
                self._report(anomaly)

    def _record_path(self, reading: EndpointReading) -> None:
        """Record the state of a slave's path, before the reading itself."""
        slave, state, at = reading.endpoint, reading.path_state, reading.path_asked_at
        if state is None:
            return
        self._store.slaves.record_file_system(slave, _file_system(state))
        is_read_only = state.stat.is_read_only
        if is_read_only is not None and at is not None:
            self._store.slaves.record_read_only(slave, is_read_only=is_read_only, began_at=at)

    def _record_missing(self, reading: EndpointReading, failure: ProbeFailed) -> None:
        """Record whether the PFS of a slave is missing, or its file system is not mounted."""
        slave, state, why = reading.endpoint, reading.path_state, failure.why
        if state is None or not isinstance(why, Complaint) or why.cure is not Cure.MOUNT:
            return
        is_untranslated = is_untranslated_link(state.real_file.link_text)
        if is_untranslated or not state.real_file.exists:
            where = _file_system(state)
            self._store.slaves.record_missing(slave, where, is_untranslated=is_untranslated)

    def _record_master(
        self, reading: EndpointReading, status: PfsStatus, followers: Iterable[Pair]
    ) -> None:
        master, tid = reading.endpoint, status.sync_end_tid
        self._store.set_role(master, is_master=status.is_master)
        back = self._store.record_master_reading(master, tid, reading.began, reading.span)
        if back is None:
            return
        self._went_back(AnomalyName.MASTER_TID_WENT_BACK, reading, back)
        # The slave of another pair goes back with its host, but along the same history: no fork.
        for pair in followers if status.is_master else ():
            self._store.slaves.record_fork(pair.slave, back.after)
        if status.is_master:
            self.on_master_went_back(master, back.after)

    def _went_back(self, name: AnomalyName, reading: EndpointReading, back: WentBack) -> None:
        before, after = format_tid(back.before), format_tid(back.after)
        self._report(
            self._detector.log.add(name, reading.endpoint, before, after, reading.began.at)
        )

    def _report(self, anomaly: Anomaly) -> None:
        self.on_anomaly()
        self._log_change(self._log.warning, anomaly)

    def _log_change(
        self, log: Callable[..., object], change: Anomaly, because: str | None = None
    ) -> None:
        """Log a change once for each pair of its endpoint, so that the history of each has it."""
        names = dict.fromkeys(pair.name for pair in self.all_pairs() if concerns(change, pair))
        for name in names or (None,):
            log(
                change.name.value,
                end=str(change.endpoint),
                before=change.before,
                after=change.after,
                because=because,
                pair=name,
            )

    def _record_failure(self, endpoint: Endpoint, failure: ProbeFailed) -> None:
        why = failure.why
        if isinstance(why, Complaint):
            because, hint, text = why.name, why.hint, why.text
        else:
            because, hint, text = why.value, failure.detail, why.value
        if not self._store.record_unreadable(endpoint, text):
            return
        is_mount = isinstance(why, Complaint) and why.cure is Cure.MOUNT
        # A disk that is away is no fault if others take turns with it: slave.away tells of it.
        is_away = is_mount and self._is_rotating(endpoint)
        log = self._log.debug if is_away else self._log.warning
        log("end.unreadable", end=str(endpoint), because=because, hint=hint or None)

    def _is_rotating(self, endpoint: Endpoint) -> bool:
        return self._rotations.get(endpoint, NO_ROTATION).takes_turns


def _identity(status: PfsStatus) -> tuple[object, ...]:
    return status.pfs_id, status.shared_uuid, status.unique_uuid, status.is_master


def _file_system(state: PathState) -> int | None:
    """Return the file system of a path's directory, None where that is missing."""
    return state.file_system[-1] if state.file_system else None
