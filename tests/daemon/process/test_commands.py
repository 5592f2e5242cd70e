import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import pytest

from hammerd.daemon.process.commands import (
    CHUNK_BYTES,
    MOST_OUTPUT_BYTES,
    MOST_STDERR_BYTES,
    CommandResult,
    Commands,
)
from tests.daemon.world import living_pids
from tests.waiting import until

ENV = {"PATH": "/bin:/usr/bin"}


@pytest.fixture(params=["shortcuts", "portable"], autouse=True)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "portable":
        monkeypatch.setenv("HAMMERD_PORTABLE", "1")


def run(*argv: str, timeout_s: float = 30) -> CommandResult:
    return with_calls(lambda calls: calls.run(argv, ENV, timeout_s))


def with_calls(act: Callable[[Commands], Awaitable[CommandResult]]) -> CommandResult:
    async def main() -> CommandResult:
        loop = asyncio.get_running_loop()
        calls = Commands(loop)
        loop.add_signal_handler(signal.SIGCHLD, calls.child_changed)
        answer = await act(calls)
        await gone(calls, answer)
        return answer

    return asyncio.run(main())


async def gone(calls: Commands, late: CommandResult) -> None:
    while calls.is_under_way(late.pid):  # noqa: ASYNC110 - the reaping sets no event
        await asyncio.sleep(0.005)


def test_command_gives_its_output_and_its_end() -> None:
    answer = run("/bin/sh", "-c", "echo out; echo err >&2; exit 3")

    assert answer == CommandResult("exit 3", "out\n", "err\n")
    assert not answer.is_good


def test_command_that_was_killed_says_by_which_signal() -> None:
    assert run("/bin/sh", "-c", "kill -TERM $$").status == "signal SIGTERM"


SESSION = "import os; print(os.getsid(0), os.getpid())"


def test_command_has_no_terminal_and_only_the_environment_given() -> None:
    answer = run(
        "/bin/sh", "-c", 'env; tty; pwd; umask; exec "$0" -c "$1"', sys.executable, SESSION
    )

    environment, rest = answer.stdout.split("not a tty\n")
    words = rest.split()
    assert dict(line.split("=", 1) for line in environment.splitlines()).items() >= ENV.items()
    assert "HOME" not in environment
    assert words[:2] == ["/", "0077"]
    assert words[2] == words[3]


def test_command_that_is_not_there_is_an_answer_too() -> None:
    answer = run("/no/such/command")

    assert answer.spawn_error is not None
    assert "/no/such/command could not be started: No such file" in str(answer.spawn_error)


def test_command_that_hangs_is_answered_for_at_the_deadline_and_killed() -> None:
    answer = run("/bin/sh", "-c", "echo begun; sleep 4711 & sleep 4711", timeout_s=0.5)

    assert answer.is_late
    assert answer.stdout == "begun\n"
    until(lambda: not living_pids("sleep 4711"), "its group is gone")


def test_command_that_came_late_is_known_until_it_is_gone() -> None:
    async def late(calls: Commands) -> CommandResult:
        answer = await calls.run(("/bin/sh", "-c", "sleep 4713"), ENV, 0.2)
        # The answer is given in the very step that kills it: nobody can have reaped it yet.
        assert calls.is_under_way(answer.pid)
        return answer

    assert with_calls(late).is_late


def test_command_that_leaves_a_child_behind_is_answered_for_at_once() -> None:
    answer = run("/bin/sh", "-c", "sleep 4712 & echo done")

    assert answer == CommandResult("exit 0", "done\n", "")
    until(lambda: not living_pids("sleep 4712"), "what it left is gone")


def test_output_without_end_is_cut_and_does_not_block_the_command() -> None:
    script = f"import os; [os.write(1, b'x' * 65536) for _ in range({MOST_OUTPUT_BYTES // 32768})]"

    answer = run(sys.executable, "-IS", "-c", script)

    assert answer.is_good
    assert len(answer.stdout) == MOST_OUTPUT_BYTES


def test_output_is_read_as_fast_where_a_pipe_holds_less() -> None:
    small = "fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, 32768) if hasattr(fcntl, 'F_SETPIPE_SZ') else 0"
    script = f"import fcntl, os; {small}; [os.write(1, b'x' * 32768) for _ in range(128)]"

    answer = run(sys.executable, "-IS", "-c", script)

    assert answer.is_good
    assert len(answer.stdout) == MOST_OUTPUT_BYTES


def test_command_that_prints_piecemeal_is_not_read_at_each_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chunks: list[int] = []
    read = os.read

    def counted(fd: int, most_bytes: int) -> bytes:
        if most_bytes == CHUNK_BYTES:
            chunks.append(fd)
        return read(fd, most_bytes)

    monkeypatch.setattr(os, "read", counted)
    script = "import os, time; [(os.write(1, b'piece '), time.sleep(.001)) for _ in range(100)]"

    answer = run(sys.executable, "-IS", "-c", script)

    assert answer.stdout == 100 * "piece "
    assert len(chunks) < 50


def test_no_fd_is_left_open_by_many_calls() -> None:
    async def many(calls: Commands) -> CommandResult:
        await calls.run(("/bin/sh", "-c", ":"), ENV, 30)
        before = len(os.listdir("/dev/fd"))
        for _ in range(20):
            answer = await calls.run(("/bin/sh", "-c", ":"), ENV, 30)
        assert len(os.listdir("/dev/fd")) == before
        return answer

    assert with_calls(many).is_good


def test_of_very_much_stderr_the_end_is_kept() -> None:
    script = "import os; [os.write(2, b'x' * 65536) for _ in range(64)]; os.write(2, b'the cause')"

    answer = run(sys.executable, "-IS", "-c", script)

    assert answer.stderr.endswith("xxx" + "the cause")
    assert len(answer.stderr) == MOST_STDERR_BYTES


def test_flood_of_a_process_that_left_the_group_is_not_waited_for() -> None:
    flood = "import os\nos.setsid()\nwhile True: os.write(1, b'flood 4714 ' * 4096)"
    script = f"import os, time\nif os.fork() == 0:\n exec({flood!r})\ntime.sleep(0.2)"

    answer = run(sys.executable, "-IS", "-c", script)

    assert answer.is_good
    until(lambda: not living_pids("flood 4714"), "it writes to nobody and is gone")


def test_command_under_way_is_gone_once_calls_are_closed() -> None:
    async def close(calls: Commands) -> CommandResult:
        calls.start(("/bin/sleep", seconds), ENV, 30, told.append)
        await calls.close(30)
        assert not living_pids(f"sleep {seconds}")
        return CommandResult("closed")

    told: list[CommandResult] = []
    seconds = f"4717.{os.getpid()}"

    assert with_calls(close) == CommandResult("closed")
    assert told == []
