"""What outlives the daemon is saved once for many changes, off the loop, never silently not."""

import asyncio
import math
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hammerd.core.config.model import LogFormat, LogLevel
from hammerd.core.pair.states import CountedComplaint, Down, Memory, Paused, Up
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.anomaly_log import Anomaly, AnomalyName
from hammerd.daemon.logging.setup import LogStyle, make_logger
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.state import pair_state_file
from hammerd.daemon.state.pair_state_file import SavedPair
from hammerd.daemon.state.save_queue import SaveQueue
from hammerd.daemon.state.store import StateStore
from hammerd.daemon.threads.writer_thread import WriterThread
from hammerd.daemon.timing.clock import Clock, Instant

LOG = make_logger(lambda _level, _line: None, LogStyle(LogFormat.HUMAN, LogLevel.DEBUG))


@pytest.fixture
def writer() -> Iterator[WriterThread]:
    writer = WriterThread()
    yield writer
    assert writer.close(10)


def on_a_loop(story: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(story())


class Disk:
    """A disk that hangs, fails and remembers what was written to it, by which thread."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.is_open.set()
        self.is_reached = threading.Event()
        self.error: OSError | None = None
        self.truth = 0
        self.written: list[int] = []
        self.threads: set[threading.Thread] = set()

    def take(self) -> Callable[[], None]:
        truth = self.truth

        def write() -> None:
            self.threads.add(threading.current_thread())
            self.is_reached.set()
            self.is_open.wait(60)
            if self.error:
                raise self.error
            self.written.append(truth)

        return write


def test_changes_of_one_turn_are_one_save_off_the_loop(writer: WriterThread) -> None:
    disk = Disk()

    async def story() -> None:
        saves = SaveQueue("state.json", disk.take, writer, LOG)
        for disk.truth in range(1, 61):
            saves.ask()
        await saves.done()

    on_a_loop(story)

    assert disk.written == [60]
    assert threading.main_thread() not in disk.threads


def test_changes_while_a_save_hangs_are_one_more_save(writer: WriterThread) -> None:
    disk = Disk()

    async def story() -> None:
        saves = SaveQueue("state.json", disk.take, writer, LOG)
        disk.is_open.clear()
        disk.truth = 1
        saves.ask()
        await asyncio.to_thread(disk.is_reached.wait, 60)
        for disk.truth in range(2, 30):
            saves.ask()
            await asyncio.sleep(0)
        disk.is_open.set()
        await saves.done()

    on_a_loop(story)

    assert disk.written == [1, 29]


def test_save_that_fails_is_said_once_told_and_retried(writer: WriterThread) -> None:
    disk = Disk()
    told = []
    lines: list[str] = []
    log = make_logger(
        lambda _level, line: lines.append(line), LogStyle(LogFormat.LOGFMT, LogLevel.DEBUG)
    )

    async def story() -> None:
        saves = SaveQueue("state.json", disk.take, writer, log)
        disk.error = OSError(28, "No space left on device", "/var/db/hammerd/state.json.new")
        for _ in range(3):
            saves.ask()
            await saves.done()
            told.append((saves.unsaved_because, saves.unsaved_since_at))
        disk.error = None
        saves.retry()
        await saves.done()
        told.append((saves.unsaved_because, saves.unsaved_since_at))
        # Lost lines of a log are another trouble, with another cure.
        assert writer.failed == 0
        saves.retry()
        await saves.done()

    on_a_loop(story)

    because = "/var/db/hammerd/state.json.new: No space left on device"
    assert told == [*[(because, told[0][1])] * 3, (None, None)]
    assert told[0][1] is not None
    assert disk.written == [0]
    assert [line.split()[2] for line in lines] == [
        "event=state.unsaved",
        "event=state.saved_again",
    ]


def approx(pair: SavedPair) -> SavedPair:
    """Return a pair whose times may differ by a second, and whose rest is not looked at."""
    times = {
        "paused_until_time": pytest.approx(pair.paused_until_time, abs=1.0),
        "paused_for_s": pytest.approx(0, abs=math.inf),
    }
    return replace(pair, **times)  # type: ignore[arg-type]


# --- the state directory -----------------------------------------------------------------------


class WrongClock(Clock):
    """A clock whose wall time is off by so many seconds."""

    def __init__(self, monotonic: Callable[[], float], off_s: float) -> None:
        super().__init__(monotonic)
        self.off_s = off_s

    def now(self) -> Instant:
        now = super().now()
        return Instant(now.at, now.time + self.off_s)


def keeping(directory: Path, writer: WriterThread, off_s: float = 0.0) -> StateStore:
    loop = asyncio.get_running_loop()
    return StateStore(directory, ReadingStore(), WrongClock(loop.time, off_s), writer, LOG)


def test_pairs_that_do_not_run_keep_what_was_saved(tmp_path: Path, writer: WriterThread) -> None:
    kept = {
        "gone": SavedPair(True, 2e9, True),
        "disabled": SavedPair(True, None, False),
        "resumed": SavedPair(True, None, False),
    }
    pair_state_file.save(tmp_path / "state.json", kept)

    async def story() -> None:
        files = keeping(tmp_path, writer)
        files.load()
        files.memories = lambda: {
            "disabled": Memory(Down(), is_diverged=True),
            "resumed": Memory(Up()),
            "new": Memory(Paused(None)),
        }
        files.changed()
        await files.saved()

    on_a_loop(story)

    assert pair_state_file.load(tmp_path / "state.json").pairs == {
        "gone": approx(kept["gone"]),
        "disabled": SavedPair(True, None, True),
        "new": SavedPair(True, None, False),
    }


HOUR_S, YEARS_S = 3600.0, 3 * 365 * 86400.0


@pytest.mark.parametrize("after_s", [0.0, YEARS_S, -YEARS_S, HOUR_S, -HOUR_S, -1.7e9])
@pytest.mark.parametrize("before_s", [0.0, YEARS_S, -YEARS_S])
def test_pause_never_lasts_longer_than_it_was_asked_for(
    tmp_path: Path, writer: WriterThread, before_s: float, after_s: float
) -> None:
    left_s = math.nan

    async def first() -> None:
        files = keeping(tmp_path, writer, before_s)
        until_at = asyncio.get_running_loop().time() + HOUR_S
        files.memories = lambda: {"test": Memory(Paused(until_at))}
        files.changed()
        await files.saved()

    async def second() -> None:
        nonlocal left_s
        files = keeping(tmp_path, writer, before_s + after_s)
        files.load(["test"])
        wanted = files.remembered("test").wanted
        assert isinstance(wanted, Paused)
        assert wanted.until_at is not None
        left_s = wanted.until_at - asyncio.get_running_loop().time()

    on_a_loop(first)
    on_a_loop(second)

    assert left_s <= HOUR_S
    if after_s <= 0:
        assert left_s == pytest.approx(HOUR_S, abs=60)


def test_pause_of_a_pair_that_is_gone_ends_when_it_was_to_whatever_the_clock_does(
    tmp_path: Path, writer: WriterThread
) -> None:
    async def story() -> None:
        files = keeping(tmp_path, writer)
        until_at = asyncio.get_running_loop().time() + HOUR_S
        files.memories = lambda: {"test": Memory(Paused(until_at))}
        files.remember()
        files.memories = dict
        files.changed()
        await files.saved()

        assert files.remembered("test").wanted == Paused(until_at)

    on_a_loop(story)

    kept = pair_state_file.load(tmp_path / "state.json").pairs["test"]
    assert kept.paused_for_s == pytest.approx(HOUR_S, abs=60)


def test_pause_that_ends_by_itself_is_saved_at_each_checkpoint(
    tmp_path: Path, writer: WriterThread
) -> None:
    path = tmp_path / "state.json"

    async def story() -> None:
        files = keeping(tmp_path, writer)
        files.memories = lambda: {"test": Memory(Paused(1e6))}
        files.changed()
        await files.saved()
        first = pair_state_file.load(path).pairs["test"].paused_for_s
        files.checkpoint()
        await files.saved()
        later = pair_state_file.load(path).pairs["test"].paused_for_s
        assert first is not None
        assert later is not None
        assert later < first

    on_a_loop(story)


def test_pairs_of_files_that_cannot_be_read_stay_paused_though_disabled(
    tmp_path: Path, writer: WriterThread
) -> None:
    path = tmp_path / "state.json"
    for each in (path, pair_state_file.copy_of(path)):
        each.write_text("{")

    async def story() -> None:
        files = keeping(tmp_path, writer)
        files.load(["test", "disabled"])
        assert files.remembered("test").wanted == Paused(None)
        files.memories = lambda: {
            "test": files.remembered("test"),
            "disabled": Memory(Down()),
        }
        files.changed()
        await files.saved()

    on_a_loop(story)

    paused = SavedPair(is_paused=True)
    assert pair_state_file.load(path).pairs == {"test": paused, "disabled": paused}


def test_stop_asked_of_every_pair_at_the_end_is_not_what_is_wanted(
    tmp_path: Path, writer: WriterThread
) -> None:
    async def story() -> None:
        files = keeping(tmp_path, writer)
        memories = {"test": Memory(Paused(None)), "other": Memory(Up())}
        files.memories = lambda: memories
        files.remember()
        for name in memories:
            memories[name] = Memory(Down())
        files.changed()
        files.finish(writer)
        await files.saved()

    on_a_loop(story)

    assert pair_state_file.load(tmp_path / "state.json").pairs == {
        "test": SavedPair(True, None, False)
    }


# --- what nobody acknowledged ----------------------------------------------------------------

PAIR = Pair("test", Endpoint("/m"), Endpoint("/s", "host"))
PROMOTED = Anomaly(AnomalyName.ROLE_CHANGED, PAIR.slave, "slave", "master", 5.0, 9)
FULL = CountedComplaint("slave_full", "make room", "No space", 3, 4.0, 6.0)


def test_complaints_and_anomalies_are_taken_up_by_the_next_daemon(
    tmp_path: Path, writer: WriterThread
) -> None:
    memories: list[Memory] = []
    anomalies: list[Anomaly] = []

    async def first() -> None:
        files = keeping(tmp_path, writer)
        files.memories = lambda: {"test": Memory(Down(), is_diverged=True, complaints=(FULL,))}
        files.anomalies = lambda: {"test": (PROMOTED,)}
        files.changed()
        await files.saved()

    async def second() -> None:
        files = keeping(tmp_path, writer)
        files.load()
        memories.append(files.remembered("test"))
        anomalies.extend(files.remembered_anomalies(PAIR))
        assert files.remembered_anomalies(replace(PAIR, slave=Endpoint("/else"))) == ()

    on_a_loop(first)
    on_a_loop(second)

    [memory], [anomaly] = memories, anomalies
    assert memory.is_diverged
    [complaint] = memory.complaints
    assert complaint == replace(FULL, since_at=complaint.since_at, last_at=complaint.last_at)
    assert complaint.last_at - complaint.since_at == pytest.approx(2.0, abs=0.01)
    assert anomaly == replace(PROMOTED, at=anomaly.at, number=0)
    assert anomaly.at - complaint.since_at == pytest.approx(1.0, abs=0.01)


def test_count_that_has_risen_is_saved_at_the_next_checkpoint_and_only_then(
    tmp_path: Path, writer: WriterThread
) -> None:
    path = tmp_path / "state.json"
    memory = Memory(Paused(None), complaints=(FULL,))

    def saved_count() -> int:
        return pair_state_file.load(path).pairs["test"].unacknowledged.complaints[0].count

    async def story() -> None:
        nonlocal memory
        files = keeping(tmp_path, writer)
        files.memories = lambda: {"test": memory}
        files.changed()
        await files.saved()
        first = path.stat().st_ino
        files.checkpoint()
        await files.saved()
        assert path.stat().st_ino == first
        memory = replace(memory, complaints=(replace(FULL, count=4, last_at=7.0),))
        assert saved_count() == 3
        files.checkpoint()
        await files.saved()
        assert saved_count() == 4

    on_a_loop(story)


def test_damaged_file_is_kept_before_it_is_written_over(
    tmp_path: Path, writer: WriterThread
) -> None:
    path = tmp_path / "state.json"
    pair_state_file.save(path, {"test": SavedPair(True, None, True)})
    path.write_text("{")
    (tmp_path / "clocks.json").write_text("[]")
    complaints: tuple[str, ...] = ()

    async def story() -> None:
        nonlocal complaints
        files = keeping(tmp_path, writer)
        files.load()
        files.memories = lambda: {"test": files.remembered("test")}
        files.checkpoint()
        await files.saved()
        complaints = files.complaints

    on_a_loop(story)
    writer.close(10)

    assert [str(path) in complaint for complaint in complaints] == [True, False]
    assert (tmp_path / "state.json.bad").read_text() == "{"
    assert (tmp_path / "clocks.json.bad").read_text() == "[]"
    assert pair_state_file.load(path) == pair_state_file.Loaded(
        {"test": SavedPair(True, None, True)}
    )


def test_file_that_cannot_be_set_aside_is_not_written_over(
    tmp_path: Path, writer: WriterThread
) -> None:
    path = tmp_path / "state.json"
    path.write_text("{")
    # A directory in the place where the evidence would go: unlink() and link() both fail.
    (tmp_path / "state.json.bad/in the way").mkdir(parents=True)

    async def story() -> None:
        files = keeping(tmp_path, writer)
        files.load()
        files.memories = lambda: {"test": Memory(Paused(None))}
        files.changed()
        await files.saved()
        assert files.describe()["state_unsaved_because"]
        assert path.read_text() == "{"
        (tmp_path / "state.json.bad/in the way").rmdir()
        (tmp_path / "state.json.bad").rmdir()
        files.checkpoint()
        await files.saved()
        assert files.describe()["state_unsaved_because"] is None

    on_a_loop(story)

    assert pair_state_file.load(path).pairs == {"test": SavedPair(True, None, False)}
    assert (tmp_path / "state.json.bad").read_text() == "{"


def test_log_that_hangs_costs_no_state(tmp_path: Path) -> None:
    hung, last = WriterThread(), WriterThread()
    gate, is_held = threading.Event(), threading.Event()

    def hang() -> None:
        is_held.set()
        gate.wait(60)

    async def story() -> None:
        files = keeping(tmp_path, hung)
        files.memories = lambda: {"test": Memory(Paused(None))}
        hung.submit(hang)
        await asyncio.to_thread(is_held.wait, 60)
        files.changed()
        assert await files.saved(0.01) == "the disk takes longer than 0.01 s"
        files.finish(hung)
        assert not hung.close(0.01)
        files.memories = lambda: {"test": Memory(Paused(None), is_diverged=True)}
        files.finish(last)
        assert last.close(60)

    on_a_loop(story)
    gate.set()
    assert hung.close(60)

    kept = {"test": SavedPair(True, None, True)}
    assert pair_state_file.load(tmp_path / "state.json") == pair_state_file.Loaded(kept)
