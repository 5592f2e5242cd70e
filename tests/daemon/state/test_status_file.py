"""status.json holds the last `status` answer, however the daemon ends, for use without one."""

import asyncio
import json
import os
import stat
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.core.api.status_json import Snapshot
from hammerd.core.config.model import LogFormat, LogLevel
from hammerd.core.replication.saved_moments import SavedMoment
from hammerd.daemon.logging.setup import LogStyle, make_logger
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.state import status_file
from hammerd.daemon.state.status_file import SavedStatus
from hammerd.daemon.state.store import StateStore
from hammerd.daemon.threads.writer_thread import WriterThread
from hammerd.daemon.timing.clock import Clock
from tests import hammerd_program
from tests.daemon.world import DEADLINE_S, Status, World, until
from tests.hammerd_program import HAMMERD

NOWHERE = {"test": ("/no/such/master", "/no/such/slave")}
LOG = make_logger(lambda _level, _line: None, LogStyle(LogFormat.HUMAN, LogLevel.DEBUG))


def file_of(world: World) -> Path:
    return world.root / "db/status.json"


def saved(world: World) -> dict[str, Any]:
    """Return the whole file, an empty status if it is missing."""
    path = file_of(world)
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"pairs": [{}]}
    return found


def reaches_the_file(world: World, **wanted: object) -> None:
    """Wait until the file has these values for the only pair."""
    until(lambda: wanted.items() <= saved(world)["pairs"][0].items(), f"saved: {wanted}")


def last_status(world: World) -> Status:
    """Return the status of the only pair that `hammerd status` prints when no hammerd answers."""
    argv = [*HAMMERD, "status", "--json", "-c", str(world.root / "hammerd.toml")]
    done = hammerd_program.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 69, done.stderr
    (pair,) = json.loads(done.stdout)["pairs"]
    found: Status = pair
    return found


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def kill(daemon: subprocess.Popen[str]) -> None:
    daemon.kill()
    daemon.wait(DEADLINE_S)


def test_file_holds_the_answer_of_status_and_its_moment(mirrored: World) -> None:
    mirrored.ask(Verb.PAUSE, "test")
    mirrored.wait_for(lambda now: now["state"] == "stopped", "stopped")
    reaches_the_file(mirrored, state="stopped", wanted="paused")

    answer, found = mirrored.ask(Verb.STATUS), saved(mirrored)

    [pair], [answered] = found.pop("pairs"), answer["pairs"]
    moment, saved_part = found.pop("saved"), pair.pop("saved")
    assert found.keys() | {"pairs"} == answer.keys()
    assert found["hammerd"] == answer["hammerd"]
    assert pair.keys() == answered.keys()
    for name in ("pair", "master", "slave", "wanted", "state", "master_tid", "slave_tid"):
        assert pair[name] == answered[name], name
    assert moment["time"] == pytest.approx(seconds(found["measured_time"]), abs=1.0)
    assert (saved_part["is_paused"], saved_part["is_diverged"]) == (True, False)
    assert saved_part["slave_seen_time"] >= pair["lag_measured_time"]


def test_transition_is_in_the_file_soon(mirrored: World) -> None:
    mirrored.wait_until_following()

    reaches_the_file(mirrored, state="streaming", pid=mirrored.status()["pid"])


def test_answered_pause_is_in_the_file_after_a_kill(world_once: World) -> None:
    daemon = world_once.start(world_once.configure(NOWHERE))

    assert world_once.ask(Verb.PAUSE, "test", for_s=3600.0)["unsaved_because"] is None
    until_time = world_once.status()["paused_until_time"]
    kill(daemon)

    last = last_status(world_once)
    assert last["wanted"] == "paused"
    assert seconds(last["paused_until_time"]) == pytest.approx(seconds(until_time), abs=1.0)


def test_file_has_what_was_wanted_and_the_last_tids_after_a_stop(mirrored: World) -> None:
    now = mirrored.wait_for(lambda now: now["safe_until_time"], "something is safe")
    mirrored.stop(mirrored.daemons[0])

    last = last_status(mirrored)

    (pair,) = saved(mirrored)["pairs"]
    assert (pair["state"], pair["wanted"], last["wanted"]) == ("stopped", "down", "up")
    assert last["slave_tid"] >= now["slave_tid"]
    assert pair["safe_until_time"] >= now["safe_until_time"]
    # Without a new reading the safe time is that of the last one.
    times = (pair["safe_until_time"], pair["saved"]["slave_seen_time"])
    assert seconds(last["safe_until_time"]) == pytest.approx(min(map(seconds, times)), abs=1)


