"""One standing child looks at paths; those that hang cost nobody else an answer.

The hanging disk is a stand-in for probe_program.py: it looks as that does, and stops where it is
told to.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pairs import Endpoint, Pair
from hammerd.daemon.paths import probe_program, prober
from hammerd.daemon.paths.prober import PathProber, PathStates
from hammerd.daemon.probe.batch import BatchReader
from hammerd.daemon.probe.pfs_status import PfsStatusCommands
from hammerd.daemon.probe.queue import ProbeQueue
from hammerd.daemon.process.spawn import Child, kill_group
from hammerd.daemon.timing.clock import Clock
from tests.daemon.probe.test_batch import Disks

One = TypeVar("One")

HANGING = """
import os, runpy, sys, time
lstat, place = os.lstat, {place!r}
def hang(path, **kw):
    if os.path.exists(place + "/hangs") and str(path).startswith(place + "/disk"):
        open(place + "/hung." + str(os.getpid()), "w").close()
        while os.path.exists(place + "/hangs"):
            time.sleep(0.01)
    return lstat(path, **kw)
os.lstat = hang
sys.argv[0] = {look!r}
runpy.run_path({look!r}, run_name="__main__")
"""


@contextmanager
def the_looks() -> Iterator[tuple[PathProber, asyncio.AbstractEventLoop]]:
    loop = asyncio.new_event_loop()
    every = PathProber(loop, {"PATH": os.environ["PATH"]})
    loop.add_signal_handler(signal.SIGCHLD, every.child_changed)
    try:
        yield every, loop
    finally:
        loop.run_until_complete(every.close(10))
        loop.close()
        assert children() == []


def children() -> list[psutil.Process]:
    return [
        one
        for one in psutil.Process().children()
        if any("probe_program" in word for word in cmdline(one))
    ]


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def run(act: Callable[[PathProber], Coroutine[object, object, One]]) -> One:
    with the_looks() as (every, loop):
        return loop.run_until_complete(asyncio.wait_for(act(every), 60))


@pytest.fixture
def disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with disk1, disk2, disk3 and good; all disks hang while `hangs` is there."""
    for name in ("disk1", "disk2", "disk3", "good"):
        (tmp_path / name / "pfs").mkdir(parents=True)
        for pfs in ("a", "b"):
            (tmp_path / name / "pfs" / pfs).symlink_to("@@0x00000000000000ff:00001")
    stand_in = tmp_path / "stand_in_probe_program.py"
    stand_in.write_text(HANGING.format(place=str(tmp_path), look=probe_program.__file__))
    monkeypatch.setattr(probe_program, "__file__", str(stand_in))
    monkeypatch.setattr(prober, "LATE_S", 3 * prober.SLOW_S)
    return tmp_path


def hung(disks: Path) -> int:
    """Return how many children touched a disk that hangs."""
    return len(list(disks.glob("hung.*")))


