"""Each watch reports the death of a process that is not our child, once."""

import asyncio
import errno
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from hammerd.daemon.process import exit_watch
from hammerd.daemon.process.exit_watch import ExitWatch, Pidfds, make_exit_watch
from hammerd.daemon.process.kqueue import ExitQueue
from hammerd.daemon.process.process_table import Member, is_dead, read_member
from tests.daemon.at_each_await import reached
from tests.daemon.process.fake_kqueue import FakeKernel
from tests.waiting import until

MakeWatch = Callable[[asyncio.AbstractEventLoop], ExitWatch]


needs_pidfds = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="no pidfds here")


@pytest.fixture
def half() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "4713"])
    yield process
    process.kill()
    process.wait()


def read(pid: int) -> Member:
    member = read_member(pid)
    assert member is not None
    return member


def deaths_reported(
    make: MakeWatch, act: Callable[[ExitWatch, Callable[[int], None]], None]
) -> list[int]:
    """Let `act` use a watch, wait for the first death, 2 s at most; return the reported pids."""
    reported: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        watch = make(loop)
        act(watch, reported.append)
        for _ in range(200):
            await asyncio.sleep(0.01)
            if reported:
                break

    asyncio.run(main())
    return reported


@pytest.fixture(params=["0", "1"], ids=["shortcuts", "portable"])
def make(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> MakeWatch:
    monkeypatch.setenv("HAMMERD_PORTABLE", request.param)
    return make_exit_watch


def test_death_is_noticed_once(half: subprocess.Popen[bytes]) -> None:
    def act(watch: ExitWatch, on_death: Callable[[int], None]) -> None:
        watch.watch(read(half.pid), on_death)
        half.kill()

    assert deaths_reported(make_exit_watch, act) == [half.pid]


@needs_pidfds
def test_half_does_not_count_as_dead_for_lack_of_an_fd_to_watch_it(
    half: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_fd(_pid: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(exit_watch, "pidfd_open", no_fd)
    member = read(half.pid)

    reported = deaths_reported(
        lambda loop: ExitWatch(loop, Pidfds),
        lambda watch, on_death: watch.watch(member, on_death),
    )

    assert reported == []


def test_half_that_is_a_zombie_already_is_reported(
    make: MakeWatch, half: subprocess.Popen[bytes]
) -> None:
    member = read(half.pid)
    os.kill(half.pid, signal.SIGKILL)
    until(lambda: is_dead(member), "a zombie")

    assert deaths_reported(make, lambda watch, on_death: watch.watch(member, on_death)) == [
        half.pid
    ]


def test_half_whose_pid_is_of_another_process_now_is_dead(
    make: MakeWatch, half: subprocess.Popen[bytes]
) -> None:
    now = read(half.pid)
    earlier = Member(now.pid, now.ppid, now.started_time - 100, is_zombie=False)

    assert deaths_reported(make, lambda watch, on_death: watch.watch(earlier, on_death)) == [
        half.pid
    ]


def test_forgotten_half_is_not_reported(make: MakeWatch, half: subprocess.Popen[bytes]) -> None:
    def act(watch: ExitWatch, on_death: Callable[[int], None]) -> None:
        watch.watch(read(half.pid), on_death)
        watch.forget(half.pid)
        half.kill()

    assert deaths_reported(make, act) == []


class TestExitQueue:
    """Uses the fake queue; the halves are real, since a watch reads them once."""

    @pytest.fixture
    def kernel(self, half: subprocess.Popen[bytes]) -> Iterator[FakeKernel]:
        kernel = FakeKernel(living={half.pid})
        yield kernel
        for queue in kernel.queues:
            queue.close()

    def watching(self, kernel: FakeKernel) -> MakeWatch:
        return lambda loop: ExitWatch(loop, partial(ExitQueue, kernel))

    def test_exit_is_reported_once(
        self, kernel: FakeKernel, half: subprocess.Popen[bytes]
    ) -> None:
        def act(watch: ExitWatch, on_death: Callable[[int], None]) -> None:
            watch.watch(read(half.pid), on_death)
            kernel.exit(half.pid)

        assert deaths_reported(self.watching(kernel), act) == [half.pid]

    def test_zombie_that_is_added_is_reported(
        self, kernel: FakeKernel, half: subprocess.Popen[bytes]
    ) -> None:
        kernel.exit(half.pid)

        reported = deaths_reported(
            self.watching(kernel), lambda watch, on_death: watch.watch(read(half.pid), on_death)
        )

        assert reported == [half.pid]

    def test_half_that_was_reaped_already_is_reported(
        self, kernel: FakeKernel, half: subprocess.Popen[bytes]
    ) -> None:
        member = read(half.pid)
        kernel.exit(half.pid)
        kernel.reap(half.pid)
        half.kill()
        half.wait()

        reported = deaths_reported(
            self.watching(kernel), lambda watch, on_death: watch.watch(member, on_death)
        )

        assert reported == [half.pid]

    def test_forgotten_half_is_not_reported(
        self, kernel: FakeKernel, half: subprocess.Popen[bytes]
    ) -> None:
        def act(watch: ExitWatch, on_death: Callable[[int], None]) -> None:
            watch.watch(read(half.pid), on_death)
            watch.forget(half.pid)
            kernel.exit(half.pid)

        assert deaths_reported(self.watching(kernel), act) == []

    def test_exit_after_being_forgotten_in_the_same_turn_is_not_reported(
        self, kernel: FakeKernel, half: subprocess.Popen[bytes]
    ) -> None:
        def act(watch: ExitWatch, on_death: Callable[[int], None]) -> None:
            watch.watch(read(half.pid), on_death)
            kernel.exit(half.pid)
            watch.forget(half.pid)

        assert deaths_reported(self.watching(kernel), act) == []

    def test_callback_that_fails_keeps_no_death_from_others(self, kernel: FakeKernel) -> None:
        loop, reported, errors = asyncio.new_event_loop(), list[int](), list[object]()
        loop.set_exception_handler(lambda _, context: errors.append(context.get("exception")))
        halves = [subprocess.Popen(["sleep", "4713"]) for _ in range(3)]
        kernel.living |= {half.pid for half in halves}

        def on_death(pid: int) -> None:
            reported.append(pid)
            if len(reported) == 1:
                raise RuntimeError("a bug")

        async def main() -> None:
            watch = ExitWatch(loop, partial(ExitQueue, kernel))
            for half in halves:
                watch.watch(read(half.pid), on_death)
            for half in halves:
                kernel.exit(half.pid)
            await reached(lambda: len(reported) == len(halves), "all are reported")

        try:
            loop.run_until_complete(main())
        finally:
            loop.close()
            for half in halves:
                half.kill()
                half.wait()

        assert reported == [half.pid for half in halves]
        assert [str(error) for error in errors] == ["a bug"]