def test_safe_times_survive_a_start_without_a_reading(mirrored: World) -> None:
    mirrored.wait_for(lambda now: now["safe_until_time"], "something is safe")
    mirrored.stop(mirrored.daemons[0])
    before = last_status(mirrored)
    # A hammer that answers nothing, so that no endpoint is read.
    mirrored.hammer.write_text("#!/bin/sh\nexec sleep 1000\n")
    daemon = mirrored.start(mirrored.root / "hammerd.toml")
    until(lambda: saved(mirrored)["hammerd"]["pid"] == daemon.pid, "a save of the new daemon")
    kill(daemon)

    after = last_status(mirrored)

    safe = [seconds(each["safe_until_time"]) for each in (before, after)]
    assert safe[0] == pytest.approx(safe[1], abs=0.5)
    assert after["slave_tid"] == before["slave_tid"]


def test_file_that_cannot_be_saved_is_reported_and_retried(world_once: World) -> None:
    obstacle = world_once.root / "db/status.json.new"
    obstacle.mkdir(parents=True)

    def because() -> str | None:
        error: str | None = world_once.ask(Verb.STATUS)["hammerd"]["status_unsaved_because"]
        return error

    daemon = world_once.start(world_once.configure(NOWHERE))
    until(because, "the failure is in the status")

    hammerd = world_once.ask(Verb.STATUS)["hammerd"]
    assert str(obstacle) in hammerd["status_unsaved_because"]
    assert (hammerd["state_unsaved_because"], hammerd["health"]) == (None, "warning")
    assert "file=status.json" in world_once.wait_for_log("state.unsaved")
    assert world_once.ask(Verb.PAUSE, "test")["unsaved_because"] is None
    obstacle.rmdir()
    world_once.ask(Verb.RESUME, "test")
    until(lambda: because() is None, "it is saved again")
    world_once.wait_for_log("state.saved_again")
    obstacle.mkdir()
    assert world_once.stop(daemon) == 0
    after = world_once.log().rpartition("daemon.stopped")[2]
    assert "state.unsaved" in after
    assert "tells what was true before" in after


# --- the file itself -----------------------------------------------------------------------------


@pytest.fixture
def writer() -> Iterator[WriterThread]:
    writer = WriterThread()
    yield writer
    assert writer.close(10)


def snapshot() -> Snapshot:
    return Snapshot({"pid": 7}, (), asyncio.get_running_loop().time())


def state_store(directory: Path, writer: WriterThread) -> StateStore:
    loop = asyncio.get_running_loop()
    return StateStore(directory, ReadingStore(), Clock(loop.time), writer, LOG)


@pytest.mark.parametrize(("group", "mode"), [(os.getegid(), 0o640), (None, 0o600)])
def test_group_that_may_ask_for_the_status_may_read_it(
    tmp_path: Path, group: int | None, mode: int
) -> None:
    path = tmp_path / "status.json"
    status_file.save(path, SavedStatus(Snapshot({}, (), 0.0), {}, SavedMoment(0.0), 0.0), group)

    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_nothing_is_saved_before_every_pair_is_known(tmp_path: Path, writer: WriterThread) -> None:
    path = tmp_path / "status.json"
    path.write_text("what an earlier daemon left")

    async def scenario() -> None:
        store = state_store(tmp_path, writer)
        store.load()
        store.changed()
        store.checkpoint()
        await store.wait_saved()
        assert path.read_text() == "what an earlier daemon left"
        store.save_status_too(snapshot, None)
        await store.wait_saved()

    asyncio.run(scenario())

    assert json.loads(path.read_text())["hammerd"]["pid"] == 7


def test_thousand_transitions_are_one_save(tmp_path: Path, writer: WriterThread) -> None:
    taken, is_taken = 0, asyncio.Event()

    def counted() -> Snapshot:
        nonlocal taken
        taken += 1
        is_taken.set()
        return snapshot()

    async def scenario() -> None:
        store = state_store(tmp_path, writer)
        store.save_status_too(counted, None)
        await store.wait_saved()
        is_taken.clear()
        for _ in range(1000):
            store.state_changed()
            await asyncio.sleep(0)
        await is_taken.wait()
        for _ in range(1000):
            store.changed()
        await store.wait_saved()

    asyncio.run(scenario())

    assert taken == 3
