"""State files are saved once for many changes, off the loop, and each failure is reported."""

import asyncio
import math
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from hammerd.core.config.model import LogFormat, LogLevel
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.states import CountedComplaint, Down, Memory, Paused, Trouble, Up
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.anomaly_log import Anomaly, AnomalyName
from hammerd.core.tid import Tid
from hammerd.daemon.logging.setup import LogStyle, make_logger
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.state import pair_state_file
from hammerd.daemon.state.pair_state_file import SavedPair
from hammerd.daemon.state.save_queue import SaveQueue
from hammerd.daemon.state.saved_ends import saved_end
from hammerd.daemon.state.store import StateStore
from hammerd.daemon.threads.writer_thread import WriterThread
from hammerd.daemon.timing.clock import Clock, Instant

LOG = make_logger(lambda _level, _line: None, LogStyle(LogFormat.HUMAN, LogLevel.DEBUG))


@pytest.fixture
def writer() -> Iterator[WriterThread]:
    writer = WriterThread()
    yield writer
    assert writer.close(10)


def run(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(scenario())


class Disk:
    """A disk that can hang and fail, and records the written values and the threads."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.is_open.set()
        self.is_reached = threading.Event()
        self.error: OSError | None = None
        self.value = 0
        self.written: list[int] = []
        self.threads: set[threading.Thread] = set()

    def take(self) -> Callable[[], None]:
        value = self.value

        def write() -> None:
            self.threads.add(threading.current_thread())
            self.is_reached.set()
            self.is_open.wait(60)
            if self.error:
                raise self.error
            self.written.append(value)

        return write


def test_changes_of_one_turn_are_one_save_off_the_loop(writer: WriterThread) -> None:
    disk = Disk()

    async def scenario() -> None:
        saves = SaveQueue("state.json", disk.take, writer, LOG)
        for disk.value in range(1, 61):
            saves.request()
        await saves.wait()

    run(scenario)

    assert disk.written == [60]
    assert threading.main_thread() not in disk.threads


def test_changes_while_a_save_hangs_are_one_more_save(writer: WriterThread) -> None:
    disk = Disk()

    async def scenario() -> None:
        saves = SaveQueue("state.json", disk.take, writer, LOG)
        disk.is_open.clear()
        disk.value = 1
        saves.request()
        await asyncio.to_thread(disk.is_reached.wait, 60)
        for disk.value in range(2, 30):
            saves.request()
            await asyncio.sleep(0)
        disk.is_open.set()
        await saves.wait()

    run(scenario)

    assert disk.written == [1, 29]


def test_save_that_fails_is_logged_once_reported_and_retried(writer: WriterThread) -> None:
    disk = Disk()
    reported = []
    lines: list[str] = []
    log = make_logger(
        lambda _level, line: lines.append(line), LogStyle(LogFormat.LOGFMT, LogLevel.DEBUG)
    )

    async def scenario() -> None:
        saves = SaveQueue("state.json", disk.take, writer, log)
        disk.error = OSError(28, "No space left on device", "/var/db/hammerd/state.json.new")
        for _ in range(3):
            saves.request()
            await saves.wait()
            reported.append((saves.unsaved_because, saves.unsaved_since_at))
        disk.error = None
        saves.retry()
        await saves.wait()
        reported.append((saves.unsaved_because, saves.unsaved_since_at))
        # A failed save does not count as a lost line of the log.
        assert writer.failed == 0
        saves.retry()
        await saves.wait()

    run(scenario)

    because = "/var/db/hammerd/state.json.new: No space left on device"
    assert reported == [*[(because, reported[0][1])] * 3, (None, None)]
    assert reported[0][1] is not None
    assert disk.written == [0]
    assert [line.split()[2] for line in lines] == [
        "event=state.unsaved",
        "event=state.saved_again",
    ]


def approx(pair: SavedPair) -> SavedPair:
    """Return a pair that equals one with a time within a second and any time left of the pause."""
    times = {
        "paused_until_time": pytest.approx(pair.paused_until_time, abs=1.0),
        "paused_for_s": pytest.approx(0, abs=math.inf),
    }
    return replace(pair, **times)  # type: ignore[arg-type]


# --- the state directory -----------------------------------------------------------------------


class WrongClock(Clock):
    """A clock whose wall time is wrong by `off_s` seconds."""

    def __init__(self, monotonic: Callable[[], float], off_s: float) -> None:
        super().__init__(monotonic)
        self.off_s = off_s

    def now(self) -> Instant:
        now = super().now()
        return Instant(now.at, now.time + self.off_s)


def state_store(directory: Path, writer: WriterThread, off_s: float = 0.0) -> StateStore:
    loop = asyncio.get_running_loop()
    return StateStore(directory, ReadingStore(), WrongClock(loop.time, off_s), writer, LOG)


def test_pairs_that_do_not_run_keep_their_saved_entries(
    tmp_path: Path, writer: WriterThread
) -> None:
    saved = {
        "removed": SavedPair(True, 2e9, True),
        "disabled": SavedPair(True, None, False),
        "resumed": SavedPair(True, None, False),
    }
    pair_state_file.save(tmp_path / "state.json", saved)

    async def scenario() -> None:
        store = state_store(tmp_path, writer)
        store.load()
        store.memories = lambda: {
            "disabled": Memory(Down(), is_diverged=True),
            "resumed": Memory(Up()),
            "new": Memory(Paused(None)),
        }
        store.changed()
        await store.wait_saved()

    run(scenario)

    assert pair_state_file.load(tmp_path / "state.json").pairs == {
        "removed": approx(saved["removed"]),
        "disabled": SavedPair(True, None, True),
        "new": SavedPair(True, None, False),
    }


HOUR_S, YEARS_S = 3600.0, 3 * 365 * 86400.0


@pytest.mark.parametrize("after_s", [0.0, YEARS_S, -YEARS_S, HOUR_S, -HOUR_S, -1.7e9])
@pytest.mark.parametrize("before_s", [0.0, YEARS_S, -YEARS_S])
def test_pause_never_lasts_longer_than_requested(
    tmp_path: Path, writer: WriterThread, before_s: float, after_s: float
) -> None:
    left_s = math.nan

    async def first() -> None:
        store = state_store(tmp_path, writer, before_s)
        until_at = asyncio.get_running_loop().time() + HOUR_S
        store.memories = lambda: {"test": Memory(Paused(until_at))}
        store.changed()
        await store.wait_saved()

    async def second() -> None:
        nonlocal left_s
        store = state_store(tmp_path, writer, before_s + after_s)
        store.load(["test"])
        wanted = store.saved_memory("test").wanted
        assert isinstance(wanted, Paused)
        assert wanted.until_at is not None
        left_s = wanted.until_at - asyncio.get_running_loop().time()

    run(first)
    run(second)

    assert left_s <= HOUR_S
    if after_s <= 0:
        assert left_s == pytest.approx(HOUR_S, abs=60)


def test_pause_of_a_removed_pair_keeps_its_end_whatever_the_clock_does(
    tmp_path: Path, writer: WriterThread
) -> None:
    async def scenario() -> None:
        store = state_store(tmp_path, writer)
        until_at = asyncio.get_running_loop().time() + HOUR_S
        store.memories = lambda: {"test": Memory(Paused(until_at))}
        store.capture()
        store.memories = dict
        store.changed()
        await store.wait_saved()

        assert store.saved_memory("test").wanted == Paused(until_at)

    run(scenario)

    saved = pair_state_file.load(tmp_path / "state.json").pairs["test"]
    assert saved.paused_for_s == pytest.approx(HOUR_S, abs=60)


def test_pause_that_ends_by_itself_is_saved_at_each_checkpoint(
    tmp_path: Path, writer: WriterThread
) -> None:
    path = tmp_path / "state.json"

    async def scenario() -> None:
        store = state_store(tmp_path, writer)
        store.memories = lambda: {"test": Memory(Paused(1e6))}
        store.changed()
        await store.wait_saved()
        first = pair_state_file.load(path).pairs["test"].paused_for_s
        store.checkpoint()
        await store.wait_saved()
        later = pair_state_file.load(path).pairs["test"].paused_for_s
        assert first is not None
        assert later is not None
        assert later < first

    run(scenario)


def test_pairs_of_files_that_cannot_be_read_stay_paused_though_disabled(
    tmp_path: Path, writer: WriterThread
) -> None:
    path = tmp_path / "state.json"
    for each in (path, pair_state_file.copy_of(path)):
        each.write_text("{")

    async def scenario() -> None:
        store = state_store(tmp_path, writer)
        store.load(["test", "disabled"])
        assert store.saved_memory("test").wanted == Paused(None)
        store.memories = lambda: {
            "test": store.saved_memory("test"),
            "disabled": Memory(Down()),
        }
        store.changed()
        await store.wait_saved()

    run(scenario)

    paused = SavedPair(is_paused=True)
    assert pair_state_file.load(path).pairs == {"test": paused, "disabled": paused}


def test_stop_of_every_pair_at_the_end_is_not_saved_as_wanted(
    tmp_path: Path, writer: WriterThread
) -> None:
    async def scenario() -> None:
        store = state_store(tmp_path, writer)
        memories = {"test": Memory(Paused(None)), "other": Memory(Up())}
        store.memories = lambda: memories
        store.capture()
        for name in memories:
            memories[name] = Memory(Down())
        store.changed()
        store.finish(writer)
        await store.wait_saved()

    run(scenario)

    assert pair_state_file.load(tmp_path / "state.json").pairs == {
        "test": SavedPair(True, None, False)
    }


def test_failure_and_a_far_half_without_a_lock_are_loaded_by_the_next_daemon(
    tmp_path: Path, writer: WriterThread
) -> None:
    failed = Memory(failures=3, failed_by=Trouble("half_died", "who?"), is_far_unlocked=True)
    memories: list[Memory] = []

    async def scenario() -> None:
        store = state_store(tmp_path, writer)
        store.memories = lambda: {"test": failed}
        store.changed()
        await store.wait_saved()
        store.load()
        memories.append(store.saved_memory("test"))

    run(scenario)

    [memory] = memories
    assert (memory.failures, memory.failed_by) == (1, Trouble("half_died"))
    assert memory.is_far_unlocked


# --- unacknowledged messages ----------------------------------------------------------------

PAIR = Pair("test", Endpoint("/m"), Endpoint("/s", SshHost("host")))
PROMOTED = Anomaly(AnomalyName.ROLE_CHANGED, PAIR.slave, "slave", "master", 5.0, 9)
FULL = CountedComplaint("slave_full", "make room", "No space", 3, 4.0, 6.0)


def test_complaints_and_anomalies_are_loaded_by_the_next_daemon(
    tmp_path: Path, writer: WriterThread
) -> None:
    memories: list[Memory] = []
    anomalies: list[Anomaly] = []

    async def first() -> None:
        store = state_store(tmp_path, writer)
        store.memories = lambda: {"test": Memory(Down(), is_diverged=True, complaints=(FULL,))}
        store.anomalies = lambda: {"test": (PROMOTED,)}
        store.changed()
        await store.wait_saved()

    async def second() -> None:
        store = state_store(tmp_path, writer)
        store.load()
        memories.append(store.saved_memory("test"))
        anomalies.extend(store.saved_anomalies(PAIR))
        assert store.saved_anomalies(replace(PAIR, slave=Endpoint("/else"))) == ()

    run(first)
    run(second)

    [memory], [anomaly] = memories, anomalies
    assert memory.is_diverged
    [complaint] = memory.complaints
    assert complaint == replace(FULL, since_at=complaint.since_at, last_at=complaint.last_at)
    assert complaint.last_at - complaint.since_at == pytest.approx(2.0, abs=0.01)
    assert anomaly == replace(PROMOTED, at=anomaly.at, number=0)
    assert anomaly.at - complaint.since_at == pytest.approx(1.0, abs=0.01)


def test_larger_count_is_saved_at_the_next_checkpoint_only(
    tmp_path: Path, writer: WriterThread
) -> None:
    path = tmp_path / "state.json"
    memory = Memory(Paused(None), complaints=(FULL,))

    def saved_count() -> int:
        return pair_state_file.load(path).pairs["test"].unacknowledged.complaints[0].count

    async def scenario() -> None:
        nonlocal memory
        store = state_store(tmp_path, writer)
        store.memories = lambda: {"test": memory}
        store.changed()
        await store.wait_saved()
        first = path.stat().st_ino
        store.checkpoint()
        await store.wait_saved()
        assert path.stat().st_ino == first
        memory = replace(memory, complaints=(replace(FULL, count=4, last_at=7.0),))
        assert saved_count() == 3
        store.checkpoint()
        await store.wait_saved()
        assert saved_count() == 4

    run(scenario)


def test_damaged_file_is_set_aside_before_it_is_replaced(
    tmp_path: Path, writer: WriterThread
) -> None:
    path = tmp_path / "state.json"
    pair_state_file.save(path, {"test": SavedPair(True, None, True)})
    path.write_text("{")
    (tmp_path / "clocks.json").write_text("[]")
    errors: tuple[str, ...] = ()

    async def scenario() -> None:
        nonlocal errors
        store = state_store(tmp_path, writer)
        store.load()
        store.memories = lambda: {"test": store.saved_memory("test")}
        store.checkpoint()
        await store.wait_saved()
        errors = store.load_errors

    run(scenario)
    writer.close(10)

    assert [str(path) in error for error in errors] == [True, False]
    assert (tmp_path / "state.json.bad").read_text() == "{"
    assert (tmp_path / "clocks.json.bad").read_text() == "[]"
    assert pair_state_file.load(path) == pair_state_file.Loaded(
        {"test": SavedPair(True, None, True)}
    )


def test_file_that_cannot_be_set_aside_is_not_replaced(
    tmp_path: Path, writer: WriterThread
) -> None:
    path = tmp_path / "state.json"
    path.write_text("{")
    # A directory with the name of the evidence: unlink() and link() both fail.
    (tmp_path / "state.json.bad/in the way").mkdir(parents=True)

    async def scenario() -> None:
        store = state_store(tmp_path, writer)
        store.load()
        store.memories = lambda: {"test": Memory(Paused(None))}
        store.changed()
        await store.wait_saved()
        assert store.describe()["state_unsaved_because"]
        assert path.read_text() == "{"
        (tmp_path / "state.json.bad/in the way").rmdir()
        (tmp_path / "state.json.bad").rmdir()
        store.checkpoint()
        await store.wait_saved()
        assert store.describe()["state_unsaved_because"] is None

    run(scenario)

    assert pair_state_file.load(path).pairs == {"test": SavedPair(True, None, False)}
    assert (tmp_path / "state.json.bad").read_text() == "{"


def test_log_that_hangs_loses_no_state(tmp_path: Path) -> None:
    hung, last = WriterThread(), WriterThread()
    gate, is_held = threading.Event(), threading.Event()

    def hang() -> None:
        is_held.set()
        gate.wait(60)

    async def scenario() -> None:
        store = state_store(tmp_path, hung)
        store.memories = lambda: {"test": Memory(Paused(None))}
        hung.submit(hang)
        await asyncio.to_thread(is_held.wait, 60)
        store.changed()
        assert await store.wait_saved(0.01) == "the disk takes longer than 0.01 s"
        store.finish(hung)
        assert not hung.close(0.01)
        store.memories = lambda: {"test": Memory(Paused(None), is_diverged=True)}
        store.finish(last)
        assert last.close(60)

    run(scenario)
    gate.set()
    assert hung.close(60)

    saved = {"test": SavedPair(True, None, True)}
    assert pair_state_file.load(tmp_path / "state.json") == pair_state_file.Loaded(saved)


def test_ends_are_loaded_by_the_next_daemon_and_dropped_with_their_pair(
    tmp_path: Path, writer: WriterThread
) -> None:
    status = PfsStatus("/b", 3, Tid(9), "shared", "unique", is_master=False)
    loaded: list[PfsStatus | None] = []

    async def daemon(*pairs: str) -> None:
        store = state_store(tmp_path, writer)
        store.load()
        loaded.append(store.saved_end("test", PAIR.slave))
        store.memories = lambda: dict.fromkeys(pairs, Memory())
        store.ends = lambda: {name: (saved_end(PAIR.slave, status),) for name in pairs}
        store.changed()
        await store.wait_saved()

    for pairs in (("test",), (), ()):
        run(partial(daemon, *pairs))

    assert loaded == [None, replace(status, path=PAIR.slave.path, sync_end_tid=Tid(0)), None]
