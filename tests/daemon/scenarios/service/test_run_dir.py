"""A run_dir that is removed, full, or changed."""

import contextlib
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.core.config.model import DaemonConfig
from hammerd.core.errors import AlreadyRunning, HammerdError
from hammerd.daemon.service.lock_files import LockFiles
from hammerd.daemon.service.os_errors import explaining_os_errors, hint_for
from tests import hammerd_program
from tests.daemon.small_disk import a_small_disk
from tests.daemon.world import World
from tests.hammerd_program import HAMMERD
from tests.waiting import DEADLINE_S, until

NOWHERE = {"test": ("/no/such/master", "/no/such/slave")}


@pytest.fixture
def settings(tmp_path: Path) -> DaemonConfig:
    return DaemonConfig(run_dir=str(tmp_path / "run"), state_dir=str(tmp_path / "db"))


def remove_directory(path: str) -> None:
    """Remove a directory in one step: a daemon may make it again at any moment."""
    os.rename(path, f"{path}.swept")
    shutil.rmtree(f"{path}.swept")


def remove_files(path: str) -> None:
    for name in os.listdir(path):
        if not os.path.isdir(os.path.join(path, name)):
            os.unlink(os.path.join(path, name))


@pytest.mark.parametrize("how", [remove_directory, remove_files])
@pytest.mark.parametrize("key", ["run_dir", "state_dir"])
def test_removed_files_are_made_and_locked_again(
    settings: DaemonConfig, key: str, how: Callable[[str], None]
) -> None:
    with LockFiles(settings) as files:
        how(getattr(settings, key))

        made = files.make_missing()

        assert [os.path.dirname(path) for path in made] == [getattr(settings, key)]
        assert files.make_missing() == ()
        assert Path(made[0]).read_text().splitlines()[0] == str(os.getpid())
        with pytest.raises(AlreadyRunning):
            LockFiles(settings).__enter__()
        assert Path(made[0]).exists()
    assert os.listdir(settings.state_dir) == []


def test_second_hammerd_with_another_run_dir_names_the_running_one(
    settings: DaemonConfig, tmp_path: Path
) -> None:
    other = DaemonConfig(run_dir=str(tmp_path / "other"), state_dir=settings.state_dir)
    with LockFiles(settings), pytest.raises(AlreadyRunning) as refused:
        LockFiles(other).__enter__()

    assert f"as pid {os.getpid()} " in refused.value.message
    assert refused.value.hint == (
        f"stop that one, whose run_dir is {settings.run_dir}, first: kill {os.getpid()}"
    )


def test_file_of_another_is_not_removed_at_the_end(settings: DaemonConfig) -> None:
    pid_file = Path(settings.run_dir) / "hammerd.pid"
    with LockFiles(settings):
        pid_file.unlink()
        pid_file.write_text("4711\n")

    assert pid_file.read_text() == "4711\n"


def test_full_run_dir_is_taken_and_completed_when_it_has_free_space(
    settings: DaemonConfig, tmp_path: Path
) -> None:
    with a_small_disk(tmp_path / "run") as disk:
        disk.fill()
        with LockFiles(settings) as files:
            assert files.pid_file_error is not None
            assert str(files.pid_file_error.filename).startswith(settings.run_dir)
            with pytest.raises(AlreadyRunning):
                LockFiles(settings).__enter__()
            disk.free()

            files.make_missing()

            assert files.pid_file_error is None
            assert (disk.path / "hammerd.pid").read_text() == f"{os.getpid()}\n"


# --- output of commands ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "make room on its disk"),
        (errno.EDQUOT, "make room on its disk"),
        (errno.EROFS, "its file system is mounted read-only"),
        (errno.ENOTDIR, "move it away"),
        (errno.EEXIST, "move it away"),
        (errno.ELOOP, "hammerd follows no link there"),
        (errno.EIO, "its disk fails"),
        (errno.EMFILE, "end some processes"),
        (errno.ENAMETOOLONG, "its path is too long"),
        (9999, "look at what is there"),
    ],
)
def test_hint_fits_what_the_system_refused(number: int, hint: str) -> None:
    assert hint_for(OSError(number, "no")).startswith(hint)


@pytest.mark.parametrize("user", [0, 1001])
def test_hint_to_be_root_is_given_to_other_users_only(
    monkeypatch: pytest.MonkeyPatch, user: int
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)

    for number in (errno.EACCES, errno.EPERM):
        hint = hint_for(OSError(number, "no"))
        assert ("run hammerd as root" in hint) == (user != 0)


@pytest.mark.parametrize("what", ["file", "link", "loop"])
def test_message_names_the_file_and_what_to_do(settings: DaemonConfig, what: str) -> None:
    run_dir = Path(settings.run_dir)
    if what == "file":
        run_dir.write_text("")
    else:
        run_dir.mkdir()
        target = "hammerd.pid" if what == "loop" else "/etc/motd"
        (run_dir / "hammerd.pid").symlink_to(target)

    with pytest.raises(HammerdError) as refused, explaining_os_errors():
        LockFiles(settings).__enter__()

    assert refused.value.message.startswith(settings.run_dir)
    assert "root" not in refused.value.hint


# --- a daemon ----------------------------------------------------------------------------------


HASTY = (sys.executable, Path(__file__).with_name("hasty.py"))


