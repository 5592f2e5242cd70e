"""The history of real daemons: what happens arrives, and its troubles are no mirror's."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from hammerd.cli.history.queries import read_history
from hammerd.cli.output.failures import CommandFailed
from hammerd.core.api.protocol import Verb
from tests.daemon.small_disk import a_small_disk
from tests.daemon.world import HAMMERD, Status, World
from tests.waiting import DEADLINE_S, until


@pytest.fixture
def world(world_once: World) -> World:
    """A world once: none of this depends on how processes are watched."""
    return world_once


def path_of(world: World) -> Path:
    return world.root / "db/history.db"


def ask(world: World, query: str) -> list[tuple[object, ...]]:
    """Ask as the commands do; an empty list while the file is being made."""
    try:
        return read_history(str(path_of(world)), lambda opened: opened.execute(query).fetchall())
    except CommandFailed:
        return []


def names(world: World) -> list[object]:
    return [name for (name,) in ask(world, "SELECT event FROM events ORDER BY id")]


def mirrored(world: World, **keys: str) -> tuple[Path, subprocess.Popen[str]]:
    config = world.configure({"test": world.make_pair()}, **keys)
    daemon = world.start(config)
    world.streams_in_following_gear()
    return config, daemon


def hammerd(world: World) -> Status:
    told: Status = world.ask(Verb.STATUS)["hammerd"]
    return told


def mirrors(world: World, name: str) -> None:
    """Hold that a write reaches the slave, and that a killed half is replaced."""
    before = world.streams_in_following_gear()
    psutil.Process(before["half_pids"][0]).kill()
    world.reaches(lambda now: now["restarts"] > before["restarts"], "a new stream")
    world.streams_in_following_gear()
    world.write(name, name)
    world.reaches(
        lambda now: now["lag_verdict"] == "in_sync" and now["slave_tid"] != before["slave_tid"],
        "in sync again",
    )


def test_events_and_samples_arrive(world: World) -> None:
    _, daemon = mirrored(world)
    until(lambda: "pair.streaming" in names(world), "the stream in the history")
    until(lambda: ask(world, "SELECT 1 FROM lag WHERE verdict = 'in_sync'"), "a sample")
    assert world.stop(daemon) == 0

    logged = [line.split()[2] for line in world.log().splitlines()]
    assert names(world) == logged
    gears = ask(world, "SELECT level, pair, fields FROM events WHERE event = 'pair.launching'")
    assert [(level, pair, json.loads(str(fields))["gear"]) for level, pair, fields in gears] == [
        ("info", "test", "bulk"),
        ("info", "test", "following"),
    ]
    (sample,) = ask(
        world, "SELECT pair, tids, seconds, master_tid FROM lag WHERE verdict = 'in_sync' LIMIT 1"
    )
    assert sample[:2] == ("test", 0)
    # In sync is worth the age of the last reading of the master.
    assert float(str(sample[2])) >= 0
    assert str(sample[3]).startswith("0x00000001")
    assert abs(int(str(ask(world, "SELECT max(time_ms) FROM lag")[0][0])) / 1e3 - time.time()) < 60
    lines = (world.root / "log/lag.log").read_text().splitlines()
    assert ask(world, "SELECT count(*) FROM lag") == [(len(lines),)]


def test_kill_leaves_a_history_to_read_and_to_go_on_with(world: World) -> None:
    config, daemon = mirrored(world)
    for _ in range(3):
        until(lambda: "pair.streaming" in names(world), "the stream in the history")
        before = len(names(world))
        daemon.kill()
        daemon.wait(DEADLINE_S)

        assert ask(world, "PRAGMA integrity_check") == [("ok",)]
        assert len(names(world)) >= before
        daemon = world.start(config)
        world.streams_in_following_gear()

    until(lambda: names(world).count("daemon.started") == 4, "the last start")
    assert hammerd(world)["history_unwritten_because"] is None


@pytest.mark.parametrize("how", ["garbage", "cut"])
def test_damage_is_set_aside_and_said_once(world: World, how: str) -> None:
    _, daemon = mirrored(world)
    until(lambda: len(ask(world, "SELECT 1 FROM lag")) > 2, "some samples")
    path = path_of(world)
    damaged = b"x" * 20_000 if how == "garbage" else path.read_bytes()[:5_000]
    path.write_bytes(damaged)

    world.says("history.damaged")
    until(lambda: "history.damaged" in names(world), "the new history")
    mirrors(world, how)

    told = hammerd(world)
    assert told["history_unwritten_because"] is None
    (complaint,) = told["history_complaints"]
    assert complaint.startswith(str(path))
    assert path.with_name("history.db.bad").stat().st_size >= 5_000
    world.stop(daemon)
    assert world.log().count("history.damaged") == 1
    assert "state.unsaved" not in world.log()


def test_locked_history_is_made_good_for(world: World) -> None:
    _, daemon = mirrored(world)
    until(lambda: "pair.streaming" in names(world), "the stream in the history")
    with closing(sqlite3.connect(path_of(world), isolation_level=None)) as holder:
        until(lambda: _locks(holder), "our lock")
        world.says("history.unwritten")
        mirrors(world, "locked")
        told = hammerd(world)
        assert "database is locked" in told["history_unwritten_because"]
        assert told["history_unwritten_since_time"]

    world.says("history.written_again")
    until(lambda: hammerd(world)["history_unwritten_because"] is None, "all is well")
    world.stop(daemon)

    # Nothing of what happened meanwhile is missing.
    assert names(world) == [line.split()[2] for line in world.log().splitlines()]
    assert world.log().count("history.unwritten ") == 1


def _locks(holder: sqlite3.Connection) -> bool:
    try:
        holder.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        return False
    return True


def test_full_disk_costs_history_only(world: World) -> None:
    with a_small_disk(world.root / "db", kib=256) as disk:
        _, daemon = mirrored(world)
        until(lambda: "pair.streaming" in names(world), "the stream in the history")
        disk.fill()

        # A page that the file has may take a few rows yet.
        for _ in range(40):
            world.ask(Verb.RESTART)
            world.streams_in_following_gear()
            if hammerd(world)["history_unwritten_because"]:
                break
        world.says("history.unwritten")
        mirrors(world, "full")
        assert world.log().count("history.unwritten ") == 1

        disk.make_room()
        is_made_good_for(world)
        world.stop(daemon)


def test_read_only_disk_costs_history_only(world: World) -> None:
    with a_small_disk(world.root / "db", kib=256) as disk:
        config, daemon = mirrored(world)
        until(lambda: "pair.streaming" in names(world), "the stream in the history")
        daemon.kill()
        daemon.wait(DEADLINE_S)
        disk.allow_writing(is_allowed=False)

        daemon = world.start(config)
        world.says("history.unwritten")
        mirrors(world, "read-only")
        assert "pair.streaming" in names(world)
        assert world.log().count("history.unwritten ") == 1

        disk.allow_writing(is_allowed=True)
        is_made_good_for(world)
        world.stop(daemon)


def is_made_good_for(world: World) -> None:
    world.says("history.written_again")
    until(lambda: "history.written_again" in names(world), "the history goes on")
    assert "history.unwritten" in names(world)
    assert ask(world, "PRAGMA integrity_check") == [("ok",)]
    assert hammerd(world)["history_rows_lost"] == 0


def test_newer_history_is_left_alone(world: World) -> None:
    path_of(world).parent.mkdir()
    with closing(sqlite3.connect(path_of(world))) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute("CREATE TABLE future (x)")
    before = path_of(world).read_bytes()

    mirrored(world)

    line = world.says("history.unwritten")
    assert "version 99" in line
    assert "version 99" in hammerd(world)["history_unwritten_because"]
    assert hammerd(world)["health"] == "ok"
    assert path_of(world).read_bytes() == before


def test_without_sqlite_all_else_is_well(world: World) -> None:
    modules = world.root / "modules"
    modules.mkdir()
    (modules / "sqlite3.py").write_text("raise ImportError('no sqlite3 here')\n")
    world.env["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(modules), os.environ.get("PYTHONPATH")))
    )

    _, daemon = mirrored(world)
    mirrors(world, "without")

    line = world.says("history.off")
    assert "-sqlite3" in line
    told = hammerd(world)
    assert (told["history_unwritten_because"], told["health"]) == (
        "this Python has no sqlite3",
        "ok",
    )
    world.stop(daemon)
    assert world.log().count("history.") == 1
    assert not path_of(world).exists()


def test_history_that_is_taken_away_is_begun_again(world: World) -> None:
    mirrored(world)
    until(lambda: "pair.streaming" in names(world), "the stream in the history")
    path_of(world).rename(world.root / "elsewhere.db")

    until(lambda: ask(world, "SELECT 1 FROM lag"), "a sample in the new one")

    assert hammerd(world)["history_unwritten_because"] is None


def test_how_long_it_is_kept_follows_a_reload(world: World) -> None:
    config, _ = mirrored(world)
    text = config.read_text().replace("[defaults]", 'history_keep = "7d"\n[defaults]')
    config.write_text(text)

    assert world.ask(Verb.RELOAD)["for_next_start"] == []


def test_followed_events_come_as_they_happen(world: World) -> None:
    config, daemon = mirrored(world)
    until(lambda: "pair.streaming" in names(world), "the stream in the history")
    argv = [*HAMMERD, "events", "test", "-c", str(config), "--follow", "--json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as follower:
        try:
            assert follower.stdout is not None
            for line in follower.stdout:
                if json.loads(line)["event"] == "pair.streaming":
                    break
            world.ask(Verb.PAUSE, "test")
            seen = []
            for line in follower.stdout:
                seen.append(json.loads(line))
                if seen[-1]["event"] == "pair.stopped":
                    break
            assert {one["pair"] for one in seen} == {"test"}
            assert [one["schema_version"] for one in seen] == [1] * len(seen)
            ids = [one["id"] for one in seen]
            assert ids == sorted(set(ids))

            # A new file in its place is gone on with.
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


def test_wall_clock_that_is_stepped_back_mixes_nothing_up(world: World) -> None:
    modules, step = world.root / "modules", world.root / "step"
    modules.mkdir()
    (modules / "sitecustomize.py").write_text(STEPPED_CLOCK)
    world.env["CLOCK_STEP"] = str(step)
    world.env["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(modules), os.environ.get("PYTHONPATH")))
    )
    config, daemon = mirrored(world)
    until(lambda: "pair.streaming" in names(world), "the stream in the history")
    before = ask(world, "SELECT max(time_ms), max(id) FROM lag")[0]

    step.write_text("-7200")
    until(
        lambda: ask(world, f"SELECT 1 FROM lag WHERE time_ms < {before[0]} AND id > {before[1]}"),
        "a sample of before",
    )
    world.ask(Verb.PAUSE, "test")
    until(lambda: "pair.stopped" in names(world), "the pause in the history")

    assert hammerd(world)["history_unwritten_because"] is None
    told = subprocess.run(
        [*HAMMERD, "events", "-c", str(config)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "pair.stopped" in told[-1]
    assert told[-1].split()[1] < told[1].split()[1] or told[-1].split()[0] < told[1].split()[0]
    lag = [*HAMMERD, "lag", "test", "-c", str(config)]
    assert subprocess.run(lag, capture_output=True, check=True).stdout
    world.stop(daemon)
