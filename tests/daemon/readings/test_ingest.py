"""Tests the effect of a reading of a slave, and of its path, on the stored state."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace

import pytest

from hammerd.core.config.model import LogFormat, LogLevel
from hammerd.core.hammer.output_parser import find_cause
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.hosts.host import THIS_HOST, Host
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.probe_verdict import FileStat, PathStat, ProbeFailed, ProbeResult
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.core.tid import Tid, format_tid
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.logging.setup import LogStyle, make_logger
from hammerd.daemon.paths.path_state import PathState
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.readings.ingest import ReadingIngest
from hammerd.daemon.readings.store import MaxAges, ReadingStore
from hammerd.daemon.state.saved_ends import parse_ends, saved_end, status_of
from hammerd.daemon.timing.clock import Instant

MASTER, SLAVE = Endpoint("/a/pfs/m"), Endpoint("/b/pfs/s")
PAIR = Pair("pair", MASTER, SLAVE)
HOME, BENEATH = 7, 8
DIRECTORY = FileStat(exists=True, is_directory=True)


class Ingest:
    """An ingest with a recorded log."""

    def __init__(self) -> None:
        self.logged: list[Mapping[str, object]] = []
        style = LogStyle(LogFormat.LOGFMT, LogLevel.INFO)
        log = make_logger(lambda *_: None, style, lambda _level, event: self.logged.append(event))
        self.readings = ReadingStore(MaxAges(1e9, 1e9))
        self.ingest = ReadingIngest(self.readings, AnomalyDetector(), Journal(log, log))

    def read(self, end: Endpoint, at: float, seen: ProbeResult, path_state: PathState) -> None:
        reading = EndpointReading(
            end, Instant(at, 1.8e9 + at), seen, at + 0.1, int(at), path_state, at
        )
        self.ingest.record((reading,), (PAIR,))

    def read_both(self, at: float, tid: int, *, is_read_only: bool = False) -> None:
        self.read(SLAVE, at, status(tid), found("@@0x1:00001", is_read_only=is_read_only))
        self.read(MASTER, at + 0.2, status(tid, is_master=True), found("@@-1:00001"))

    def fail_slave(self, at: float, path_state: PathState) -> None:
        complaint = find_cause(b"hammer: Failed to open /b/pfs: No such file or directory\n")
        assert complaint is not None
        self.read(SLAVE, at, ProbeFailed(complaint, path_state.stat), path_state)

    def safe_at(self, now_at: float) -> float | None:
        return self.readings.lag(PAIR, now_at).safe_at

    def events(self) -> list[object]:
        return [each["event"] for each in self.logged]


def status(tid: int, *, is_master: bool = False) -> PfsStatus:
    unique = "master" if is_master else "slave"
    return PfsStatus("", 1, Tid(tid), "shared", unique, is_master)


def found(text: str, *, is_read_only: bool = False, where: int = HOME) -> PathState:
    link = FileStat(exists=True, is_symlink=True, link_text=text, device=where)
    path_stat = PathStat("", link, DIRECTORY, is_read_only)
    return PathState(
        path_stat, "", where, "", is_pfs_link=True, real_file=link, file_system=(where, where)
    )


def missing(where: int | None) -> PathState:
    above = FileStat(exists=False) if where is None else DIRECTORY
    nothing = FileStat(exists=False)
    return PathState(PathStat("", nothing, above), "", where, file_system=(None, where))


@pytest.fixture
def ingest() -> Ingest:
    made = Ingest()
    made.read_both(100, 10)
    made.read_both(130, 10)
    assert made.safe_at(131) == pytest.approx(130.2 - 52)
    return made


@pytest.mark.parametrize(
    ("path_state", "is_missing"),
    [
        (found("@@PFS00001"), True),
        (missing(HOME), True),
        (missing(BENEATH), False),
        (missing(None), False),
    ],
    ids=["untranslated link", "no link", "not mounted", "not even a directory"],
)
def test_missing_pfs_differs_from_a_file_system_that_is_not_mounted(
    ingest: Ingest, path_state: PathState, *, is_missing: bool
) -> None:
    ingest.fail_slave(160, path_state)

    assert (ingest.safe_at(161) is None) == is_missing


def test_lower_tid_of_a_slave_after_a_mount_is_explained(ingest: Ingest) -> None:
    ingest.fail_slave(160, missing(None))
    ingest.read(SLAVE, 190, status(5), found("@@0x1:00001"))

    assert "slave.rolled_back" in ingest.events()
    assert "slave.tid_went_back" not in ingest.events()


def test_a_master_that_others_mirror_to_moves_by_their_streams(ingest: Ingest) -> None:
    for at, tid in ((160, 20), (190, 20), (220, 30), (250, 30)):
        ingest.read(MASTER, at, replace(status(tid), unique_uuid="m"), found("@@-1:00001"))

    assert "slave.tid_jumped" not in ingest.events()


def test_slave_that_goes_back_without_a_reason_is_an_anomaly(ingest: Ingest) -> None:
    ingest.read(SLAVE, 190, status(5), found("@@0x1:00001"))

    assert "slave.tid_went_back" in ingest.events()
    assert "slave.rolled_back" not in ingest.events()


def test_tid_read_while_the_slave_was_a_master_is_no_tid_of_the_slave(ingest: Ingest) -> None:
    """pfs-status can be quicker than the probe of the link, which shows a promotion."""
    promoted = replace(status(3), is_master=True)
    ingest.read(SLAVE, 160, promoted, found("@@-1:00001"))
    ingest.read(SLAVE, 190, status(5), found("@@0x5:00001"))

    (back,) = [each for each in ingest.logged if each["event"] == "slave.tid_went_back"]
    assert (back["before"], back["after"]) == (format_tid(Tid(10)), format_tid(Tid(5)))


def test_tids_from_a_lost_disk_are_not_safe(ingest: Ingest) -> None:
    before = ingest.safe_at(131)
    ingest.read_both(160, 20, is_read_only=True)
    ingest.read_both(190, 20, is_read_only=True)
    ingest.read_both(300, 20, is_read_only=True)

    lag = ingest.readings.lag(PAIR, 301)
    assert (lag.seconds, lag.safe_at) == (None, before)
    assert "read-only" in (ingest.readings.why_unknown(PAIR, 301) or "")


# --- what changed against the order of things ----------------------------------------------------

FAR = SshHost("office")
KINDS = {
    "back": {"sync_end_tid": Tid(5)},
    "jump": {"sync_end_tid": Tid(90)},
    "role": {"is_master": True},
    "unique-uuid": {"unique_uuid": "another"},
    "shared-uuid": {"shared_uuid": "another"},
}
EXPECTED = {
    ("master", "back"): ("master.tid_went_back", format_tid(Tid(10)), format_tid(Tid(5))),
    ("master", "jump"): None,
    ("master", "role"): ("end.role_changed", "master", "slave"),
    ("master", "unique-uuid"): ("end.uuid_changed", "unique", "another"),
    ("master", "shared-uuid"): ("end.shared_uuid_changed", "shared", "another"),
    ("slave", "back"): ("slave.tid_went_back", format_tid(Tid(10)), format_tid(Tid(5))),
    ("slave", "jump"): ("slave.tid_jumped", format_tid(Tid(10)), format_tid(Tid(90))),
    ("slave", "role"): ("end.role_changed", "slave", "master"),
    ("slave", "unique-uuid"): ("end.uuid_changed", "unique", "another"),
    ("slave", "shared-uuid"): ("end.shared_uuid_changed", "shared", "another"),
}
"""Every kind of change at both ends; a master's TID always grows."""


