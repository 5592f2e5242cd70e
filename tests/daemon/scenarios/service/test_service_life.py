"""After a start, stop or kill of hammerd nothing is left behind and nothing runs twice."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.core.errors import HammerdError
from tests.daemon.scenarios.deaths.test_deaths import no_two_writers
from tests.daemon.world import HAMMERD, World, living_pids
from tests.waiting import DEADLINE_S, until


@pytest.fixture
def world(world_once: World) -> World:
    """A world whose daemons are executed, as a person's are."""
    world_once.executes = True
    return world_once


def test_sigterm_ends_everything_and_leaves_nothing(mirrored: World) -> None:
    assert mirrored.stop(mirrored.daemons[0]) == 0

    assert living_pids(str(mirrored.root)) == set()
    left = {path.name for path in mirrored.run_dir.rglob("*")}
    assert left == {"streams"}
    assert "daemon.stopped" in mirrored.log()


def test_sigterm_ends_a_pair_that_waits(world: World) -> None:
    master = world.make_master()
    daemon = world.start(world.configure({"test": (master, world.fs(2) / "pfs/missing")}))
    world.wait_for(lambda now: now["state"] == "waiting", "waiting")

    assert world.stop(daemon) == 0


def test_next_daemon_ends_the_orphans_of_a_killed_one_first(mirrored: World) -> None:
    before = mirrored.wait_until_idle()
    orphans = {before["pid"], *before["half_pids"]}
    mirrored.daemons[0].kill()
    mirrored.daemons[0].wait()
    assert orphans <= living_pids(str(mirrored.root))

    with no_two_writers(mirrored):
        mirrored.start(mirrored.root / "hammerd.toml")
        after = mirrored.wait_until_following()

    assert living_pids(f"{mirrored.hammer} -vv") == {after["pid"], *after["half_pids"]}
    assert not orphans & living_pids(str(mirrored.root))
    mirrored.wait_for_log("orphan.ended")
    log = mirrored.log()
    assert log.index("orphan.ended") < log.rindex("pair.launching")


def test_orphaned_halves_without_their_parent_are_found_too(mirrored: World) -> None:
    before = mirrored.wait_until_idle()
    mirrored.daemons[0].kill()
    mirrored.daemons[0].wait()
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: before["pid"] not in living_pids(str(mirrored.root)), "the parent has exited")

    mirrored.start(mirrored.root / "hammerd.toml")
    mirrored.wait_until_following()

    assert not set(before["half_pids"]) & living_pids(str(mirrored.root))


def test_second_daemon_refuses_and_names_the_first(mirrored: World) -> None:
    second = mirrored.spawn(mirrored.root / "hammerd.toml")

    _, error = second.communicate(timeout=DEADLINE_S)

    assert second.returncode == 1
    assert f"already running as pid {mirrored.daemons[0].pid}" in error
    assert mirrored.status()["state"] == "streaming"


def test_pause_outlives_the_daemon(mirrored: World) -> None:
    mirrored.ask(Verb.PAUSE, "test")
    mirrored.wait_for(lambda now: now["state"] == "stopped", "stopped")
    mirrored.daemons[0].send_signal(signal.SIGTERM)
    mirrored.daemons[0].wait(DEADLINE_S)

    mirrored.start(mirrored.root / "hammerd.toml")

    now = mirrored.status()
    assert (now["wanted"], now["state"]) == ("paused", "stopped")
    mirrored.ask(Verb.RESUME, "test")
    mirrored.wait_until_following()


