"""Foreign streams onto hammerd's slaves are found at any time, reported and left alone."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from hammerd.core.api.protocol import Verb
from hammerd.core.pair.transitions import PARKED_PROBE_S
from hammerd.daemon.foreign.slave_writers import find_writers
from hammerd.simulator import admin
from tests.daemon.scenarios.deaths.test_deaths import no_two_writers
from tests.daemon.scenarios.deaths.test_groups import WITHOUT_KILL, needs_setpriv
from tests.daemon.stand_ins import hammer_that_ignores_term, odd_file, odd_stream
from tests.daemon.world import World, living_pids
from tests.waiting import until


def start_by_hand(
    world: World, *words: object, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(world.hammer), *map(str, words)],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def end(stream: subprocess.Popen[bytes]) -> None:
    os.killpg(stream.pid, 9)
    stream.wait()


def groups_of(world: World) -> set[int]:
    groups = set()
    for pid in living_pids(f"{world.hammer} -vv"):
        with suppress(ProcessLookupError):
            groups.add(os.getpgid(pid))
    return groups


def wait_until_parked(world: World, foreign: subprocess.Popen[bytes]) -> None:
    parked = world.wait_for(lambda now: now["because"] == "foreign_stream", "parked")
    assert parked["state"] == "parked"
    assert f"pid {foreign.pid}" in parked["hint"]
    assert f"kill -- -{foreign.pid}" in parked["hint"]
    assert foreign.poll() is None
    assert not living_pids(f"{world.hammer} -vv -i 1 -")


@pytest.mark.long
def test_stream_that_is_started_while_ours_runs_parks_the_pair(mirrored: World) -> None:
    master, slave = mirrored.fs(1) / "pfs/test", mirrored.fs(2) / "pfs/test"
    foreign = start_by_hand(mirrored, "mirror-stream", master, slave)

    wait_until_parked(mirrored, foreign)

    end(foreign)
    mirrored.ask(Verb.RESUME, "test")
    mirrored.wait_until_following()


@pytest.mark.long
def test_copy_by_hand_counts_too(mirrored: World) -> None:
    admin.set_knob(mirrored.fs(1), "slow_read_ms", 120_000)
    master, slave = mirrored.fs(1) / "pfs/test", mirrored.fs(2) / "pfs/test"
    mirrored.write("more", "more\n")
    foreign = start_by_hand(mirrored, "mirror-copy", master, slave)

    wait_until_parked(mirrored, foreign)

    admin.set_knob(mirrored.fs(1), "slow_read_ms", None)
    end(foreign)


SPELLINGS = ("relative", "dotted", "through a symlink", "null mount")


def start_spelt(world: World, spelling: str, master: Path, slave: Path) -> subprocess.Popen[bytes]:
    """Start a stream by hand that spells the slave's path differently."""
    (world.root / "link").symlink_to(world.fs(2) / "pfs")
    operand, cwd = {
        "relative": ("./test", slave.parent),
        "dotted": (f"{world.fs(2)}//pfs/../pfs/test/", None),
        "through a symlink": (world.root / "link/test", None),
        "null mount": (".", slave),
    }[spelling]
    if spelling in ("dotted", "null mount"):
        # Before the first mirroring such a target counts as missing (docs/hammer.md 1.4).
        world.run_hammer("-i", "1", "mirror-copy", master, slave)
    foreign = start_by_hand(world, "-i", "1", "mirror-stream", master, operand, cwd=cwd)
    until(lambda: len(living_pids(f"{world.hammer} -i 1 mirror-stream")) == 3, "it runs")
    return foreign


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_foreign_stream_is_found_however_it_spells_the_slave(
    world_once: World, spelling: str
) -> None:
    world = world_once
    master, slave = world.make_pair()
    world.write("first", "first\n")
    foreign = start_spelt(world, spelling, master, slave)
    world.start(world.configure({"test": (master, slave)}))

    wait_until_parked(world, foreign)

    end(foreign)


