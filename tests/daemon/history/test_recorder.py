"""The history of real daemons has all events, and its errors disturb no stream."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from random import Random

import psutil
import pytest

from hammerd.cli.history.queries import read_history
from hammerd.cli.output.failures import CommandFailed
from hammerd.core.api.protocol import Verb
from tests import hammerd_program
from tests.daemon.small_disk import a_small_disk
from tests.daemon.world import Status, World
from tests.hammerd_program import HAMMERD
from tests.paths import DATA
from tests.waiting import DEADLINE_S, until


@pytest.fixture
def world(world_once: World) -> World:
    """One world: the history does not depend on the watch of processes."""
    return world_once


def path_of(world: World) -> Path:
    return world.root / "db/history.db"


def query(world: World, sql: str) -> list[tuple[object, ...]]:
    """Query the history as the commands do; return an empty list while the file is being made."""
    try:
        return read_history(str(path_of(world)), lambda opened: opened.execute(sql).fetchall())
    except CommandFailed:
        return []


def names(world: World) -> list[object]:
    return [name for (name,) in query(world, "SELECT event FROM events ORDER BY id")]


def start_stream(world: World, **keys: str) -> tuple[Path, subprocess.Popen[str]]:
    config = world.configure({"test": world.make_pair()}, **keys)
    daemon = world.start(config)
    world.wait_until_following()
    return config, daemon


def daemon_status(world: World) -> Status:
    status: Status = world.ask(Verb.STATUS)["hammerd"]
    return status


def assert_mirrors(world: World, name: str) -> None:
    """Assert that a write reaches the slave, and that a killed half is replaced."""
    before = world.wait_until_following()
    psutil.Process(before["half_pids"][0]).kill()
    world.wait_for(lambda now: now["restarts"] > before["restarts"], "a new stream")
    world.wait_until_following()
    world.write(name, name)
    world.wait_for(
        lambda now: now["lag_verdict"] == "in_sync" and now["slave_tid"] != before["slave_tid"],
        "in sync again",
    )


def test_events_and_samples_are_recorded(world: World) -> None:
    _, daemon = start_stream(world)
    until(lambda: "pair.streaming" in names(world), "the stream in the history")
    until(lambda: query(world, "SELECT 1 FROM lag WHERE verdict = 'in_sync'"), "a sample")
    assert world.stop(daemon) == 0

    logged = [line.split()[2] for line in world.log().splitlines()]
    assert names(world) == logged
    gears = query(world, "SELECT level, pair, fields FROM events WHERE event = 'pair.launching'")
    assert [(level, pair, json.loads(str(fields))["gear"]) for level, pair, fields in gears] == [
        ("info", "test", "bulk"),
        ("info", "test", "following"),
    ]
    (sample,) = query(
        world, "SELECT pair, tids, seconds, master_tid FROM lag WHERE verdict = 'in_sync' LIMIT 1"
    )
    assert sample[:2] == ("test", 0)
    # In sync is worth the age of the last reading of the master.
    assert float(str(sample[2])) >= 0
    assert str(sample[3]).startswith("0x00000001")
    assert (
        abs(int(str(query(world, "SELECT max(time_ms) FROM lag")[0][0])) / 1e3 - time.time()) < 60
    )
    lines = (world.root / "log/lag.log").read_text().splitlines()
    assert query(world, "SELECT count(*) FROM lag") == [(len(lines),)]


def test_a_kill_loses_at_most_the_last_batch(world: World) -> None:
    config, daemon = start_stream(world, sample_interval="0.2s")
    # The longest one shows that more than a batch is written.
    moments_s = (Random().uniform(0, 1.5), 4.5)
    lines_before = rows_before = 0
    for runs, moment_s in enumerate(moments_s, 1):
        until(lambda runs=runs: names(world).count("pair.streaming") >= runs, "a stream")
        # At any moment between two writes, or within one.
        time.sleep(moment_s)
        daemon.kill()
        daemon.wait(DEADLINE_S)

        assert query(world, "PRAGMA integrity_check") == [("ok",)]
        lines, rows = logged_samples(world), recorded_samples(world)
        new_lines, new_rows = lines[lines_before:], rows[rows_before:]
        common = min(len(new_lines), len(new_rows))
        # Nothing is missing in between, in neither of both.
        assert common > 0
        assert new_rows[:common] == new_lines[:common]
        assert len(new_lines) - len(new_rows) < MOST_IN_A_BATCH
        lines_before, rows_before = len(lines), len(rows)
        daemon = world.start(config)
        world.wait_until_following()

    until(lambda: names(world).count("daemon.started") == 3, "the last start")
    assert daemon_status(world)["history_unwritten_because"] is None


MOST_IN_A_BATCH = 15
"""Samples of three seconds: a batch is of one second, and a loaded host is slow."""

Measured = tuple[str, str, str]
"""Verdict and TIDs of both ends, as the log has them."""


def logged_samples(world: World) -> list[Measured]:
    """Return the samples in the record of lag; its last line may be cut."""
    text = (world.root / "log/lag.log").read_text()
    found = re.findall(r"verdict=(\w+) .*?master_tid=(\w+) slave_tid=(\w+)", text)
    return [(verdict, master, slave) for verdict, master, slave in found]


def recorded_samples(world: World) -> list[Measured]:
    rows = query(
        world,
        "SELECT verdict, master_tid, slave_tid FROM lag "
        "WHERE master_tid IS NOT NULL AND slave_tid IS NOT NULL ORDER BY time_ms",
    )
    return [(str(verdict), str(master), str(slave)) for verdict, master, slave in rows]


@pytest.mark.parametrize("how", ["garbage", "cut"])
def test_damaged_file_is_set_aside_and_logged_once(world: World, how: str) -> None:
    _, daemon = start_stream(world)
    until(lambda: len(query(world, "SELECT 1 FROM lag")) > 2, "some samples")
    path = path_of(world)
    damaged = b"x" * 20_000 if how == "garbage" else path.read_bytes()[:5_000]
    path.write_bytes(damaged)

    world.wait_for_log("history.damaged")
    until(lambda: "history.damaged" in names(world), "the new history")
    assert_mirrors(world, how)

    status = daemon_status(world)
    assert status["history_unwritten_because"] is None
    (complaint,) = status["history_complaints"]
    assert complaint.startswith(str(path))
    assert path.with_name("history.db.bad").stat().st_size >= 5_000
    world.stop(daemon)
    assert world.log().count("history.damaged") == 1
    assert "state.unsaved" not in world.log()


def test_rows_of_a_locked_history_are_written_later(world: World) -> None:
    _, daemon = start_stream(world)
    until(lambda: "pair.streaming" in names(world), "the stream in the history")
    with closing(sqlite3.connect(path_of(world), isolation_level=None)) as holder:
        until(lambda: _locks(holder), "our lock")
        world.wait_for_log("history.unwritten")
        assert_mirrors(world, "locked")
        status = daemon_status(world)
        assert "database is locked" in status["history_unwritten_because"]
        assert status["history_unwritten_since_time"]

    world.wait_for_log("history.written_again")
    until(
        lambda: daemon_status(world)["history_unwritten_because"] is None, "the end of the error"
    )
    world.stop(daemon)

    # No event of that time is missing.
    assert names(world) == [line.split()[2] for line in world.log().splitlines()]
    assert world.log().count("history.unwritten ") == 1


def _locks(holder: sqlite3.Connection) -> bool:
    try:
        holder.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        return False
    return True


def test_full_disk_stops_only_the_history(world: World) -> None:
    with a_small_disk(world.root / "db", kib=256) as disk:
        _, daemon = start_stream(world)
        until(lambda: "pair.streaming" in names(world), "the stream in the history")
        disk.fill()

        # A few rows may still fit into the last page of the file.
        for _ in range(40):
            world.ask(Verb.RESTART)
            world.wait_until_following()
            if daemon_status(world)["history_unwritten_because"]:
                break
        world.wait_for_log("history.unwritten")
        assert_mirrors(world, "full")
        assert world.log().count("history.unwritten ") == 1

        disk.free()
        assert_continues(world)
        world.stop(daemon)


@pytest.mark.long
def test_read_only_disk_stops_only_the_history(world: World) -> None:
    with a_small_disk(world.root / "db", kib=256) as disk:
        config, daemon = start_stream(world)
        until(lambda: "pair.streaming" in names(world), "the stream in the history")
        daemon.kill()
        daemon.wait(DEADLINE_S)
        disk.allow_writing(is_allowed=False)

        daemon = world.start(config)
        world.wait_for_log("history.unwritten")
        assert_mirrors(world, "read-only")
        assert "pair.streaming" in names(world)
        assert world.log().count("history.unwritten ") == 1

        disk.allow_writing(is_allowed=True)
        assert_continues(world)
        world.stop(daemon)


def assert_continues(world: World) -> None:
    world.wait_for_log("history.written_again")
    until(lambda: "history.written_again" in names(world), "the history goes on")
    assert "history.unwritten" in names(world)
    assert query(world, "PRAGMA integrity_check") == [("ok",)]
    assert daemon_status(world)["history_rows_lost"] == 0


def test_newer_history_is_left_alone(world: World) -> None:
    path_of(world).parent.mkdir()
    with closing(sqlite3.connect(path_of(world))) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute("CREATE TABLE future (x)")
    before = path_of(world).read_bytes()

    start_stream(world)

    line = world.wait_for_log("history.unwritten")
    assert "version 99" in line
    assert "version 99" in daemon_status(world)["history_unwritten_because"]
    assert daemon_status(world)["health"] == "ok"
    assert path_of(world).read_bytes() == before


def test_without_sqlite_only_the_history_is_off(world: World) -> None:
    modules = world.root / "modules"
    modules.mkdir()
    (modules / "sqlite3.py").write_text("raise ImportError('no sqlite3 here')\n")
    world.env["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(modules), os.environ.get("PYTHONPATH")))
    )

    _, daemon = start_stream(world)
    assert_mirrors(world, "without")

    line = world.wait_for_log("history.off")
    assert "-sqlite3" in line
    status = daemon_status(world)
    assert (status["history_unwritten_because"], status["health"]) == (
        "this Python has no sqlite3",
        "ok",
    )
    world.stop(daemon)
    assert world.log().count("history.") == 1
    assert not path_of(world).exists()


def test_a_history_of_version_1_is_converted_and_one_moved_away_begun_again(world: World) -> None:
    path_of(world).parent.mkdir()
    shutil.copyfile(DATA / "history/version-1.db", path_of(world))
    start_stream(world)
    old_tables = "SELECT 1 FROM sqlite_master WHERE name LIKE 'old%'"
    until(
        lambda: query(world, "PRAGMA user_version") == [(2,)] and not query(world, old_tables),
        "the conversion",
    )
    until(lambda: "pair.streaming" in names(world)[32:], "new events after the old ones")
    assert names(world)[32:].count("daemon.started") == 1
    assert query(world, "SELECT count(*) FROM lag_rows") == [(150,)]

    path_of(world).rename(world.root / "elsewhere.db")

    until(lambda: query(world, "SELECT 1 FROM lag"), "a sample in the new one")
    assert daemon_status(world)["history_unwritten_because"] is None


def test_history_keep_changes_with_a_reload(world: World) -> None:
    config, _ = start_stream(world)
    text = config.read_text().replace("[defaults]", 'history_keep = "7d"\n[defaults]')
    config.write_text(text)

    assert world.ask(Verb.RELOAD)["for_next_start"] == []


def test_follow_prints_events_as_they_happen(world: World) -> None:
    config, daemon = start_stream(world)
    until(lambda: "pair.streaming" in names(world), "the stream in the history")
    argv = [*HAMMERD, "events", "test", "-c", str(config), "--follow", "--json"]
    with hammerd_program.popen(argv, stdout=subprocess.PIPE, text=True) as follower:
        try:
            assert follower.stdout is not None
            for line in follower.stdout:
                if json.loads(line)["event"] == "pair.streaming":
                    break
            world.ask(Verb.PAUSE, "test")
            events = []
            for line in follower.stdout:
                events.append(json.loads(line))
                if events[-1]["event"] == "pair.stopped":
                    break
            assert {event["pair"] for event in events} == {"test"}
            assert [event["schema_version"] for event in events] == [1] * len(events)
            ids = [event["id"] for event in events]
            assert ids == sorted(set(ids))

            # The follower continues with a new file at the same path.
            path_of(world).rename(world.root / "elsewhere.db")
            world.ask(Verb.RESUME, "test")
            for line in follower.stdout:
                if json.loads(line)["event"] == "pair.streaming":
                    break

            follower.send_signal(signal.SIGINT)
            assert follower.wait(DEADLINE_S) == 0
        finally:
            follower.kill()
    world.stop(daemon)


STEPPED_CLOCK = """
import os, time
_real = time.time
def _stepped():
    try:
        with open(os.environ["CLOCK_STEP"]) as file:
            return _real() + float(file.read() or 0)
    except OSError:
        return _real()