def test_bad_config_lists_every_fault_and_starts_nothing(world: World) -> None:
    config = world.configure({"test": ("relative/path", "/Backup2/pfs/test")}, delay="5")
    config.write_text(config.read_text() + '[pairs.other]\nmastr = "/a"\nslave = "/b/"\n')

    done = subprocess.run(
        [*HAMMERD, "run", "-c", str(config)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 78
    assert done.stdout == ""
    for where in ("pairs.test.master", "defaults.delay", "pairs.other.mastr"):
        assert where in done.stderr
    assert 'did you mean "master"' in done.stderr
    assert not world.run_dir.exists()


def test_missing_config_is_reported_without_a_traceback(world: World) -> None:
    done = subprocess.run(
        [*HAMMERD, "run", "-c", "/no/such.toml"], capture_output=True, text=True, check=False
    )

    assert done.returncode in (66, 78)
    assert "/no/such.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_usr2_writes_the_status_into_the_log(mirrored: World) -> None:
    mirrored.daemons[0].send_signal(signal.SIGUSR2)

    until(lambda: "pair.status" in mirrored.log(), "the status is in the log")

    line = mirrored.wait_for_log("pair.status")
    assert "pair=test" in line
    assert "state=streaming" in line


def test_hup_and_usr1_open_the_logs_again_by_their_names(mirrored: World) -> None:
    log = mirrored.root / "log/hammerd.log"

    def asked_status_is_in(log: Path) -> bool:
        # Two signals sent in a row may arrive in any order, so this one is sent again.
        mirrored.daemons[0].send_signal(signal.SIGUSR2)
        return log.exists() and "pair.status" in log.read_text()

    for number in (signal.SIGHUP, signal.SIGUSR1):
        log.rename(log.with_suffix(".0"))
        mirrored.daemons[0].send_signal(number)
        until(lambda: asked_status_is_in(log), "the new log")

    assert mirrored.status()["state"] == "streaming"


def test_run_dir_that_cannot_be_written_keeps_no_stream_from_running(mirrored: World) -> None:
    streams = mirrored.run_dir / "streams"
    for record in streams.iterdir():
        record.unlink()
    streams.rmdir()
    before = mirrored.status()

    mirrored.ask(Verb.RESTART, "test")

    mirrored.wait_for(
        lambda now: now["state"] == "streaming" and now["pid"] != before["pid"], "a new stream"
    )
    until(lambda: "spawn_record.failed" in mirrored.log(), "the line in the log")


def test_restart_leaves_a_paused_pair_alone(mirrored: World) -> None:
    mirrored.ask(Verb.PAUSE, "test")
    mirrored.wait_for(lambda now: now["state"] == "stopped", "stopped")

    with pytest.raises(HammerdError, match="paused: test"):
        mirrored.ask(Verb.RESTART, "test")
    answer = mirrored.ask(Verb.RESTART)

    assert (answer["pairs"], answer["left_paused"]) == ([], ["test"])
    assert mirrored.status()["wanted"] == "paused"
    until(lambda: "because=pause" in mirrored.log(), "the line in the log")


@pytest.mark.parametrize(
    ("make", "reason"),
    [(Path.mkdir, "Is a directory"), (os.mkfifo, "one is neither a file nor a device")],
)
def test_what_can_be_no_log_is_refused_at_the_start(
    world_once: World, make: Callable[[Path], None], reason: str
) -> None:
    path = world_once.root / "one"
    make(path)
    config = world_once.configure({"test": ("/a", "/b")}, log_file=str(path))

    done = subprocess.run(
        [*HAMMERD, "run", "-c", str(config)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    error = " ".join(done.stderr.split())
    assert f"daemon.log_file: {path} cannot be written: {reason}" in error


@pytest.mark.parametrize("name", ["run", "run/streams", "db", "log"])
def test_file_in_place_of_a_directory_is_reported_without_a_traceback(
    world_once: World, name: str
) -> None:
    config = world_once.configure({"test": ("/a", "/b")})
    path = world_once.root / name
    path.parent.mkdir(exist_ok=True)
    path.touch()

    done = subprocess.run(
        [*HAMMERD, "run", "-c", str(config)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert f"{path}: File exists hint: move it away" in " ".join(done.stderr.split())


def test_first_answer_has_every_pair(world_once: World) -> None:
    names = [f"pair{number}" for number in range(20)]
    world_once.spawn(
        world_once.configure({name: ("/no/master", f"/no/slave/{name}") for name in names})
    )
    answers: list[list[str]] = []

    def is_answered() -> bool:
        with contextlib.suppress(HammerdError):
            answers.append([pair["pair"] for pair in world_once.ask(Verb.STATUS)["pairs"]])
        return bool(answers)

    until(is_answered, "the first answer")

    assert answers == [names]


def test_disabled_pair_is_shown_and_left_alone(world: World) -> None:
    config = world.configure({"test": world.make_pair()})
    config.write_text(config.read_text() + "enabled = false\n")
    world.start(config)

    now = world.status()

    assert (now["state"], now["wanted"], now["because"]) == ("stopped", "down", "disabled")
    with pytest.raises(HammerdError, match="disabled in the config: test"):
        world.ask(Verb.RESUME, "test")
    assert world.ask(Verb.RESUME)["pairs"] == []
    answer = world.ask(Verb.RESTART)
    assert (answer["pairs"], answer["left_paused"]) == ([], [])
    assert "pair.probing" not in world.log()


def test_two_daemons_never_share_a_state_directory(mirrored: World) -> None:
    config = mirrored.root / "other.toml"
    text = (mirrored.root / "hammerd.toml").read_text()
    config.write_text(text.replace(str(mirrored.run_dir), str(mirrored.root / "run2")))

    second = mirrored.spawn(config)
    _, error = second.communicate(timeout=DEADLINE_S)

    assert second.returncode == 1
    assert f"already running as pid {mirrored.daemons[0].pid}" in error
