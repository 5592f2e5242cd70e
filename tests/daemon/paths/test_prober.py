"""A child probes paths; a path that hangs delays no other answer.

A stand-in for probe_program.py simulates a disk that hangs: it runs the program with an lstat
that waits.
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
from hammerd.daemon.paths import probe_program
from hammerd.daemon.paths import prober as prober_module
from hammerd.daemon.paths.prober import PathProber, PathStates
from hammerd.daemon.probe.batch import BatchReader
from hammerd.daemon.probe.pfs_status import PfsStatusCommands
from hammerd.daemon.probe.queue import ProbeQueue
from hammerd.daemon.process.spawn import Child, kill_group
from hammerd.daemon.timing.clock import Clock
from tests.daemon.probe.test_batch import Disks

T = TypeVar("T")

HANGING = """
import os, runpy, sys, time
lstat, root = os.lstat, {root!r}
def hang(path, **kw):
    if os.path.exists(root + "/hangs") and str(path).startswith(root + "/disk"):
        open(root + "/hung." + str(os.getpid()), "w").close()
        while os.path.exists(root + "/hangs"):
            time.sleep(0.01)
    return lstat(path, **kw)
os.lstat = hang
sys.argv[0] = {program!r}
runpy.run_path({program!r}, run_name="__main__")
"""


@contextmanager
def path_prober() -> Iterator[tuple[PathProber, asyncio.AbstractEventLoop]]:
    loop = asyncio.new_event_loop()
    prober = PathProber(loop, {"PATH": os.environ["PATH"]})
    loop.add_signal_handler(signal.SIGCHLD, prober.child_changed)
    try:
        yield prober, loop
    finally:
        loop.run_until_complete(prober.close(10))
        loop.close()
        assert children() == []


def children() -> list[psutil.Process]:
    found = psutil.Process().children()
    return [child for child in found if "probe_program" in " ".join(cmdline(child))]


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def run(act: Callable[[PathProber], Coroutine[object, object, T]]) -> T:
    with path_prober() as (prober, loop):
        return loop.run_until_complete(asyncio.wait_for(act(prober), 60))


@pytest.fixture
def disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Directory with disk1, disk2, disk3 and good; the disks hang while a file `hangs` exists."""
    for name in ("disk1", "disk2", "disk3", "good"):
        (tmp_path / name / "pfs").mkdir(parents=True)
        for pfs in ("a", "b"):
            (tmp_path / name / "pfs" / pfs).symlink_to("@@0x00000000000000ff:00001")
    stand_in = tmp_path / "stand_in_probe_program.py"
    stand_in.write_text(HANGING.format(root=str(tmp_path), program=probe_program.__file__))
    monkeypatch.setattr(probe_program, "__file__", str(stand_in))
    monkeypatch.setattr(prober_module, "LATE_S", 3 * prober_module.SLOW_S)
    return tmp_path


def hung(disks: Path) -> int:
    """Return the number of children that touched a disk that hangs."""
    return len(list(disks.glob("hung.*")))


