"""Foreign directories, links, FIFOs and records at paths that hammerd writes and reads."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.core.errors import HammerdError
from hammerd.daemon.service.pidfile import PidFile
from hammerd.daemon.state.spawn_records import SpawnRecord, SpawnRecords
from tests.daemon.rights import ROOT_ONLY
from tests.daemon.world import World
from tests.waiting import DEADLINE_S

NOBODY = 65534


def start(world: World, *under: object) -> None:
    world.start(world.root / "hammerd.toml", *under)


def refusal(world: World) -> str:
    """Start a daemon that refuses to run; return its error output."""
    daemon = world.spawn(world.root / "hammerd.toml")
    assert daemon.wait(DEADLINE_S) != 0
    assert daemon.stderr
    return " ".join(daemon.stderr.read().split())


# --- directories ---------------------------------------------------------------------------------


@ROOT_ONLY
@pytest.mark.parametrize("mode", [0o777, 0o1777], ids=oct)
@pytest.mark.parametrize(
    ("place", "key"),
    [("run", "run_dir"), ("run/streams", "run_dir"), ("db", "state_dir"), ("log", "log_file")],
)
def test_directory_that_others_could_change_keeps_root_s_hammerd_from_starting(
    paired: World, place: str, key: str, mode: int
) -> None:
    directory = paired.root / place
    directory.mkdir(parents=True)
    directory.chmod(mode)

    assert f"daemon.{key}: everybody may write to {directory}" in refusal(paired)
    assert not (paired.run_dir / "control.sock").exists()


@ROOT_ONLY
def test_directory_of_another_user_is_refused(paired: World) -> None:
    (paired.root / "db").mkdir()
    os.chown(paired.root / "db", NOBODY, -1)

    message = refusal(paired)

    assert "is not root's" in message
    assert f'name another directory, or "chown root {paired.root / "db"}"' in message


# --- links, FIFOs, directories -------------------------------------------------------------------

PUT: dict[str, Callable[[Path, Path], object]] = {
    "symlink": lambda path, victim: path.symlink_to(victim),
    "hard link": lambda path, victim: path.hardlink_to(victim),
    "FIFO": lambda path, _: os.mkfifo(path),
    "directory": lambda path, _: path.mkdir(),
}


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Another user's file, which only its owner may read."""
    path = tmp_path / "victim"
    path.write_text("precious\n")
    path.chmod(0o400)
    return path


def assert_unharmed(victim: Path) -> None:
    assert (victim.read_text(), stat.S_IMODE(victim.stat().st_mode)) == ("precious\n", 0o400)


@pytest.mark.parametrize("is_lock_only", [False, True], ids=["pid file", "lock"])
@pytest.mark.parametrize("kind", PUT)
def test_foreign_file_at_the_pid_files_path_is_left_alone(
    tmp_path: Path, victim: Path, kind: str, is_lock_only: bool
) -> None:
    path = tmp_path / "hammerd.pid"
    PUT[kind](path, victim)
    with pytest.raises((OSError, HammerdError)):
        PidFile(path, is_lock_only=is_lock_only)

    assert_unharmed(victim)
    assert path.is_symlink() or path.exists()


OURS = (
    *("db/state.json", "db/state.json.new", "db/state.json.bad", "db/clocks.json"),
    *("db/clocks.json.new", "run/control.sock", "run/status.sock"),
)


def put_in_place_of_ours(world: World, kind: str, victim: Path) -> None:
    for name in OURS:
        path = world.root / name
        path.parent.mkdir(mode=0o755, exist_ok=True)
        PUT[kind](path, victim)


@pytest.mark.parametrize("kind", ["symlink", "hard link"])
def test_links_in_the_place_of_our_files_are_not_followed(paired: World, kind: str) -> None:
    victim = paired.root / "victim"
    victim.write_text("precious\n")
    victim.chmod(0o400)
    put_in_place_of_ours(paired, kind, victim)
    start(paired)

    assert paired.ask(Verb.PAUSE)["unsaved_because"] is None
    assert json.loads((paired.root / "db/state.json").read_text())["pairs"]["test"]["is_paused"]
    assert_unharmed(victim)
    assert paired.stop(paired.daemons[0]) == 0
    assert_unharmed(victim)
    assert not (paired.root / "db/clocks.json").is_symlink()


def test_fifos_in_the_place_of_our_files_hold_nothing_up(paired: World, tmp_path: Path) -> None:
    put_in_place_of_ours(paired, "FIFO", tmp_path)
    start(paired)

    assert paired.ask(Verb.PAUSE)["unsaved_because"] is None
    assert (paired.root / "db/state.json").is_file()


@pytest.mark.parametrize("kind", ["symlink", "hard link", "FIFO"])
def test_record_is_not_written_through_a_link(tmp_path: Path, victim: Path, kind: str) -> None:
    errors: list[str] = []
    records = SpawnRecords(tmp_path / "streams", errors.append)
    for name in ("4711.json", "4711.json.new"):
        PUT[kind](tmp_path / "streams" / name, victim)
    record = SpawnRecord(4711, "test", ("hammer",), (), ())
    records.write(record)

    assert_unharmed(victim)
    assert ([], [record]) == (errors, list(records.earlier_records()))
    assert stat.S_IMODE((tmp_path / "streams/4711.json").stat().st_mode) == 0o600


# --- records -------------------------------------------------------------------------------------


def test_record_that_another_user_could_have_written_is_none(tmp_path: Path) -> None:
    errors: list[str] = []
    records = SpawnRecords(tmp_path, errors.append)
    records.write(SpawnRecord(4711, "test", ("hammer",), (), ()))
    (tmp_path / "4711.json").chmod(0o622)

    assert list(records.earlier_records()) == []
    assert "another user could have written it" in errors[0]


@ROOT_ONLY
def test_record_of_another_user_is_none(tmp_path: Path) -> None:
    errors: list[str] = []
    records = SpawnRecords(tmp_path, errors.append)
    records.write(SpawnRecord(4711, "test", ("hammer",), (), ()))
    os.chown(tmp_path / "4711.json", NOBODY, -1)

    assert list(records.earlier_records()) == []
    assert "another user could have written it" in errors[0]
