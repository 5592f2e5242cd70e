"""Feeds what was read of ends into the readings, and tells what happened to an end.

An end that cannot be read is told once, and once more when it can; an anomaly when it is found.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from hammerd.core.hammer.messages import Complaint, Cure
from hammerd.core.hammer.pfs_links import is_untranslated_link
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair.probe_verdict import MasterByLink, ProbeFailed, in_disguise
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.core.replication.anomaly_log import Anomaly, AnomalyName
from hammerd.core.replication.read_order import ReadSpan
from hammerd.core.tid import Tid, format_tid
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.paths.path_state import PathState
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.readings.unknowns import WentBack

NO_NULL_MOUNT = "it leads to the root PFS of a file system, its null mount is missing"

OnSlaveMoved = Callable[[Endpoint, Tid, Tid], None]
"""Hears of a slave's step that no stream of ours took: from which TID to which."""


@dataclass(frozen=True, slots=True)
class Turned:
    """The path of an end led to `before`, and leads to `after` now."""

    end: Endpoint
    before: str
    after: str


class ReadingIngest:
    """Takes readings in, whoever asked for them."""

    def __init__(
        self, readings: ReadingStore, anomaly_detector: AnomalyDetector, journal: Journal
    ) -> None:
        self._readings = readings
        self._anomaly_detector = anomaly_detector
        self._journal = journal
        self._uuids: dict[Endpoint, str] = {}
        self._taken: dict[Endpoint, ReadSpan] = {}
        self._real: dict[Endpoint, str] = {}
        self.on_anomaly: Callable[[], None] = lambda: None
        self.on_slave_moved: OnSlaveMoved = lambda _slave, _before, _after: None

    def unique_uuid(self, end: Endpoint) -> str | None:
        """Return an end's unique-uuid, None before it was ever read."""
        return self._uuids.get(end)

    def forget_all_but(self, ends: Collection[Endpoint]) -> None:
        """Forget ends that no pair has any more."""
        self._uuids = {end: uuid for end, uuid in self._uuids.items() if end in ends}
        self._taken = {end: span for end, span in self._taken.items() if end in ends}
        self._real = {end: real for end, real in self._real.items() if end in ends}

    def belongs(self, slave: Endpoint, status: PfsStatus) -> None:
        """Remember that the PFS at a slave's path is one of its master."""
        if self._anomaly_detector.add_disks(slave, status.unique_uuid):
            self.on_anomaly()

    def take(
        self, readings: Iterable[EndpointReading], pairs: Iterable[Pair]
    ) -> tuple[Turned, ...]:
        """Take in what was read of the ends of these pairs, in this order.

        Return those to which a link was turned since they were last read.
        """
        pairs = tuple(pairs)
        masters = {pair.master for pair in pairs}
        slaves = {pair.slave for pair in pairs}
        turned: list[Turned] = []
        readings = tuple(readings)
        disguised = in_disguise(pairs, {one.end: one.seen for one in readings})
        for reading in readings:
            turned += self._follow(reading)
            if isinstance(reading.seen, ProbeFailed):
                self._failed(reading.end, reading.seen)
                if reading.end in slaves:
                    self._missing(reading, reading.seen)
                continue
            if isinstance(reading.seen, MasterByLink):
                self._promoted(reading)
                continue
            if reading.end in disguised:
                # Its pair waits for the mount, and tells so.
                self._readings.unread(reading.end, NO_NULL_MOUNT)
                continue
            self._compare(reading, reading.seen)
            if reading.end in slaves:
                self._slave(reading, reading.seen)
            if reading.end in masters:
                self._master(reading, reading.seen, pairs)

        return tuple(turned)

    def _follow(self, reading: EndpointReading) -> Iterable[Turned]:
        """Tell when a path leads elsewhere than before; one that leads nowhere tells nothing."""
        seen, end = reading.at_path, reading.end
        if seen is None or not seen.end.exists:
            return
        before = self._real.get(end, seen.real)
        self._real[end] = seen.real
        if before != seen.real:
            self._journal.log.warning(
                "end.repointed",
                end=str(end),
                before=before,
                after=seen.real,
                hint="the pairs of this end follow it",
            )
            yield Turned(end, before, seen.real)

    def _promoted(self, reading: EndpointReading) -> None:
        """Tell of a slave that is a master now; it is as it was read last in all else."""
        self._look(reading)
        last = self._anomaly_detector.last_status(reading.end)
        if last is not None:
            now = replace(last, is_master=True)
            for anomaly in self._anomaly_detector.compare(reading.end, now, reading.began.at):
                self._tell(anomaly)

    def _compare(self, reading: EndpointReading, status: PfsStatus) -> None:
        end = reading.end
        if self._taken.get(end) == reading.span:
            return  # one batch answered two who asked
        self._taken[end] = reading.span
        if self._readings.is_unreadable(end):
            self._journal.log.info("end.read_again", end=str(end))
        if self._anomaly_detector.is_replaced(end, status):
            self._readings.replaced(end)
        self._uuids[end] = status.unique_uuid
        if (before := self._anomaly_detector.take_swap(end, status)) is not None:
            self.on_anomaly()
            self._journal.log.info(
                "slave.swapped", end=str(end), before=before, after=status.unique_uuid
            )
            return
        for anomaly in self._anomaly_detector.compare(end, status, reading.began.at):
            self._tell(anomaly)
        if (jump := self._anomaly_detector.take_jump(end)) is not None:
            self.on_slave_moved(end, *jump)

    def _slave(self, reading: EndpointReading, status: PfsStatus) -> None:
        self._look(reading)
        back = self._readings.slave_read(reading.end, status.sync_end_tid, reading.span)
        # The TID of a master is that of its file system: what is no slave cannot go back as one.
        if back is None or status.is_master:
            return
        if not back.because:
            self._went_back(AnomalyName.SLAVE_TID_WENT_BACK, reading, back)
            return
        self.rolled_back(reading.end, back)

    def rolled_back(self, slave: Endpoint, back: WentBack) -> None:
        """Tell of a slave that has less than before, and why that is as it must be."""
        self._journal.log.info(
            "slave.rolled_back",
            end=str(slave),
            before=format_tid(back.before),
            after=format_tid(back.after),
            because=back.because,
        )

    def _look(self, reading: EndpointReading) -> None:
        """Take in what a look at a slave's path told, before the reading itself."""
        seen, at = reading.at_path, reading.looked_at
        if seen is None:
            return
        self._readings.slaves.lives_on(reading.end, _where(seen))
        is_read_only = seen.look.is_read_only
        if is_read_only is not None and at is not None:
            self._readings.slaves.read_only(reading.end, is_read_only=is_read_only, began_at=at)

    def _missing(self, reading: EndpointReading, failure: ProbeFailed) -> None:
        """Tell a slave whose PFS is gone from one whose file system is not mounted."""
        seen, why = reading.at_path, failure.why
        if seen is None or not isinstance(why, Complaint) or why.cure is not Cure.MOUNT:
            return
        is_untranslated = is_untranslated_link(seen.end.link_text)
        if is_untranslated or not seen.end.exists:
            where = _where(seen)
            self._readings.slaves.missing(reading.end, where, is_untranslated=is_untranslated)

    def _master(self, reading: EndpointReading, status: PfsStatus, pairs: Iterable[Pair]) -> None:
        tid = status.sync_end_tid
        self._readings.has_role(reading.end, is_master=status.is_master)
        back = self._readings.master_read(reading.end, tid, reading.began, reading.span)
        if back is None:
            return
        self._went_back(AnomalyName.MASTER_TID_WENT_BACK, reading, back)
        # A slave that is a master, too, goes back with its host, and along the same history.
        for pair in pairs if status.is_master else ():
            if pair.master == reading.end:
                self._readings.slaves.forked(pair.slave, back.after)

    def _went_back(self, name: AnomalyName, reading: EndpointReading, back: WentBack) -> None:
        before, after = format_tid(back.before), format_tid(back.after)
        self._tell(
            self._anomaly_detector.log.add(name, reading.end, before, after, reading.began.at)
        )

    def _tell(self, anomaly: Anomaly) -> None:
        self.on_anomaly()
        self._journal.log.warning(
            anomaly.name.value,
            end=str(anomaly.endpoint),
            before=anomaly.before,
            after=anomaly.after,
        )

    def _failed(self, end: Endpoint, failure: ProbeFailed) -> None:
        why = failure.why
        because, hint = (
            (why.name, why.hint) if isinstance(why, Complaint) else (why.value, failure.detail)
        )
        text = why.text if isinstance(why, Complaint) else because
        if self._readings.unread(end, text):
            self._journal.log.warning(
                "end.unreadable", end=str(end), because=because, hint=hint or None
            )


def _where(seen: PathState) -> int | None:
    """Return the file system of a path's directory, None where that is not there."""
    return seen.file_system[-1] if seen.file_system else None