class Unkillable:
    """Holds back KILL until lift(), as the kernel does for a process that hangs in it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self._killed: list[Child] = []
        monkeypatch.setattr(prober_module.spawn, "kill_group", self._killed.append)

    def lift(self) -> None:
        self._patch.setattr(prober_module.spawn, "kill_group", kill_group)
        for child in self._killed:
            kill_group(child)


def is_answered(answers: PathStates, path: Path) -> bool:
    return answers[str(path)] is not None


def test_probe_follows_links_and_returns_the_state_of_the_file(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    (root / "S1/pfs").mkdir(parents=True)
    (root / "S1/pfs/a").symlink_to("@@0x00000000000000ff:00007")
    (root / "l").mkdir()
    (root / "l/a").symlink_to("../S1/pfs/a")
    (root / "cur").symlink_to("S1")
    paths = [str(root / name) for name in ("S1/pfs/a", "l/a", "cur/pfs/a", "no", 'o"dd\n\udcff')]

    found = run(lambda prober: prober.probe(paths))

    for path in paths[:3]:
        state = found[path]
        assert state is not None
        assert (state.real, state.is_pfs_link) == (str(root / "S1/pfs/a"), True)
        assert state.link is not None
        assert (state.link.pfs_id, state.link.tid, state.link.is_master) == (7, 0xFF, False)
        assert state.free_space is not None
        assert state.stat.is_read_only is False
    for path in paths[3:]:
        missing = found[path]
        assert missing is not None
        assert (missing.stat.itself.exists, missing.stat.above.exists) == (False, True)
    assert found[str(root / "l/a")].operand == str(root / "S1/pfs/a")  # type: ignore[union-attr]


def test_one_child_answers_all_requests() -> None:
    async def act(prober: PathProber) -> set[int]:
        for _ in range(20):
            await prober.probe(["/", "/tmp"])
        return {child.pid for child in children()}

    assert len(run(act)) == 1


def test_many_long_paths_are_answered_in_pieces(tmp_path: Path) -> None:
    paths = [str(tmp_path / ("x" * 200) / f"{number:0200}") for number in range(2000)]

    assert set(run(lambda prober: prober.probe(paths))) == set(paths)


def test_child_that_is_killed_is_replaced() -> None:
    async def act(prober: PathProber) -> None:
        for _ in range(3):
            assert set(await prober.probe(["/", "/tmp"])) == {"/", "/tmp"}
            for child in children():
                child.kill()
            # Sometimes its exit is noticed before the next probe, sometimes not.
            await asyncio.sleep(0)

    run(act)


def test_program_that_fails_answers_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "probe_program.py"
    broken.write_text("raise SystemExit(1)\n")
    monkeypatch.setattr(probe_program, "__file__", str(broken))

    assert run(lambda prober: prober.probe(["/", "/tmp"])) == {}


def test_disks_that_hang_delay_no_other_path(disks: Path) -> None:
    (disks / "hangs").touch()
    good = [disks / "good/pfs/a", disks / "good/pfs/b"]
    bad = [disks / f"disk{number}/pfs" / pfs for number in (1, 2, 3) for pfs in ("a", "b")]

    async def act(prober: PathProber) -> None:
        order: list[str] = []

        async def probe(paths: list[Path], name: str) -> PathStates:
            answers = await prober.probe(map(str, paths), is_quick=name == "good")
            order.append(name)
            return answers

        hung, answered = await asyncio.gather(probe(bad, "bad"), probe(good, "good"))

        assert order == ["good", "bad"]
        assert all(is_answered(answered, path) for path in good)
        assert not any(is_answered(hung, path) for path in bad)

    run(act)
    assert hung(disks) == 3, "one child for each disk"


def test_path_that_hangs_is_touched_by_no_second_child_until_the_first_has_exited(
    disks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unkillable = Unkillable(monkeypatch)
    (disks / "hangs").touch()
    (disks / "link").symlink_to("disk1")
    paths = [str(disks / "disk1/pfs/a"), str(disks / "link/pfs/b"), str(disks / "good/pfs/a")]

    async def act(prober: PathProber) -> None:
        for _ in range(10):
            answers = await prober.probe(paths)
            assert [answers[path] is None for path in paths] == [True, True, False]
        assert hung(disks) == 1
        (disks / "hangs").unlink()
        unkillable.lift()
        for _ in range(6000):
            if None not in (await prober.probe(paths)).values():
                break
            await asyncio.sleep(0.01)
        else:
            raise AssertionError("the disks never answer again")

    run(act)


def test_path_on_a_slow_disk_is_answered_late(disks: Path) -> None:
    (disks / "hangs").touch()
    path = str(disks / "disk1/pfs/a")

    async def act(prober: PathProber) -> None:
        assert await prober.probe([path], is_quick=True) == {path: None}
        late = asyncio.ensure_future(prober.probe([path]))
        await asyncio.sleep(0)
        (disks / "hangs").unlink()
        assert (await late)[path] is not None

    run(act)


def test_number_of_hanging_children_is_bounded(
    disks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prober_module, "MOST_HANGING", 2)
    unkillable = Unkillable(monkeypatch)
    (disks / "hangs").touch()
    paths = [str(disks / f"disk{number}/pfs/a") for number in (1, 2, 3)]

    async def act(prober: PathProber) -> None:
        for _ in range(3):
            answers = await prober.probe([*paths, "/"])
            assert all(answers.get(path) is None for path in paths)
        (disks / "hangs").unlink()
        unkillable.lift()

    run(act)
    assert hung(disks) == 2


def test_probe_takes_about_a_millisecond() -> None:
    async def act(prober: PathProber) -> float:
        await prober.probe(["/tmp"])
        took = []
        for _ in range(50):
            began = time.perf_counter()
            await prober.probe(["/tmp"])
            took.append(time.perf_counter() - began)
        return min(took)

    assert run(act) < 0.1, sys.version


def test_healthy_pairs_are_answered_first_though_three_file_systems_hang(
    disks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prober_module, "LATE_S", 12 * prober_module.SLOW_S)
    (disks / "hangs").touch()
    pairs = [
        Pair(name, Endpoint(str(disks / "good/pfs/a")), Endpoint(str(disks / name / "pfs/b")))
        for name in ("disk1", "disk2", "disk3", "good")
    ]
    order: list[str] = []

    async def act(prober: PathProber) -> None:
        calls = PfsStatusCommands(Disks(), "/sbin/hammer", "/root")  # type: ignore[arg-type]
        reader = ProbeQueue(BatchReader(calls, prober, Clock(asyncio.get_running_loop().time)))

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
