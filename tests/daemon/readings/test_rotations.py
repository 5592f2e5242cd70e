"""Readings of slaves that take turns: after readings, swaps, restarts, a master's crash."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import cast

import pytest
import structlog
from structlog.testing import capture_logs

from hammerd.core.hammer.diagnostics import diagnose
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair.probe_verdict import MasterByLink, ProbeFailed, ProbeResult, ProbeTrouble
from hammerd.core.pairs import Endpoint, Pair, Rotation
from hammerd.core.replication.read_order import ReadSpan
from hammerd.core.rotation.rotating_slave import UNPROVEN, RotatingSlave
from hammerd.core.tid import Tid
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.readings.rotations import MAX_SLAVES, Rotations
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.timing.clock import Clock, Instant

M, A, B = Endpoint("/m"), Endpoint("/a"), Endpoint("/b")
PAIR = Pair("home", M, A, rotate=Rotation(takes_turns=True, paths=("/a", "/b")))
MASTER = PfsStatus("/m", 1, Tid(0x100), "shared", "m", is_master=True)
AWAY_TEXT = "hammer: Failed to open /a: No such file or directory"


def away() -> ProbeFailed:
    complaint = diagnose(AWAY_TEXT)
    assert complaint is not None
    return ProbeFailed(complaint)


@dataclass
class Daemon:
    """The readings of one daemon; each reading takes a second."""

    now_at: float = 1000.0
    pair: Pair = PAIR
    store: ReadingStore = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        clock = Clock(lambda: self.now_at)
        log = cast(Logger, structlog.get_logger())
        self.store = ReadingStore(clock=clock)
        self.rotations = Rotations(self.store, clock, log)
        self.rotations.follow_config([self.pair])
        self.store.set_role(M, is_master=True)

    def restart(self) -> None:
        saved = self.rotations.saved()
        self.start()
        self.rotations.load(saved)

    def flush(self) -> None:
        """Flush the master's file system: the next reading holds all that was written before."""
        self.now_at += 1.0
        now = Instant(self.now_at, self.now_at)
        self.store.record_master_flush(M, now, now)

    def read(self, master_tid: int, **slaves: ProbeResult) -> None:
        """Read the slaves and then the master."""
        seen: dict[Endpoint, ProbeResult] = {}
        for name, result in slaves.items():
            self.now_at += 1.0
            slave = seen_at = Endpoint(f"/{name}")
            seen[seen_at] = result
            span = ReadSpan(self.now_at, self.now_at)
            if isinstance(result, PfsStatus) and not result.is_master:
                self.store.slaves.record_reading(slave, result.sync_end_tid, span)
        self.now_at += 1.0
        span, began = ReadSpan(self.now_at, self.now_at), Instant(self.now_at, self.now_at)
        back = self.store.record_master_reading(M, Tid(master_tid), began, span)
        if back is not None:
            for slave in (A, B):
                self.store.slaves.record_fork(slave, Tid(master_tid))
            self.rotations.record_fork(M, Tid(master_tid))
        self.rotations.record(self.pair, {M: MASTER, **seen})

    def known(self, uuid: str) -> RotatingSlave:
        return next(one for one in self.rotations.of(self.pair) if one.unique_uuid == uuid)

    def uuids(self) -> set[str]:
        return {one.unique_uuid for one in self.rotations.of(self.pair)}


def status(uuid: str, tid: int) -> PfsStatus:
    return replace(MASTER, unique_uuid=uuid, sync_end_tid=Tid(tid), is_master=False)


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with capture_logs():
        daemon = Daemon()
        daemon.flush()
        daemon.read(0x50, a=status("one", 0x50), b=away())
        yield daemon


def test_slave_that_is_away_stays_what_it_was(daemon: Daemon) -> None:
    before = daemon.known("one")
    daemon.flush()
    daemon.read(0x60, a=away(), b=status("two", 0x60))

    one, two = daemon.known("one"), daemon.known("two")
    assert before.moments.safe_at == 1001.0
    assert replace(before, is_present=False, since_at=one.since_at) == one
    assert (two.path, two.is_present, two.tid) == ("/b", True, Tid(0x60))


def test_swap_at_one_path_keeps_both(daemon: Daemon) -> None:
    daemon.store.forget_pfs(A)
    daemon.read(0x60, a=status("two", 0x30), b=away())

    assert [(one.unique_uuid, one.tid) for one in daemon.rotations.of(PAIR)] == [
        ("one", Tid(0x50)),
        ("two", Tid(0x30)),
    ]


