"""What a reading of a slave and a look at its path make of what is known of it."""

from collections.abc import Mapping

import pytest

from hammerd.core.config.model import LogFormat, LogLevel
from hammerd.core.hammer.output_parser import find_cause
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair.probe_verdict import FileStat, PathStat, ProbeFailed, ProbeResult
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.core.tid import Tid
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.logging.setup import LogStyle, make_logger
from hammerd.daemon.paths.path_state import PathState
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.readings.ingest import ReadingIngest
from hammerd.daemon.readings.store import MaxAges, ReadingStore
from hammerd.daemon.timing.clock import Instant

MASTER, SLAVE = Endpoint("/a/pfs/m"), Endpoint("/b/pfs/s")
PAIR = Pair("pair", MASTER, SLAVE)
HOME, BENEATH = 7, 8
DIRECTORY = FileStat(exists=True, is_directory=True)


class Feed:
    """A feed whose log is kept."""

    def __init__(self) -> None:
        self.told: list[Mapping[str, object]] = []
        style = LogStyle(LogFormat.LOGFMT, LogLevel.INFO)
        log = make_logger(lambda *_: None, style, lambda _level, event: self.told.append(event))
        self.readings = ReadingStore(MaxAges(1e9, 1e9))
        self.feed = ReadingIngest(self.readings, AnomalyDetector(), Journal(log, log))

    def read(self, end: Endpoint, at: float, seen: ProbeResult, at_path: PathState) -> None:
        reading = EndpointReading(
            end, Instant(at, 1.8e9 + at), seen, at + 0.1, int(at), at_path, at
        )
        self.feed.take((reading,), (PAIR,))

    def reads_both(self, at: float, tid: int, *, is_read_only: bool = False) -> None:
        self.read(SLAVE, at, status(tid), found("@@0x1:00001", is_read_only=is_read_only))
        self.read(MASTER, at + 0.2, status(tid, is_master=True), found("@@-1:00001"))

    def misses_slave(self, at: float, at_path: PathState) -> None:
        complaint = find_cause(b"hammer: Failed to open /b/pfs: No such file or directory\n")
        assert complaint is not None
        self.read(SLAVE, at, ProbeFailed(complaint, at_path.stat), at_path)

    def safe_at(self, now_at: float) -> float | None:
        return self.readings.lag(PAIR, now_at).safe_at

    def events(self) -> list[object]:
        return [each["event"] for each in self.told]


def status(tid: int, *, is_master: bool = False) -> PfsStatus:
    unique = "master" if is_master else "slave"
    return PfsStatus("", 1, Tid(tid), "shared", unique, is_master)


def found(text: str, *, is_read_only: bool = False, where: int = HOME) -> PathState:
    link = FileStat(exists=True, is_symlink=True, link_text=text, device=where)
    look = PathStat("", link, DIRECTORY, is_read_only)
    return PathState(
        look, "", where, "", is_pfs_link=True, real_file=link, file_system=(where, where)
    )


def missing(where: int | None) -> PathState:
    above = FileStat(exists=False) if where is None else DIRECTORY
    nothing = FileStat(exists=False)
    return PathState(PathStat("", nothing, above), "", where, file_system=(None, where))


@pytest.fixture
def feed() -> Feed:
    made = Feed()
    made.reads_both(100, 10)
    made.reads_both(130, 10)
    assert made.safe_at(131) == pytest.approx(130.2 - 52)
    return made


@pytest.mark.parametrize(
    ("at_path", "is_gone"),
    [
        (found("@@PFS00001"), True),
        (missing(HOME), True),
        (missing(BENEATH), False),
        (missing(None), False),
    ],
    ids=["untranslated link", "no link", "not mounted", "not even a directory"],
)
def test_slave_whose_pfs_is_gone_is_told_from_one_that_is_not_mounted(
    feed: Feed, at_path: PathState, *, is_gone: bool
) -> None:
    feed.misses_slave(160, at_path)

    assert (feed.safe_at(161) is None) == is_gone


def test_slave_that_comes_back_from_a_mount_with_less_is_explained(feed: Feed) -> None:
    feed.misses_slave(160, missing(None))
    feed.read(SLAVE, 190, status(5), found("@@0x1:00001"))

    assert "slave.rolled_back" in feed.events()
    assert "slave.tid_went_back" not in feed.events()


def test_slave_that_goes_back_without_a_reason_is_an_anomaly(feed: Feed) -> None:
    feed.read(SLAVE, 190, status(5), found("@@0x1:00001"))

    assert "slave.tid_went_back" in feed.events()
    assert "slave.rolled_back" not in feed.events()


def test_what_is_told_on_a_lost_disk_is_not_believed(feed: Feed) -> None:
    before = feed.safe_at(131)
    feed.reads_both(160, 20, is_read_only=True)
    feed.reads_both(190, 20, is_read_only=True)
    feed.reads_both(300, 20, is_read_only=True)

    lag = feed.readings.lag(PAIR, 301)
    assert (lag.seconds, lag.safe_at) == (None, before)
    assert "read-only" in (feed.readings.why_unknown(PAIR, 301) or "")