time.time = _stepped
"""


def test_times_are_right_after_the_wall_clock_was_wrong(world: World) -> None:
    modules, step = world.root / "modules", world.root / "step"
    modules.mkdir()
    (modules / "sitecustomize.py").write_text(STEPPED_CLOCK)
    world.env["CLOCK_STEP"] = str(step)
    world.env["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(modules), os.environ.get("PYTHONPATH")))
    )
    step.write_text("7200")
    began_ms = time.time() * 1_000
    config, daemon = start_stream(world)
    until(lambda: "pair.streaming" in names(world), "the stream in the history")

    def latest_ms() -> int:
        found = query(world, "SELECT max(time_ms) FROM lag")
        return int(str(found[0][0] or 0)) if found else 0

    step.write_text(str(2_592_000))
    until(lambda: latest_ms() > began_ms + 2_000_000_000, "a sample of next month")
    world.ask(Verb.PAUSE, "test")
    until(lambda: "pair.stopped" in names(world), "the pause in the history")
    step.write_text("0")
    world.wait_for_log("history.clock_corrected")
    until(lambda: "history.clock_corrected" in names(world), "the correction in the history")

    times = query(world, "SELECT time_ms FROM events ORDER BY id")
    assert times == sorted(times)
    for table in ("events", "lag"):
        (extent,) = query(world, f"SELECT min(time_ms), max(time_ms) FROM {table}")
        assert began_ms - 2_000 < int(str(extent[0])) <= int(str(extent[1]))
        assert int(str(extent[1])) < time.time() * 1_000 + 2_000
    printed = hammerd_program.run(
        [*HAMMERD, "events", "-c", str(config), "--since", "10m"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "pair.stopped" in printed.stdout
    assert printed.stderr == ""
    assert daemon_status(world)["history_unwritten_because"] is None
    world.stop(daemon)
