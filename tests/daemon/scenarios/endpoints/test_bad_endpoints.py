"""A bad endpoint does not disturb the others, and no interval starts a process for it."""

import os
import signal

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.simulator import admin
from tests.daemon.world import Status, World, living_pids
from tests.daemon.wrapped import calls, wrap
from tests.waiting import until


def pairs_of(world: World, *names: str) -> dict[str, tuple[object, object]]:
    pairs: dict[str, tuple[object, object]] = {}
    for name in names:
        master = world.make_master(name)
        pairs[name] = (master, world.make_slave(master, name))
    return pairs


def in_sync(now: Status) -> bool:
    return now["lag_verdict"] == "in_sync"


def samples(world: World, pair: str) -> int:
    record = world.root / "log/lag.log"
    lines = record.read_text().splitlines() if record.exists() else []
    return sum(f"pair={pair} " in line for line in lines)


def test_samples_cost_one_process_whatever_the_number_of_pairs(world_once: World) -> None:
    world = world_once
    names = ("a", "b", "c", "d")
    config = world.configure(pairs_of(world, *names), hammer=wrap(world))
    world.start(config)
    for name in names:
        world.wait_until_following(name)
        world.wait_for(in_sync, "in sync", name)
    called, sampled = len(calls(world, "pfs-status")), samples(world, "a")

    until(lambda: samples(world, "a") >= sampled + 8, "eight samples")

    # One sample may be under way at the start of the count, and one at its end.
    assert len(calls(world, "pfs-status")) - called <= samples(world, "a") - sampled + 1
    assert all(len(line.split()) == 1 + 8 for line in calls(world, "pfs-status")[called:])


def test_pairs_that_start_at_once_share_their_probes(world_once: World) -> None:
    world = world_once
    names = tuple("abcdefgh")
    config = world.configure(pairs_of(world, *names), hammer=wrap(world), sample_interval="9m")
    world.start(config)
    for name in names:
        world.wait_for(lambda now: now["state"] in ("launching", "streaming"), "launched", name)

    assert len(calls(world, "pfs-status")) <= 4


def test_ends_that_are_missing_cost_one_process_more_at_most(world_once: World) -> None:
    world = world_once
    pairs = pairs_of(world, "good")
    missing = {
        name: (world.fs(1) / "pfs" / name, world.fs(2) / "pfs" / name) for name in ("x", "y", "z")
    }
    config = world.configure({**pairs, **missing}, hammer=wrap(world))
    world.start(config)
    world.wait_for(in_sync, "in sync", "good")
    for name in missing:
        world.wait_for(lambda now: now["waiting_for"] == "mount", "waits", name)
        # Probes of the pair itself are over; samples go on.
        world.ask(Verb.PAUSE, name)
    called, sampled = len(calls(world, "pfs-status")), samples(world, "good")

    until(lambda: samples(world, "good") >= sampled + 8, "eight samples")

    spent = len(calls(world, "pfs-status")) - called
    assert spent <= 2 * (samples(world, "good") - sampled) + 2
    assert {world.status(name)["lag_verdict"] for name in missing} == {"unknown"}
    for name in missing:
        world.make_slave(world.make_master(name), name)
    for name in missing:
        world.wait_for(lambda now: now["lag_tids"] is not None, "known", name)


@pytest.mark.timeout(240)
def test_pfs_that_hangs_leaves_the_lags_of_others_known(world_once: World) -> None:
    world = world_once
    flag = world.root / "hang"
    hang = f'case "$*" in pfs-status*pfs/b*) [ -e {flag} ] && exec tail -f {flag} ;; esac'
    config = world.configure(
        pairs_of(world, "a", "b", "c"),
        hammer=wrap(world, hang),
        sample_interval="1s",
        probe_timeout="5s",
    )
    world.start(config)
    for name in "abc":
        world.wait_until_following(name)
        world.wait_for(in_sync, "in sync", name)
    flag.touch()

    world.wait_for(lambda now: now["lag_verdict"] == "unknown", "b cannot be read", "b")
    most = 0
    for name in "ac":
        tid = admin.flush_tid(world.fs(1))

        def is_known() -> bool:
            nonlocal most
            most = max(most, len(living_pids(f"tail -f {flag}")))
            now = world.status(name)  # noqa: B023
            return now["lag_s"] is not None and int(now["master_tid"], 16) >= tid  # noqa: B023

        world.write("more", f"{name}\n", name)
        until(is_known, f"{name} is read on")

    assert most <= 1, "a second pfs-status on a file system that hangs"
    assert "probe_timeout" in world.status("b")["lag_unknown_because"]
    flag.unlink()
    world.wait_for(in_sync, "in sync again", "b")
    assert world.status("a")["restarts"] == world.status("c")["restarts"]


def test_half_that_dies_while_a_sample_hangs_is_noticed_without_shortcuts(world: World) -> None:
    """Without a kernel event of a half's death, the check of halves waits for no sample."""
    flag = world.root / "hang"
    hang = f'if [ "$1" = pfs-status ] && [ -e {flag} ]; then exec tail -f {flag}; fi'
    world.start(world.configure(pairs_of(world, "test"), hammer=wrap(world, hang)))
    before = world.wait_until_following()
    flag.touch()
    until(lambda: living_pids(f"tail -f {flag}"), "a sample hangs")

    os.kill(before["half_pids"][1], signal.SIGKILL)

    world.wait_for(
        lambda now: now["state"] == "streaming" and now["pid"] != before["pid"], "a new stream"
    )
    assert "probe_timeout" not in world.log(), "no sample has given up yet"