def test_slave_at_another_path_is_the_same_slave(daemon: Daemon) -> None:
    daemon.read(0x60, a=away(), b=status("one", 0x60))

    assert (daemon.uuids(), daemon.known("one").path) == ({"one"}, "/b")


def test_commit_after_a_reading_counts_at_the_next_one(daemon: Daemon) -> None:
    """Another disk may be there by then."""
    daemon.store.slaves.record_commit(A, Tid(0x90), daemon.now_at + 10.0)
    daemon.read(0x90, a=status("one", 0x60))

    assert daemon.known("one").tid == Tid(0x50)


@pytest.mark.parametrize(
    "result",
    [
        ProbeFailed(ProbeTrouble.PROBE_TIMEOUT),
        ProbeFailed(ProbeTrouble.SPAWN_FAILED),
    ],
)
def test_slave_that_cannot_be_read_is_not_away(daemon: Daemon, result: ProbeResult) -> None:
    daemon.read(0x60, a=result)

    assert daemon.known("one").is_present


@pytest.mark.parametrize(
    "result", [MasterByLink(1), replace(status("one", 0x70), is_master=True)], ids=type
)
def test_nothing_is_safe_on_a_slave_that_was_promoted(daemon: Daemon, result: ProbeResult) -> None:
    daemon.read(0x60, a=result)

    one = daemon.known("one")
    assert (one.is_present, one.moments) == (False, UNPROVEN)


def test_nothing_is_safe_on_a_promoted_slave_that_is_not_read_any_more(daemon: Daemon) -> None:
    daemon.read(0x60, a=status("one", 0x60), b=status("two", 0x60))

    one, two = daemon.rotations.of(PAIR, was_promoted=True)
    assert (UNPROVEN, daemon.known("two")) == (one.moments, two)


def test_master_of_others_takes_nothing_from_the_slave_that_was_there(daemon: Daemon) -> None:
    before = daemon.known("one")
    daemon.read(0x60, a=replace(status("other", 0x70), is_master=True))

    assert (False, before.moments) == (
        daemon.known("one").is_present,
        daemon.known("one").moments,
    )


def test_slave_that_was_destroyed_is_forgotten(daemon: Daemon) -> None:
    daemon.store.slaves.record_missing(A, None, is_untranslated=True)
    daemon.read(0x60, a=away())

    assert daemon.uuids() == set()


@pytest.mark.parametrize(
    ("pair", "found"),
    [
        (replace(status("two", 0x30), shared_uuid="another"), set()),
        (status("two", 0x30), {"two"}),
    ],
)
def test_only_a_slave_of_the_master_takes_turns(
    daemon: Daemon, pair: PfsStatus, found: set[str]
) -> None:
    daemon.read(0x60, b=pair)

    assert found | {"one"} == daemon.uuids()


def test_master_that_went_back_counts_for_slaves_that_are_away(daemon: Daemon) -> None:
    before = daemon.known("one").moments
    daemon.read(0x50, a=away(), b=away())
    daemon.store.forget_pfs(A)
    daemon.read(0x48, b=away())
    daemon.flush()
    daemon.read(0x70, a=status("one", 0x60))

    assert daemon.store.slaves.is_forked(A)
    assert (before, Tid(0x48)) == (daemon.known("one").moments, daemon.known("one").forked_tid)

    daemon.store.slaves.trust(A)
    daemon.read(0x70, a=status("one", 0x60))

    assert daemon.known("one").forked_tid is None


def test_acknowledgement_accepts_slaves_that_hold_nothing_lost(daemon: Daemon) -> None:
    daemon.store.forget_pfs(B)
    daemon.read(0x50, a=away(), b=status("two", 0x30))
    daemon.read(0x48, a=away(), b=away())
    daemon.rotations.acknowledge(PAIR)

    assert (Tid(0x48), None) == (daemon.known("one").forked_tid, daemon.known("two").forked_tid)


def test_durable_tid_comes_back_with_its_slave(daemon: Daemon) -> None:
    daemon.now_at += 1.0
    daemon.store.slaves.record_flush(A, daemon.now_at)
    daemon.read(0x60, a=status("one", 0x60))
    daemon.restart()
    assert not daemon.known("one").is_present
    daemon.read(0x70, b=status("one", 0x60))

    tids = daemon.store.slaves.of(B)
    assert tids is not None
    assert (Tid(0x50), True) == (tids.durable_tid, daemon.known("one").is_present)