def hammerd(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [*HAMMERD, *words, "-c", str(world.root / "hammerd.toml")]
    return hammerd_program.run(argv, capture_output=True, text=True, check=False)


def output_of(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join(done.stderr.split())


@pytest.mark.parametrize("how", [remove_directory, remove_files])
def test_daemon_whose_run_dir_was_removed_is_reachable_again(
    paired: World, how: Callable[[str], None]
) -> None:
    daemon = paired.start(paired.root / "hammerd.toml", *HASTY)
    now, mode = paired.wait_until_following(), os.stat(paired.run_dir / "status.sock").st_mode

    how(str(paired.run_dir))

    until(paired.is_answering, "it answers again")
    until((paired.run_dir / "hammerd.pid").exists, "the pid file")
    assert (paired.run_dir / "hammerd.pid").read_text() == f"{daemon.pid}\n"
    until(lambda: paired.log().count("control.sock"), "the line in the log")
    assert paired.status()["pid"] == now["pid"]
    until((paired.run_dir / f"streams/{now['pid']}.json").exists, "the record of the stream")
    assert (paired.run_dir / "status.sock").stat().st_mode == mode
    assert paired.stop(daemon) == 0
    assert not any(paired.run_dir.glob("*.sock"))


def test_lock_that_was_swept_away_keeps_a_second_hammerd_out_again(world_once: World) -> None:
    daemon = world_once.start(world_once.configure(NOWHERE), *HASTY)
    lock = world_once.root / "db/hammerd.lock"

    remove_directory(str(lock.parent))

    until(
        lambda: lock.exists() and (lock.parent / "state.json").exists(), "the lock and the state"
    )
    config = world_once.configure(NOWHERE, run_dir=str(world_once.root / "run2"))
    second = world_once.spawn(config)
    assert second.wait(DEADLINE_S) == 1
    assert second.stderr is not None
    assert f"kill {daemon.pid}" in " ".join(second.stderr.read().split())


def try_to_replace(directory: Path, file: Path) -> bool:
    with contextlib.suppress(OSError):
        os.rename(directory, directory.with_name("swept"))
        os.link(file, directory)
        return True
    shutil.rmtree(directory.with_name("swept"), ignore_errors=True)
    return False


def test_files_that_cannot_be_made_again_are_reported_once_and_retried(world_once: World) -> None:
    world_once.start(world_once.configure(NOWHERE), *HASTY)
    in_the_way = world_once.root / "in the way"
    in_the_way.touch()
    # Again and again, since the daemon makes its directory again at once.
    until(lambda: try_to_replace(world_once.run_dir, in_the_way), "a file in its place")

    line = world_once.wait_for_log("run_dir.unusable")
    assert str(world_once.run_dir) in line
    assert "move it away" in line
    world_once.run_dir.unlink()

    until(world_once.is_answering, "it answers again")
    assert world_once.log().count("run_dir.unusable") == 1
    assert world_once.ask(Verb.STATUS)["hammerd"]["run_dir_unusable_because"] is None


def test_status_without_sockets_shows_the_living_pid(world_once: World) -> None:
    daemon = world_once.start(world_once.configure(NOWHERE))
    until((world_once.root / "db/state.json").exists, "the first save")
    remove_directory(str(world_once.run_dir))

    table, paused = hammerd(world_once, "status"), hammerd(world_once, "pause", "test")
    nagios = hammerd(world_once, "status", "--nagios")

    for done in (table, paused):
        assert (done.returncode, done.stdout) == (69, "")
        assert f"hammerd lives as pid {daemon.pid}, but cannot be asked" in output_of(done)
        assert f"kill {daemon.pid}" in output_of(done)
        assert "start it with" not in output_of(done)
    assert nagios.returncode == 3
    assert nagios.stdout.startswith(f"HAMMERD UNKNOWN - hammerd lives as pid {daemon.pid}")
    assert "nobody mends" not in nagios.stdout


def test_status_after_run_dir_was_changed_shows_the_run_dir_of_hammerd(world_once: World) -> None:
    daemon = world_once.start(world_once.configure(NOWHERE))
    world_once.configure(NOWHERE, run_dir=str(world_once.root / "run2"))

    done = hammerd(world_once, "status")

    assert done.returncode == 69
    assert f"hammerd lives as pid {daemon.pid}, but with another run_dir" in output_of(done)
    assert f"--run-dir {world_once.run_dir}" in output_of(done)


def test_pid_of_the_lock_that_another_process_has_now_is_no_hammerd(world_once: World) -> None:
    world_once.configure(NOWHERE)
    (world_once.root / "db").mkdir()
    (world_once.root / "db/hammerd.lock").write_text(f"{os.getpid()}\n{world_once.run_dir}\n")

    assert "no hammerd answers" in output_of(hammerd(world_once, "status"))


def test_full_disk_of_run_dir_is_no_reason_not_to_mirror(paired: World) -> None:
    with a_small_disk(paired.run_dir) as disk:
        disk.fill()
        # No socket either: it takes an inode.
        full = 0
        with contextlib.suppress(OSError):
            for full in range(1 << 20):
                (disk.path / f"full{full}").touch()
        daemon = paired.spawn(paired.root / "hammerd.toml", *HASTY)

        paired.wait_for_log("pair.streaming")
        assert str(disk.path) in paired.wait_for_log("run_dir.unusable")
        assert "root" not in paired.wait_for_log("run_dir.unusable")
        for number in range(full):
            (disk.path / f"full{number}").unlink(missing_ok=True)
        disk.free()

        until(paired.is_answering, "it answers once the disk has space")
        pid_file = disk.path / "hammerd.pid"
        # The file may exist before its text can be written.
        until(
            lambda: pid_file.exists() and pid_file.read_text() == f"{daemon.pid}\n",
            "the pid in its file",
        )
        assert paired.stop(daemon) == 0
        assert daemon.stderr is not None
        assert "No space left" in " ".join(daemon.stderr.read().split())
