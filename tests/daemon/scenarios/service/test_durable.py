"""Requests of a person outlive kills, full disks, damaged files and changed configs."""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hammerd.core.api.protocol import Answer, Request, Verb, encode_request, parse_reply
from hammerd.core.errors import HammerdError
from tests.daemon.small_disk import a_small_disk
from tests.daemon.world import Status, World, living_pids
from tests.daemon.wrapped import wrap
from tests.waiting import DEADLINE_S, until

NOWHERE = ("/no/such/master", "/no/such/slave")
PAIRS = {"test": NOWHERE, "other": ("/no/such/master2", "/no/such/slave2")}


def kill(daemon: subprocess.Popen[str]) -> None:
    daemon.kill()
    daemon.wait(DEADLINE_S)


def hammerd(world: World) -> Status:
    """Return the daemon's own part of the status."""
    status: Status = world.ask(Verb.STATUS)["hammerd"]
    return status


def wanted(world: World) -> dict[str, str]:
    return {pair["pair"]: pair["wanted"] for pair in world.ask(Verb.STATUS)["pairs"]}


def test_answered_pause_survives_a_kill_in_the_next_instant(world: World) -> None:
    config = world.configure(PAIRS)
    for verb, left in ((Verb.PAUSE, "paused"), (Verb.RESUME, "up"), (Verb.PAUSE, "paused")):
        daemon = world.start(config)

        assert world.ask(verb, "test")["unsaved_because"] is None
        kill(daemon)

        daemon = world.start(config)
        assert wanted(world) == {"test": left, "other": "up"}
        kill(daemon)


def test_pause_survives_while_its_pair_is_disabled_or_removed(world: World) -> None:
    daemon = world.start(world.configure(PAIRS))
    world.ask(Verb.PAUSE)
    world.stop(daemon)

    config = world.configure({"other": PAIRS["other"]})
    config.write_text(config.read_text() + "enabled = false\n")
    daemon = world.start(config)
    assert wanted(world) == {"other": "down"}
    world.stop(daemon)
    world.start(world.configure(PAIRS))

    assert wanted(world) == {"test": "paused", "other": "paused"}


@pytest.mark.parametrize("until_time", ['"soon"', "1e300", "NaN", "1" + "0" * 400])
def test_pause_whose_end_is_unreadable_lasts_until_resumed(world: World, until_time: str) -> None:
    config = world.configure({"test": NOWHERE})
    state = world.root / "db/state.json"
    state.parent.mkdir()
    text = (
        '{"version": 1, "pairs": {"test": {"is_paused": true, "is_diverged": false, '
        f'"paused_until_time": {until_time}}}}}}}'
    )
    state.write_text(text)

    world.start(config)

    now = world.status()
    assert (now["wanted"], now["paused_until_time"]) == ("paused", None)
    assert "pair test: paused_until_time" in hammerd(world)["state_complaints"][0]
    until(lambda: "state.unreadable" in world.log(), "the line in the log")
    until((world.root / "db/state.json.bad").exists, "the evidence")
    assert (world.root / "db/state.json.bad").read_text() == text
    assert world.ask(Verb.RESUME, "test")["unsaved_because"] is None
    assert json.loads(state.read_text())["pairs"] == {}


def test_full_disk_is_reported_and_the_save_repeated(world: World) -> None:
    with a_small_disk(world.root / "db") as disk:
        daemon = world.start(world.configure(PAIRS))
        assert hammerd(world)["state_unsaved_since_time"] is None
        assert hammerd(world)["health"] == "ok"

        disk.fill()
        answer = world.ask(Verb.PAUSE, "test")
        assert answer["pairs"] == ["test"]
        assert "No space left" in answer["unsaved_because"]
        assert "No space left" in hammerd(world)["state_unsaved_because"]
        assert hammerd(world)["state_unsaved_since_time"]
        assert hammerd(world)["health"] == "warning"
        # The named pair is paused as requested: the trouble is the daemon's.
        only = world.ask(Verb.STATUS, "test")
        assert (only["health"], only["pairs"][0]["health"]) == ("warning", "ok")
        until(lambda: "state.unsaved" in world.log(), "the line in the log")

        disk.free()
        assert world.ask(Verb.PAUSE, "other")["unsaved_because"] is None
        assert hammerd(world)["state_unsaved_since_time"] is None
        until(lambda: "state.saved_again" in world.log(), "the line in the log")
        kill(daemon)
        daemon = world.start(world.configure(PAIRS))

        assert wanted(world) == {"test": "paused", "other": "paused"}
        kill(daemon)


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_disk_that_takes_nothing_is_no_reason_not_to_start(world: World, how: str) -> None:
    with a_small_disk(world.root / "db") as disk:
        config = world.configure(PAIRS)
        daemon = world.start(config)
        world.ask(Verb.PAUSE, "test")
        kill(daemon)
        disk.fill()
        if how == "read-only":
            disk.allow_writing(is_allowed=False)

        daemon = world.start(config)

        assert wanted(world) == {"test": "paused", "other": "up"}
        until(lambda: hammerd(world)["state_unsaved_because"], "the failure is reported")
        assert world.stop(daemon) == 0
        after = world.log().rpartition("daemon.stopped")[2]
        assert "state.unsaved" in after