def test_lower_tid_after_an_absence_is_explained(daemon: Daemon) -> None:
    told: list[tuple[Tid, Tid]] = []
    daemon.rotations.on_rolled_back = lambda _slave, back: told.append((back.before, back.after))
    daemon.read(0x50, a=away())
    daemon.store.forget_pfs(A)
    daemon.read(0x60, a=status("one", 0x30))

    assert (told, Tid(0x30)) == ([(Tid(0x50), Tid(0x30))], daemon.known("one").tid)


@pytest.mark.parametrize(
    ("rotation", "kept"),
    [
        (PAIR.rotate, {"one", "two"}),
        (Rotation(takes_turns=True, paths=("/b",)), {"two"}),
        (Rotation(takes_turns=True, paths=("/a", "/b"), unique_uuids=("one",)), {"one"}),
        (Rotation(), set()),
    ],
)
def test_slave_that_the_config_has_no_more_is_forgotten(
    daemon: Daemon, rotation: Rotation, kept: set[str]
) -> None:
    daemon.read(0x60, a=away(), b=status("two", 0x30))
    changed = replace(PAIR, rotate=rotation)
    daemon.rotations.follow_config([changed])

    assert kept == {one.unique_uuid for one in daemon.rotations.of(changed)}


def test_of_too_many_slaves_the_one_that_was_away_for_longest_is_forgotten(
    daemon: Daemon,
) -> None:
    for number in range(MAX_SLAVES):
        daemon.store.forget_pfs(A)
        daemon.read(0x60, a=status(f"more{number}", 0x30))

    assert daemon.uuids() == {f"more{number}" for number in range(MAX_SLAVES)}


@dataclass
class History:
    """A master that is written to and flushed, and two disks with their slaves."""

    random: Random
    daemon: Daemon = field(default_factory=Daemon)
    tid: int = 1
    flushed: list[tuple[float, int]] = field(default_factory=lambda: [(0.0, 1)])
    disks: dict[str, int] = field(default_factory=lambda: {"one": 1, "two": 1})
    here: dict[str, str] = field(default_factory=dict)
    was_here: dict[str, str] = field(default_factory=dict)

    def write(self) -> None:
        self.tid += self.random.randrange(1, 9)
        self.daemon.flush()
        self.flushed.append((self.daemon.now_at, self.tid))

    def commit(self) -> None:
        """Let a stream write to a disk that is there; hammerd may take it for another one."""
        if self.here:
            path, disk = self.random.choice([*self.here.items()])
            self.disks[disk] = self.tid
            slaves, now_at = self.daemon.store.slaves, self.daemon.now_at
            slaves.record_commit(Endpoint(f"/{path}"), Tid(self.tid), now_at)

    def swap(self) -> None:
        path, disk = self.random.choice("ab"), self.random.choice([*self.disks])
        left = {at: one for at, one in self.here.items() if at != path and one != disk}
        self.here = {**left, path: disk} if self.random.random() < 0.7 else left

    def read(self) -> None:
        for path, disk in self.here.items():
            if self.was_here.get(path, disk) != disk:
                self.daemon.store.forget_pfs(Endpoint(f"/{path}"))
        self.was_here |= self.here
        self.daemon.read(
            self.tid,
            **{
                path: status(self.here[path], self.disks[self.here[path]])
                if path in self.here
                else away()
                for path in "ab"
            },
        )

    def restart(self) -> None:
        self.daemon.restart()
        self.was_here = {}

    def check(self) -> None:
        for one in self.daemon.rotations.of(PAIR):
            held, safe_at = self.disks[one.unique_uuid], one.moments.safe_at or 0.0
            assert one.tid is not None
            assert one.tid <= held
            assert max(tid for at, tid in self.flushed if at <= safe_at) <= held


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_claimed_that_is_not_on_the_disk(seed: int) -> None:
    random = Random(seed)
    with capture_logs():
        history = History(random)
        steps = (history.write, history.commit, history.swap, history.read, history.restart)
        for step in random.choices(steps, (4, 3, 3, 6, 1), k=120):
            step()
            history.check()

    assert any(one.moments.safe_at for one in history.daemon.rotations.of(PAIR))