class Watched:
    """Readings of one end of a pair, on this host or on another one."""

    def __init__(self, role: str, host: Host) -> None:
        self.is_slave = role == "slave"
        master, slave = Endpoint("/m", host), Endpoint("/s", host)
        self.pair = Pair("home", master, slave)
        self.end = slave if self.is_slave else master
        self.logged: list[Mapping[str, object]] = []
        style = LogStyle(LogFormat.LOGFMT, LogLevel.INFO)
        log = make_logger(lambda *_: None, style, lambda _level, event: self.logged.append(event))
        self.detector = AnomalyDetector()
        readings = ReadingStore(MaxAges(1e9, 1e9))
        self.ingest = ReadingIngest(readings, self.detector, Journal(log, log))
        self.ingest.all_pairs = lambda: [self.pair]
        self.first = PfsStatus("", 1, Tid(10), "shared", "unique", not self.is_slave)
        self._at = 0.0

    def read(self, status: PfsStatus) -> None:
        self._at += 100.0
        moment = Instant(self._at, 1.8e9 + self._at)
        reading = EndpointReading(self.end, moment, status, self._at + 0.1, int(self._at))
        self.ingest.record((reading,), (self.pair,))

    def changed(self, kind: str) -> PfsStatus:
        changes = KINDS[kind] if kind != "role" else {"is_master": self.is_slave}
        return replace(self.first, **changes)  # type: ignore[arg-type]

    def told(self) -> list[tuple[object, ...]]:
        keys = ("event", "pair", "end", "before", "after", "because")
        return [tuple(each.get(key) for key in keys) for each in self.logged]

    def shown(self) -> list[tuple[str, str, str]]:
        found = self.detector.log.anomalies_of(self.pair)
        return [(each.name.value, each.before, each.after) for each in found]


