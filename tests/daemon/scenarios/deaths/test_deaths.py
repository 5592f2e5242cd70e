"""After any process of a stream dies, its whole group is ended and one new stream starts."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.simulator import admin
from tests.daemon.world import Status, World, living_pids
from tests.waiting import until

KillPart = Callable[[Status], None]


def kill_source(pair: Status) -> None:
    os.kill(pair["half_pids"][0], signal.SIGKILL)


def kill_target(pair: Status) -> None:
    os.kill(pair["half_pids"][1], signal.SIGKILL)


def kill_parent(pair: Status) -> None:
    os.kill(pair["pid"], signal.SIGKILL)


def kill_both_halves(pair: Status) -> None:
    for pid in pair["half_pids"]:
        # hammerd may have ended the second one already, after the death of the first.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_group(pair: Status) -> None:
    os.killpg(pair["pid"], signal.SIGKILL)


DEATHS = [kill_source, kill_target, kill_parent, kill_both_halves, kill_group]


@contextmanager
def no_two_writers(world: World, hammer: Path | None = None) -> Iterator[None]:
    """Scan the process table without pause: two groups never write to the slave at once."""
    seen: set[frozenset[int]] = set()
    is_over = threading.Event()

    def check_writers() -> None:
        while not is_over.wait(0.002):
            groups = set()
            for pid in living_pids(f"{hammer or world.hammer} -vv"):
                try:
                    groups.add(os.getpgid(pid))
                except ProcessLookupError:
                    continue
            seen.add(frozenset(groups))

    watcher = threading.Thread(target=check_writers)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()
    assert any(seen), "the watcher never saw a stream"
    assert max(map(len, seen)) == 1, seen


def wait_for_new_stream(world: World, before: Status) -> Status:
    after = world.wait_for(
        lambda now: (
            now["state"] == "streaming"
            and now["pid"] != before["pid"]
            and len(now["half_pids"]) == 2
        ),
        "a new stream with both halves",
    )
    old = {before["pid"], *before["half_pids"]}
    assert not old & living_pids(str(world.root))
    assert living_pids(f"{world.hammer} -vv") == {after["pid"], *after["half_pids"]}
    return after


def wait_until_copied(world: World, text: str) -> None:
    world.write("after", text)
    copy = world.fs(2) / "pfs/test/after"
    until(lambda: copy.exists() and copy.read_text() == text, "the write is on the slave")


@pytest.mark.parametrize("kill", DEATHS)
def test_idle_stream_that_loses_a_process_is_replaced(mirrored: World, kill: KillPart) -> None:
    before = mirrored.wait_until_idle()

    with no_two_writers(mirrored):
        kill(before)
        after = wait_for_new_stream(mirrored, before)
        wait_until_copied(mirrored, "written after the death\n")

    assert after["restarts"] == 1
    assert after["failures"] == 0


@pytest.mark.parametrize("kill", DEATHS)
def test_busy_stream_that_loses_a_process_is_replaced_and_goes_on(
    world: World, kill: KillPart
) -> None:
    master = world.make_master()
    world.make_slave(master)
    admin.write(world.fs(1), 1, 420_000, 10, 0x80000)
    admin.set_knob(world.fs(1), "slow_read_ms", 300 * int(world.time_scale))
    # A death in the first half second of a life counts as a failure; waiting is not the subject.
    config = world.configure(
        {"test": (master, world.fs(2) / "pfs/test")}, split="400k", backoff_initial="0.1s"
    )
    world.start(config)
    before = world.wait_for(
        lambda now: (
            now["phase"] == "copying"
            and len(now["half_pids"]) == 2
            and now["slave_tid"] != "0x0000000000000001"
            and now["slice_bytes"]
        ),
        "some slices are in the slave, another is under way",
    )

    with no_two_writers(world):
        kill(before)
        wait_for_new_stream(world, before)
        admin.set_knob(world.fs(1), "slow_read_ms", None)
        world.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync")

    # The slices that were in the slave were not sent again.
    assert world.status()["slave_tid"] > before["slave_tid"]


def test_stopped_stream_that_dies_stays_stopped(mirrored: World) -> None:
    before = mirrored.status()

    mirrored.ask(Verb.PAUSE, "test")
    mirrored.wait_for(lambda now: now["state"] == "stopped", "stopped")

    assert not living_pids(f"{mirrored.hammer} -vv")
    assert mirrored.status()["wanted"] == "paused"
    mirrored.ask(Verb.RESUME, "test")
    wait_for_new_stream(mirrored, before)


def test_restart_replaces_the_stream_without_counting_a_failure(mirrored: World) -> None:
    before = mirrored.status()

    with no_two_writers(mirrored):
        mirrored.ask(Verb.RESTART, "test")
        after = wait_for_new_stream(mirrored, before)

    assert (after["failures"], after["restarts"]) == (0, 0)