@needs_setpriv
def test_command_line_of_a_user_who_cannot_write_to_a_slave_is_ignored() -> None:
    words = ("/bin/sh", "-c", "read it", "hammer", "mirror-write", "/Backup2/pfs/test")
    as_nobody = ("setpriv", "--reuid=65534", *words)
    found: dict[int, str] = {}

    async def scan() -> None:
        found.update({one.pid: one.operand async for one in find_writers()})

    with (
        subprocess.Popen(words, stdin=subprocess.PIPE) as of_root,
        subprocess.Popen(as_nobody, stdin=subprocess.PIPE) as of_nobody,
    ):
        processes = [psutil.Process(one.pid) for one in (of_root, of_nobody)]
        until(lambda: all(one.cmdline() == [*words] for one in processes), "they run")
        asyncio.run(scan())

    assert found.get(of_root.pid) == "/Backup2/pfs/test"
    assert of_nobody.pid not in found


@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_writer_of_a_group_counts(mirrored: World, place: int) -> None:
    """A script that starts streams with `&` has all of them in its own group."""
    master, slave = mirrored.fs(1) / "pfs/test", mirrored.fs(2) / "pfs/test"
    slaves: list[Path] = [mirrored.make_slave(master, name) for name in ("one", "two")]
    slaves.insert(place, slave)
    lines = [f"{mirrored.hammer} mirror-stream {master} {each} &" for each in slaves]
    script = subprocess.Popen(
        ["sh", "-c", "\n".join([*lines, "wait"])],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    parked = mirrored.wait_for(lambda now: now["because"] == "foreign_stream", "parked")

    assert parked["state"] == "parked"
    assert f"mirror-stream {master} {slave}" in parked["hint"]
    # The other streams of the script go on.
    assert "kill -- -" not in parked["hint"]
    ours = parked["hint"].rpartition("kill ")[2].split()
    assert len(ours) == 3
    assert set(map(int, ours)) == living_pids(f"mirror-stream {master} {slave}") - {script.pid}
    end(script)


@pytest.mark.parametrize(
    "words",
    [
        "SCREEN hammer mirror-stream {master} {slave}",
        "lockf /var/run/lock ssh host hammer mirror-write {slave}",
        "sudo hammer mirror-stream {master} {slave}",
    ],
)
def test_what_only_names_a_hammer_parks_nothing(mirrored: World, words: str) -> None:
    ends = {"master": mirrored.fs(1) / "pfs/test", "slave": mirrored.fs(2) / "pfs/test"}
    # yes(1) takes any arguments, and blocks when its output is not read.
    yes = shutil.which("yes")
    with subprocess.Popen(
        words.format(**ends).split(), executable=yes, stdout=subprocess.PIPE
    ) as process:
        until(lambda: mirrored.status()["up_s"] > 6, "time for several looks")
        process.kill()

    assert "foreign_stream" not in mirrored.log()


def test_hammer_below_what_names_it_parks_by_itself(mirrored: World) -> None:
    master, slave = mirrored.fs(1) / "pfs/test", mirrored.fs(2) / "pfs/test"
    argv = [str(mirrored.hammer), "mirror-stream", str(master), str(slave)]
    run = f"import subprocess; subprocess.run({argv!r})"
    wrapper = subprocess.Popen(
        [sys.executable, "-c", run, "hammer", "mirror-stream", master, slave],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    parked = mirrored.wait_for(lambda now: now["because"] == "foreign_stream", "parked")

    assert f"pid {wrapper.pid} " not in parked["hint"]
    assert str(mirrored.hammer) in parked["hint"]
    end(wrapper)


def test_stream_onto_another_slave_is_ignored(mirrored: World) -> None:
    master = mirrored.fs(1) / "pfs/test"
    other = mirrored.make_slave(master, "other")
    before = mirrored.status()
    foreign = start_by_hand(mirrored, "mirror-stream", master, other)
    until(lambda: admin.sync_end_tid(other) > 1, "it mirrors")

    mirrored.write("more", "more\n")
    mirrored.wait_for(lambda now: now["slave_tid"] > before["slave_tid"], "ours goes on")
    until(lambda: mirrored.status()["up_s"] > 6, "time for several looks")

    after = mirrored.status()
    assert [after[key] for key in ("pid", "state", "since_time")] == [
        before[key] for key in ("pid", "state", "since_time")
    ]
    assert "foreign_stream" not in mirrored.log()
    end(foreign)


@pytest.mark.timeout(300)
def test_of_two_hammerds_on_one_slave_one_yields(world: World) -> None:
    """Both may yield to the other at the same instant: then both probe again after a minute."""
    pair = world.make_pair()
    world.write("first", "first\n")
    config = world.configure({"test": pair})
    other = world.root / "other.toml"
    text = config.read_text()
    for name in ("run", "db", "log"):
        text = text.replace(f"{world.root}/{name}", f"{world.root}/{name}2")
    other.write_text(text)
    for path in (config, other):
        world.spawn(path)

    def state(log: Path) -> str:
        lines = log.read_text().splitlines() if log.exists() else []
        last = [line for line in lines if " pair." in line]
        return last[-1] if last else ""

    logs = (world.root / "log/hammerd.log", world.root / "log2/hammerd.log")

    def is_settled() -> bool:
        parked = ["pair.parked" in state(log) and "foreign_stream" in state(log) for log in logs]
        streaming = ["pair.streaming" in state(log) for log in logs]
        groups = groups_of(world)
        return sorted(parked) == [False, True] and any(streaming) and len(groups) == 1

    try:
        until(is_settled, "one streams, one is parked", 2 * PARKED_PROBE_S)
    except AssertionError as error:
        logged = "\n".join(log.read_text() for log in logs)
        raise AssertionError(f"{error}, {groups_of(world)}\n{logged}") from None
    world.write("after", "after\n")
    copy = world.fs(2) / "pfs/test/after"
    until(
        lambda: copy.exists() and copy.read_text() == "after\n",
        "the write is on the slave",
        2 * PARKED_PROBE_S,
    )


@pytest.mark.parametrize("record", ["cut off", "gone"])
def test_orphan_without_a_readable_record_is_ours_still(world: World, record: str) -> None:
    pair = world.make_pair()
    world.write("first", "first\n")
    config = world.configure({"test": pair})
    daemon = world.start(config)
    world.wait_until_following()
    before = world.wait_until_idle()
    daemon.kill()
    daemon.wait()
    (file,) = (world.run_dir / "streams").iterdir()
    if record == "gone":
        file.unlink()
    else:
        file.write_text(file.read_text()[:40])
    old = {before["pid"], *before["half_pids"]}
    assert old <= living_pids(f"{world.hammer} -vv")

    world.start(config)
    after = world.wait_until_following()

    assert not old & living_pids(str(world.root))
    assert after["failures"] == 0
    assert world.wait_for_log("orphan.ended")
    assert "foreign_stream" not in world.log()
    records = (world.run_dir / "streams").glob("*.json")
    files = [json.loads(each.read_text()) for each in records]
    assert [each["pgid"] for each in files] == [after["pid"]]


def test_orphan_without_a_record_keeps_a_pair_off_that_names_its_slave_otherwise(
    world_once: World,
) -> None:
    world = world_once
    hammer = hammer_that_ignores_term(world)
    master, slave = world.make_pair()
    world.write("first", "first\n")
    (world.fs(2) / "other").mkdir()
    # The same PFS by another softlink: only the uuid shows that it is the same.
    other = world.fs(2) / "other/test"
    other.symlink_to(os.readlink(slave))
    both = {"test": (master, slave), "also": (master, other)}
    config = world.configure({"test": (master, slave)}, hammer=str(hammer))
    daemon = world.start(config)
    world.wait_until_following()
    before = world.wait_until_idle()
    daemon.kill()
    daemon.wait()
    (file,) = (world.run_dir / "streams").iterdir()
    file.unlink()
    old = {before["pid"], *before["half_pids"]}
    assert old <= living_pids(f"{hammer} -vv")

    with no_two_writers(world, hammer):
        world.start(world.configure(both, hammer=str(hammer)))
        until(lambda: not old & living_pids(str(world.root)), "the orphan is ended")
        until(
            lambda: any(world.status(pair)["state"] == "streaming" for pair in both),
            "one of the pairs streams",
        )


def test_orphan_of_which_no_uuid_can_be_read_keeps_all_off_its_file_system(
    world_once: World,
) -> None:
    world = world_once
    hammer = hammer_that_ignores_term(world)
    master, second = world.make_master(), world.make_master("second")
    slave, its = world.make_slave(master), world.make_slave(second, "second")
    world.write("first", "first\n")
    config = world.configure({"test": (master, slave)}, hammer=str(hammer))
    daemon = world.start(config)
    world.wait_until_following()
    before = world.wait_until_idle()
    daemon.kill()
    daemon.wait()
    (file,) = (world.run_dir / "streams").iterdir()
    file.unlink()
    slave.rename(slave.with_name("moved"))
    old = {before["pid"], *before["half_pids"]}

    with no_two_writers(world, hammer):
        world.start(
            world.configure({"test": (master, slave), "second": (second, its)}, hammer=str(hammer))
        )
        until(lambda: not old & living_pids(str(world.root)), "the orphan is ended")
        world.wait_for(lambda now: now["state"] == "streaming", "it streams", "second")


@needs_setpriv
def test_stop_counts_an_orphan_that_survives(world_once: World) -> None:
    world = world_once
    hammer = odd_stream(world, "undying")
    master, slave = world.make_pair()
    world.write("first", "first\n")
    config = world.configure(
        {"test": (master, slave)}, hammer=str(hammer), stop_grace="1s", stop_timeout="2s"
    )
    first = world.start(config, *WITHOUT_KILL)
    before = world.wait_for(lambda now: len(now["half_pids"]) == 2, "both halves are seen")
    undying = before["half_pids"][1]
    odd_file(world).touch()
    first.kill()
    first.wait()

    second = world.start(config, *WITHOUT_KILL)
    world.wait_for_log("orphan.found")

    assert world.stop(second) == 1
    left = [line for line in world.log().splitlines() if "daemon.left_behind" in line]
    assert len(left) == 1
    assert f"pgid={before['pid']}" in left[0]
    assert "survivors=1" in world.log()
    os.kill(undying, signal.SIGKILL)


@pytest.mark.long
def test_stop_ends_an_orphan_that_is_slow_to_die(world_once: World) -> None:
    world = world_once
    hammer = hammer_that_ignores_term(world)
    pair = world.make_pair()
    world.write("first", "first\n")
    config = world.configure({"test": pair}, hammer=str(hammer))
    first = world.start(config)
    world.wait_until_following()
    first.kill()
    first.wait()
    second = world.start(config)
    world.wait_for_log("orphan.found")

    assert world.stop(second) == 0

    assert not living_pids(f"{hammer} -vv")
    assert "daemon.stopped survivors=0" in world.log()


def test_stream_of_another_living_hammerd_is_no_orphan_of_ours(mirrored: World) -> None:
    config = mirrored.root / "hammerd.toml"
    other = mirrored.root / "other.toml"
    text = config.read_text()
    for name in ("run", "db", "log"):
        text = text.replace(f"{mirrored.root}/{name}", f"{mirrored.root}/{name}2")
    other.write_text(text)
    before = mirrored.status()
    log = mirrored.root / "log2/hammerd.log"

    mirrored.spawn(other)

    until(lambda: log.exists() and "because=foreign_stream" in log.read_text(), "it parks")
    assert mirrored.status()["pid"] == before["pid"]
    assert "orphan." not in log.read_text()
