"""Each way to notice the death of a process that is not our child."""

import asyncio
import errno
import os
import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest

from hammerd.daemon.process import exit_watch
from hammerd.daemon.process.exit_watch import (
    ExitWatch,
    KqueueWatch,
    PidfdWatch,
    TickWatch,
    make_exit_watch,
)
from hammerd.daemon.process.kqueue import ExitQueue
from hammerd.daemon.process.process_table import Member, is_dead, look_at
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


def seen(pid: int) -> Member:
    member = look_at(pid)
    assert member is not None
    return member


def deaths_noticed(
    make: MakeWatch, act: Callable[[ExitWatch, Callable[[int], None]], None]
) -> list[int]:
    """Let `act` use a watch, then wait for a first death or for a loop that has nothing to do."""
    noticed: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        watch = make(loop)
        act(watch, noticed.append)
        for _ in range(200):
            await asyncio.sleep(0.01)
            if noticed:
                break

    asyncio.run(main())
    return noticed


def test_death_is_noticed_once(half: subprocess.Popen[bytes]) -> None:
    def act(watch: ExitWatch, on_death: Callable[[int], None]) -> None:
        watch.watch(seen(half.pid), on_death)
        half.kill()

    assert deaths_noticed(make_exit_watch, act) == [half.pid]


@needs_pidfds
def test_half_that_no_fd_is_left_to_watch_is_not_called_dead(
    half: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_fd(_pid: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(exit_watch, "pidfd_open", no_fd)
    member = seen(half.pid)

    assert deaths_noticed(PidfdWatch, lambda watch, tell: watch.watch(member, tell)) == []


@pytest.mark.parametrize("make", [make_exit_watch, TickWatch])
def test_half_that_is_a_zombie_already_is_reported(
    make: MakeWatch, half: subprocess.Popen[bytes]
) -> None:
    member = seen(half.pid)
    os.kill(half.pid, signal.SIGKILL)
    until(lambda: is_dead(member), "a zombie")

    assert deaths_noticed(make, lambda watch, tell: watch.watch(member, tell)) == [half.pid]


@pytest.mark.parametrize("make", [make_exit_watch, TickWatch])
def test_pid_that_is_another_process_by_now_is_a_dead_half(
    make: MakeWatch, half: subprocess.Popen[bytes]
) -> None:
    now = seen(half.pid)
    then = Member(now.pid, now.ppid, now.started_time - 100, is_zombie=False)

    assert deaths_noticed(make, lambda watch, tell: watch.watch(then, tell)) == [half.pid]


@pytest.mark.parametrize("make", [make_exit_watch, TickWatch])
def test_forgotten_half_is_not_reported(make: MakeWatch, half: subprocess.Popen[bytes]) -> None:
    def act(watch: ExitWatch, on_death: Callable[[int], None]) -> None:
        watch.watch(seen(half.pid), on_death)
        watch.forget(half.pid)
        half.kill()

    assert deaths_noticed(make, act) == []


class TestKqueueWatch:
    """Against the fake queue; the halves are real, since a watch looks at them once."""

    @pytest.fixture
    def kernel(self, half: subprocess.Popen[bytes]) -> Iterator[FakeKernel]:
        kernel = FakeKernel(living={half.pid})
        yield kernel
        for queue in kernel.queues:
            queue.close()

    def watching(self, kernel: FakeKernel) -> MakeWatch:
        return lambda loop: KqueueWatch(loop, ExitQueue(kernel))

    def test_exit_is_reported_once(
        self, kernel: FakeKernel, half: subprocess.Popen[bytes]
    ) -> None:
        def act(watch: ExitWatch, on_death: Callable[[int], None]) -> None:
            watch.watch(seen(half.pid), on_death)
            kernel.exit(half.pid)

        assert deaths_noticed(self.watching(kernel), act) == [half.pid]

    def test_zombie_that_is_added_is_reported(
        self, kernel: FakeKernel, half: subprocess.Popen[bytes]
    ) -> None:
        kernel.exit(half.pid)

        noticed = deaths_noticed(
            self.watching(kernel), lambda watch, tell: watch.watch(seen(half.pid), tell)
        )

        assert noticed == [half.pid]

    def test_half_that_is_gone_is_reported(
        self, kernel: FakeKernel, half: subprocess.Popen[bytes]
    ) -> None:
        member = seen(half.pid)
        kernel.exit(half.pid)
        kernel.reap(half.pid)
        half.kill()
        half.wait()

        noticed = deaths_noticed(
            self.watching(kernel), lambda watch, tell: watch.watch(member, tell)
        )

        assert noticed == [half.pid]

    def test_forgotten_half_is_not_reported(
        self, kernel: FakeKernel, half: subprocess.Popen[bytes]
    ) -> None:
        def act(watch: ExitWatch, on_death: Callable[[int], None]) -> None:
            watch.watch(seen(half.pid), on_death)
            watch.forget(half.pid)
            kernel.exit(half.pid)

        assert deaths_noticed(self.watching(kernel), act) == []

    def test_exit_after_being_forgotten_in_the_same_turn_is_not_reported(
        self, kernel: FakeKernel, half: subprocess.Popen[bytes]
    ) -> None:
        def act(watch: ExitWatch, on_death: Callable[[int], None]) -> None:
            watch.watch(seen(half.pid), on_death)
            kernel.exit(half.pid)
            watch.forget(half.pid)

        assert deaths_noticed(self.watching(kernel), act) == []

    def test_pair_that_cannot_be_told_costs_no_other_its_news(self, kernel: FakeKernel) -> None:
        loop, told, broken = asyncio.new_event_loop(), list[int](), list[object]()
        loop.set_exception_handler(lambda _, context: broken.append(context.get("exception")))
        halves = [subprocess.Popen(["sleep", "4713"]) for _ in range(3)]
        kernel.living |= {half.pid for half in halves}

        def tell(pid: int) -> None:
            told.append(pid)
            if len(told) == 1:
                raise RuntimeError("no news today")

        async def main() -> None:
            watch = KqueueWatch(loop, ExitQueue(kernel))
            for half in halves:
                watch.watch(seen(half.pid), tell)
            for half in halves:
                kernel.exit(half.pid)
            await reached(lambda: len(told) == len(halves), "all are told")

        try:
            loop.run_until_complete(main())
        finally:
            loop.close()
            for half in halves:
                half.kill()
                half.wait()

        assert told == [half.pid for half in halves]
        assert [str(error) for error in broken] == ["no news today"]