def test_nothing_is_started_or_promised_while_the_daemon_stops(world: World) -> None:
    pairs = {}
    for name in ("test", "slow"):
        master = world.make_master(name)
        pairs[name] = (master, world.make_slave(master, name))
    # A stream that ignores TERM leaves time for requests.
    deaf = (
        'case "$*" in *mirror-stream*pfs/slow) trap "" TERM; '
        "echo 'Mirror-read: Mirror 0000000000000001 to 0000000000000002' >&2; "
        "while :; do sleep 0.1; done ;; esac"
    )
    config = world.configure(pairs, hammer=wrap(world, deaf), stop_grace="3s")
    daemon = world.start(config)
    world.wait_until_following()
    world.wait_for(lambda now: now["state"] == "streaming", "streaming", "slow")

    daemon.terminate()
    until(lambda: hammerd(world)["state"] == "stopping", "stopping")
    for verb in (Verb.RESUME, Verb.RESTART, Verb.PAUSE, Verb.ACK):
        with pytest.raises(HammerdError, match="hammerd is stopping"):
            world.ask(verb, "test")
    assert world.status()["wanted"] == "down"

    assert daemon.wait(DEADLINE_S) == 0
    assert living_pids(str(world.root)) == set()
    kept = json.loads(Path(world.root / "db/state.json").read_text())
    assert {name: pair["is_paused"] for name, pair in kept["pairs"].items()} == {
        "test": False,
        "slow": False,
    }


@pytest.mark.parametrize("how", ["disabled", "gone"])
def test_answered_pause_is_not_lost_to_a_reload_of_the_same_moment(world: World, how: str) -> None:
    daemon = world.start(world.configure(PAIRS))
    config = world.root / "hammerd.toml"
    whole = config.read_text()
    without = world.configure({"other": PAIRS["other"]}).read_text()
    if how == "disabled":
        without = whole.replace("[pairs.test]", "[pairs.test]\nenabled = false")
    config.write_text(without)

    # Both requests wait when the daemon goes on: it handles them in one turn of its loop.
    daemon.send_signal(signal.SIGSTOP)
    pause, reload = Request(Verb.PAUSE, ("test",)), Request(Verb.RELOAD)
    with sent_request(world, pause) as pausing, sent_request(world, reload) as reloading:
        daemon.send_signal(signal.SIGCONT)
        lines = [one.makefile("rb").readline() for one in (pausing, reloading)]
    replies = [parse_reply(line) for line in lines]
    assert all(isinstance(reply, Answer) for reply in replies)
    config.write_text(whole)
    world.ask(Verb.RELOAD)

    assert wanted(world)["test"] == "paused"


@contextmanager
def sent_request(world: World, request: Request) -> Iterator[socket.socket]:
    """Send a request and leave its reply unread."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(DEADLINE_S)
        connection.connect(str(world.run_dir / "control.sock"))
        connection.sendall(encode_request(request))
        yield connection


def test_damaged_files_leave_every_pair_paused_until_it_is_resumed(world: World) -> None:
    config = world.configure(PAIRS)
    world.stop(world.start(config))
    for name in ("state.json", "state.json.copy"):
        (world.root / "db" / name).write_text("{")

    world.start(config)

    assert wanted(world) == {"test": "paused", "other": "paused"}
    assert "until" in world.wait_for_log("state.unreadable")
    world.ask(Verb.RESUME, "test")
    assert wanted(world) == {"test": "up", "other": "paused"}
