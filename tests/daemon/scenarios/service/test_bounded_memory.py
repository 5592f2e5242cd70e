"""No part keeps anything of an endpoint or pair that was removed."""

import asyncio
import gc
from collections.abc import Iterable, Iterator
from types import FunctionType, MethodType, ModuleType

import structlog

from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.core.replication.read_order import ReadSpan
from hammerd.core.tid import Tid
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.probe.batch import BatchReader
from hammerd.daemon.probe.disk_space import DiskSpaceWatch
from hammerd.daemon.probe.pfs_status import PfsStatusCommands
from hammerd.daemon.probe.queue import ProbeQueue
from hammerd.daemon.readings.ingest import ReadingIngest
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.timing.clock import Clock
from tests.daemon.probe.test_batch import Disks, Ticks

KEPT = Pair("kept", Endpoint("/x/kept-master"), Endpoint("/y/kept-slave"))
REMOVED = Pair("gone", Endpoint("/x/gone-master"), Endpoint("/y/gone-slave"))
REMOTE = Pair("gone-too", Endpoint("/x/gone-master"), Endpoint("/y/gone-slave", SshHost("gone")))


def texts_of(*parts: object) -> Iterator[str]:
    """Yield each text that can be reached from these parts, except through code."""
    seen: set[int] = set()
    left: list[object] = list(parts)
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, type | ModuleType | FunctionType | MethodType):
            continue
        seen.add(id(one))
        if isinstance(one, str):
            yield one
        # For a dict whose keys are texts gc returns only the values.
        left += [*one, *one.values()] if isinstance(one, dict) else gc.get_referents(one)


def holding(parts: Iterable[object], needle: str) -> list[str]:
    """Return the names of the parts from which a text with this needle can be reached."""
    return [
        type(part).__name__ for part in parts if any(needle in text for text in texts_of(part))
    ]


def test_nothing_is_kept_of_ends_that_no_pair_has_any_more() -> None:
    disks, readings, anomaly_detector = Disks(), ReadingStore(), AnomalyDetector()
    log = structlog.wrap_logger(structlog.PrintLogger(), processors=[_drop])
    journal = Journal(log, log)
    ingest = ReadingIngest(readings, anomaly_detector, journal)
    calls = PfsStatusCommands(disks, "/sbin/hammer", "/root")  # type: ignore[arg-type]
    reader = ProbeQueue(BatchReader(calls, disks, Clock(Ticks())))  # type: ignore[arg-type]
    disk_space = DiskSpaceWatch(disks, journal)  # type: ignore[arg-type]
    parts = (readings, anomaly_detector, ingest, reader, disk_space, journal)

    async def read(*pairs: Pair) -> None:
        ingest.record(await reader.sample(pairs, 20), pairs)
        await disk_space.read(pair.slave for pair in pairs)
        disks.asked.clear()

    asyncio.run(read(KEPT, REMOVED, REMOTE))
    for pair in (KEPT, REMOVED, REMOTE):
        _fill(pair, readings, anomaly_detector)
    assert set(holding(parts, "gone-")) >= {
        "AnomalyDetector",
        "ReadingStore",
        "ReadingIngest",
        "ProbeQueue",
    }

    for part in (readings, anomaly_detector, ingest):
        part.forget_all_but({KEPT.master, KEPT.slave})
    for pair in (REMOVED, REMOTE):
        readings.forget(pair.name)
        anomaly_detector.log.forget(pair.name)
        journal.forget(pair.name)
    asyncio.run(read(KEPT))

    assert holding(parts, "gone-master") == []
    assert holding(parts, "gone-slave") == []
    assert holding(parts, REMOTE.name) == []


def _fill(pair: Pair, readings: ReadingStore, anomaly_detector: AnomalyDetector) -> None:
    """Record everything about a pair's endpoints that can be recorded."""
    for tid in range(1000):
        anomaly_detector.add_announced(pair.slave, Tid(tid))
        anomaly_detector.add_committed(pair.slave, Tid(tid))
        readings.slaves.record_commit(pair.slave, Tid(tid), float(tid))
    anomaly_detector.add_disks(pair.slave, "disk 1", "disk 2")
    readings.record_unreadable(pair.slave, "a reason")
    readings.set_obstacle(pair, "another reason")
    readings.record_master_reading(pair.master, Tid(9), Clock(Ticks()).now(), ReadSpan(1.0, 2.0))


def _drop(_logger: object, _method: str, _event: object) -> str:
    raise structlog.DropEvent