@pytest.mark.parametrize("host", [THIS_HOST, FAR], ids=["here", "far"])
@pytest.mark.parametrize(("role", "kind"), EXPECTED)
def test_each_change_of_an_end_has_a_name_and_stays_until_it_is_acknowledged(
    role: str, kind: str, host: Host
) -> None:
    watched, expected = Watched(role, host), EXPECTED[role, kind]
    watched.read(watched.first)
    after = watched.changed(kind)
    watched.read(after)
    # A jump is told with the next reading: the message of a stream may come after the first.
    watched.read(after)

    assert watched.shown() == ([expected] if expected else [])
    name, *values = expected or ("",)
    end = str(watched.end)
    assert watched.told() == ([(name, "home", end, *values, None)] if expected else [])
    watched.detector.log.acknowledge(watched.pair)
    assert watched.shown() == []


@pytest.mark.parametrize("host", [THIS_HOST, FAR], ids=["here", "far"])
@pytest.mark.parametrize(("role", "kind"), EXPECTED)
def test_change_that_a_plan_made_is_told_with_the_plan_and_is_no_anomaly(
    role: str, kind: str, host: Host
) -> None:
    watched, expected = Watched(role, host), EXPECTED[role, kind]
    watched.read(watched.first)
    watched.detector.explain([watched.end], "switchover")
    after = watched.changed(kind)
    watched.read(after)
    watched.read(after)

    assert watched.shown() == []
    told = [each for each in watched.told() if expected and each[0] == expected[0]]
    values = expected[1:] if expected else ()
    assert told == (
        [(expected[0], "home", str(watched.end), *values, "switchover")] if expected else []
    )
    watched.read(watched.first)
    if kind not in ("back", "jump"):
        assert watched.shown(), "a later change has no such cause"


@pytest.mark.parametrize("host", [THIS_HOST, FAR], ids=["here", "far"])
@pytest.mark.parametrize(("role", "kind"), EXPECTED)
def test_change_while_no_hammerd_ran_is_told_but_for_that_of_a_tid(
    role: str, kind: str, host: Host
) -> None:
    watched, expected = Watched(role, host), EXPECTED[role, kind]
    saved = saved_end(watched.end, watched.first)
    watched.detector.restore(watched.end, status_of([saved], watched.end))
    watched.read(watched.changed(kind))
    watched.read(watched.changed(kind))

    # The TIDs of an earlier run are those of clocks.json.
    assert watched.shown() == ([] if kind in ("back", "jump") else [expected])


def test_disk_that_took_its_turn_while_no_hammerd_ran_is_no_anomaly() -> None:
    watched = Watched("slave", THIS_HOST)
    watched.detector.add_disks(watched.end, "unique", "another")
    watched.detector.restore(watched.end, watched.first)
    watched.read(watched.changed("unique-uuid"))

    assert watched.shown() == []


@pytest.mark.parametrize(
    "value",
    [
        *(None, 7, [7], [{}], [{"end": "/s"}]),
        [
            {
                "end": "/s",
                "pfs_id": True,
                "shared_uuid": "a",
                "unique_uuid": "b",
                "is_master": "no",
            }
        ],
    ],
)
def test_saved_ends_that_make_no_sense_are_left_out(value: object) -> None:
    assert parse_ends(value) == ()


def test_saved_ends_come_back() -> None:
    first = Watched("slave", FAR)
    saved = saved_end(first.end, first.first)

    assert parse_ends(json.loads(json.dumps([asdict(saved)]))) == (saved,)
    assert status_of([saved], first.pair.master) is None