class Unkillable:
    """Holds back KILL, as the kernel does of a process that hangs in it, until lifted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self._killed: list[Child] = []
        monkeypatch.setattr(prober.spawn, "kill_group", self._killed.append)

    def lift(self) -> None:
        self._patch.setattr(prober.spawn, "kill_group", kill_group)
        for child in self._killed:
            kill_group(child)


def seen(answers: PathStates, path: Path) -> bool:
    return answers[str(path)] is not None


def test_look_tells_what_is_at_a_path_and_follows_links_to_it(tmp_path: Path) -> None:
    place = tmp_path.resolve()
    (place / "S1/pfs").mkdir(parents=True)
    (place / "S1/pfs/a").symlink_to("@@0x00000000000000ff:00007")
    (place / "l").mkdir()
    (place / "l/a").symlink_to("../S1/pfs/a")
    (place / "cur").symlink_to("S1")
    paths = [str(place / name) for name in ("S1/pfs/a", "l/a", "cur/pfs/a", "no", 'o"dd\n\udcff')]

    found = run(lambda every: every.look(paths))

    for path in paths[:3]:
        one = found[path]
        assert one is not None
        assert (one.real, one.is_pfs_link) == (str(place / "S1/pfs/a"), True)
        assert one.link is not None
        assert (one.link.pfs_id, one.link.tid, one.link.is_master) == (7, 0xFF, False)
        assert one.room is not None
        assert one.look.is_read_only is False
    for path in paths[3:]:
        missing = found[path]
        assert missing is not None
        assert (missing.look.itself.exists, missing.look.above.exists) == (False, True)
    assert found[str(place / "l/a")].operand == str(place / "S1/pfs/a")  # type: ignore[union-attr]


def test_one_child_answers_all_that_is_asked() -> None:
    async def act(every: PathProber) -> set[int]:
        for _ in range(20):
            await every.look(["/", "/tmp"])
        return {one.pid for one in children()}

    assert len(run(act)) == 1


def test_many_long_paths_are_answered_in_pieces(tmp_path: Path) -> None:
    paths = [str(tmp_path / ("x" * 200) / f"{number:0200}") for number in range(2000)]

    assert set(run(lambda every: every.look(paths))) == set(paths)


def test_child_that_is_killed_is_replaced() -> None:
    async def act(every: PathProber) -> None:
        for _ in range(3):
            assert set(await every.look(["/", "/tmp"])) == {"/", "/tmp"}
            for one in children():
                one.kill()
            # Sometimes it is seen to be gone before the next look, sometimes not.
            await asyncio.sleep(0)

    run(act)


def test_child_that_cannot_look_answers_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "probe_program.py"
    broken.write_text("raise SystemExit(1)\n")
    monkeypatch.setattr(probe_program, "__file__", str(broken))

    assert run(lambda every: every.look(["/", "/tmp"])) == {}


def test_disks_that_hang_keep_no_other_path_waiting(disks: Path) -> None:
    (disks / "hangs").touch()
    good = [disks / "good/pfs/a", disks / "good/pfs/b"]
    bad = [disks / f"disk{number}/pfs" / pfs for number in (1, 2, 3) for pfs in ("a", "b")]

    async def act(every: PathProber) -> None:
        order: list[str] = []

        async def look_at(paths: list[Path], name: str) -> PathStates:
            answers = await every.look(map(str, paths), is_quick=name == "good")
            order.append(name)
            return answers

        hung, answered = await asyncio.gather(look_at(bad, "bad"), look_at(good, "good"))

        assert order == ["good", "bad"]
        assert all(seen(answered, path) for path in good)
        assert not any(seen(hung, path) for path in bad)

    run(act)
    assert hung(disks) == 3, "one for each disk"


def test_place_that_hangs_is_touched_by_no_second_child_until_the_first_is_gone(
    disks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unkillable = Unkillable(monkeypatch)
    (disks / "hangs").touch()
    (disks / "way").symlink_to("disk1")
    paths = [str(disks / "disk1/pfs/a"), str(disks / "way/pfs/b"), str(disks / "good/pfs/a")]

    async def act(every: PathProber) -> None:
        for _ in range(10):
            answers = await every.look(paths)
            assert [answers[path] is None for path in paths] == [True, True, False]
        assert hung(disks) == 1
        (disks / "hangs").unlink()
        unkillable.lift()
        for _ in range(6000):
            if None not in (await every.look(paths)).values():
                break
            await asyncio.sleep(0.01)
        else:
            raise AssertionError("never seen again")

    run(act)


def test_disk_that_is_only_slow_is_answered_late(disks: Path) -> None:
    (disks / "hangs").touch()
    path = str(disks / "disk1/pfs/a")

    async def act(every: PathProber) -> None:
        assert await every.look([path], is_quick=True) == {path: None}
        late = asyncio.ensure_future(every.look([path]))
        await asyncio.sleep(0)
        (disks / "hangs").unlink()
        assert (await late)[path] is not None

    run(act)


def test_hanging_children_are_bounded_and_bound_to_no_time(
    disks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prober, "MOST_HANGING", 2)
    unkillable = Unkillable(monkeypatch)
    (disks / "hangs").touch()
    paths = [str(disks / f"disk{number}/pfs/a") for number in (1, 2, 3)]

    async def act(every: PathProber) -> None:
        for _ in range(3):
            answers = await every.look([*paths, "/"])
            assert all(answers.get(path) is None for path in paths)
        (disks / "hangs").unlink()
        unkillable.lift()

    run(act)
    assert hung(disks) == 2


def test_look_takes_about_a_millisecond() -> None:
    async def act(every: PathProber) -> float:
        await every.look(["/tmp"])
        took = []
        for _ in range(50):
            began = time.perf_counter()
            await every.look(["/tmp"])
            took.append(time.perf_counter() - began)
        return min(took)

    assert run(act) < 0.1, sys.version


def test_healthy_pairs_are_answered_first_though_three_file_systems_hang(
    disks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prober, "LATE_S", 12 * prober.SLOW_S)
    (disks / "hangs").touch()
    pairs = [
        Pair(name, Endpoint(str(disks / "good/pfs/a")), Endpoint(str(disks / name / "pfs/b")))
        for name in ("disk1", "disk2", "disk3", "good")
    ]
    order: list[str] = []

    async def act(every: PathProber) -> None:
        calls = PfsStatusCommands(Disks(), "/sbin/hammer", "/root")  # type: ignore[arg-type]
        reader = ProbeQueue(BatchReader(calls, every, Clock(asyncio.get_running_loop().time)))

        async def probe(pair: Pair) -> None:
            readings = await reader.probe([pair], 20)
            order.append(pair.name)
            is_read = all(isinstance(one.seen, PfsStatus) for one in readings)
            assert is_read == (pair.name == "good"), readings

        await asyncio.gather(*map(probe, pairs))
        await reader.close()

    run(act)
    assert order[0] == "good"
    assert hung(disks) == 3, "one child for each disk"
