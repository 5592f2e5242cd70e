"""Each command has one result, in time, and leaves no process and no fd."""

import asyncio
import errno
import os
import selectors
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hammerd.daemon.process.commands import (
    CHUNK_BYTES,
    MOST_OUTPUT_BYTES,
    MOST_STDERR_BYTES,
    Care,
    CommandResult,
    Commands,
)
from tests.daemon.world import living_pids
from tests.waiting import until

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

ENV = {"PATH": "/bin:/usr/bin"}


@pytest.fixture(params=["shortcuts", "portable"], autouse=True)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "portable":
        monkeypatch.setenv("HAMMERD_PORTABLE", "1")


def run(*argv: str, timeout_s: float = 30) -> CommandResult:
    return with_commands(lambda commands: commands.run(argv, ENV, timeout_s))


def with_commands(act: Callable[[Commands], Awaitable[CommandResult]]) -> CommandResult:
    async def main() -> CommandResult:
        loop = asyncio.get_running_loop()
        commands = Commands(loop)
        loop.add_signal_handler(signal.SIGCHLD, commands.child_changed)
        result = await act(commands)
        await exited(commands, result)
        return result

    return asyncio.run(main())


async def exited(commands: Commands, late: CommandResult) -> None:
    while commands.is_under_way(late.pid):  # noqa: ASYNC110 - the reaping sets no event
        await asyncio.sleep(0.005)


def test_result_has_the_output_and_the_exit_status() -> None:
    result = run("/bin/sh", "-c", "echo out; echo err >&2; exit 3")

    assert result == CommandResult("exit 3", "out\n", "err\n")
    assert not result.is_good


def test_result_of_a_killed_command_names_the_signal() -> None:
    assert run("/bin/sh", "-c", "kill -TERM $$").status == "signal SIGTERM"


SESSION = "import os; print(os.getsid(0), os.getpid())"


def test_command_has_no_terminal_and_only_the_environment_given() -> None:
    result = run(
        "/bin/sh", "-c", 'env; tty; pwd; umask; exec "$0" -c "$1"', sys.executable, SESSION
    )

    environment, rest = result.stdout.split("not a tty\n")
    words = rest.split()
    assert dict(line.split("=", 1) for line in environment.splitlines()).items() >= ENV.items()
    assert "HOME" not in environment
    assert words[:2] == ["/", "0077"]
    assert words[2] == words[3]


def test_missing_program_is_a_result_too() -> None:
    result = run("/no/such/command")

    assert result.spawn_error is not None
    assert "/no/such/command could not be started: No such file" in str(result.spawn_error)


def test_command_that_hangs_is_killed_and_reported_at_the_deadline() -> None:
    result = run("/bin/sh", "-c", "echo started; sleep 4711 & sleep 4711", timeout_s=0.5)

    assert result.is_late
    assert result.stdout == "started\n"
    until(lambda: not living_pids("sleep 4711"), "its group has ended")


def test_late_command_is_under_way_until_it_has_exited() -> None:
    async def late(commands: Commands) -> CommandResult:
        result = await commands.run(("/bin/sh", "-c", "sleep 4713"), ENV, 0.2)
        # The result comes in the step that kills the command, which is not reaped yet.
        assert commands.is_under_way(result.pid)
        return result

    assert with_commands(late).is_late


def test_command_that_leaves_a_child_behind_is_reported_at_once() -> None:
    result = run("/bin/sh", "-c", "sleep 4712 & echo done")

    assert result == CommandResult("exit 0", "done\n", "")
    until(lambda: not living_pids("sleep 4712"), "its child has ended")


def test_endless_output_is_cut_and_does_not_block_the_command() -> None:
    script = f"import os; [os.write(1, b'x' * 65536) for _ in range({MOST_OUTPUT_BYTES // 32768})]"

    result = run(sys.executable, "-IS", "-c", script)

    assert result.is_good
    assert len(result.stdout) == MOST_OUTPUT_BYTES


def test_output_is_read_as_fast_where_a_pipe_holds_less() -> None:
    small = "fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, 32768) if hasattr(fcntl, 'F_SETPIPE_SZ') else 0"
    script = f"import fcntl, os; {small}; [os.write(1, b'x' * 32768) for _ in range(128)]"

    result = run(sys.executable, "-IS", "-c", script)

    assert result.is_good
    assert len(result.stdout) == MOST_OUTPUT_BYTES


def test_command_that_prints_small_chunks_is_not_read_at_each_chunk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chunks: list[int] = []
    read = os.read

    def counted(fd: int, most_bytes: int) -> bytes:
        if most_bytes == CHUNK_BYTES:
            chunks.append(fd)
        return read(fd, most_bytes)

    monkeypatch.setattr(os, "read", counted)
    script = "import os, time; [(os.write(1, b'chunk '), time.sleep(.001)) for _ in range(100)]"

    result = run(sys.executable, "-IS", "-c", script)

    assert result.stdout == 100 * "chunk "
    assert len(chunks) < 50


def test_no_fd_is_left_open_by_many_calls() -> None:
    async def many(commands: Commands) -> CommandResult:
        await commands.run(("/bin/sh", "-c", ":"), ENV, 30)
        before = len(os.listdir("/dev/fd"))
        for _ in range(20):
            result = await commands.run(("/bin/sh", "-c", ":"), ENV, 30)
        assert len(os.listdir("/dev/fd")) == before
        return result

    assert with_commands(many).is_good


def test_last_bytes_of_a_long_stderr_are_stored() -> None:
    script = "import os; [os.write(2, b'x' * 65536) for _ in range(64)]; os.write(2, b'the cause')"

    result = run(sys.executable, "-IS", "-c", script)

    assert result.stderr.endswith("xxx" + "the cause")
    assert len(result.stderr) == MOST_STDERR_BYTES


def test_result_does_not_wait_for_a_process_that_left_the_group() -> None:
    flood = "import os\nos.setsid()\nwhile True: os.write(1, b'flood 4714 ' * 4096)"
    script = f"import os, time\nif os.fork() == 0:\n exec({flood!r})\ntime.sleep(0.2)"

    result = run(sys.executable, "-IS", "-c", script)

    assert result.is_good
    until(lambda: not living_pids("flood 4714"), "it has ended, as its pipe has no reader")


def test_close_kills_a_command_and_reports_no_result() -> None:
    async def close(commands: Commands) -> CommandResult:
        commands.start(("/bin/sleep", seconds), ENV, 30, results.append)
        await commands.close(30)
        assert not living_pids(f"sleep {seconds}")
        return CommandResult("closed")

    results: list[CommandResult] = []
    seconds = f"4717.{os.getpid()}"

    assert with_commands(close) == CommandResult("closed")
    assert results == []


# --- commands of the config ----------------------------------------------------------------------


class RefusingSelector(selectors.SelectSelector):
    """Refuses a pipe whose other end is closed, as a kqueue does."""

    def register(
        self, fileobj: "FileDescriptorLike", events: int, data: object = None
    ) -> selectors.SelectorKey:
        if events & selectors.EVENT_WRITE:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        return super().register(fileobj, events, data)


def run_with_care(
    script: str,
    care: Care,
    *arguments: str,
    timeout_s: float = 30,
    selector: selectors.BaseSelector | None = None,
) -> tuple[CommandResult, Commands]:
    """Run a shell script with care; return its result, and the commands as they were then."""

    async def main() -> tuple[CommandResult, Commands]:
        loop = asyncio.get_running_loop()
        commands = Commands(loop)
        loop.add_signal_handler(signal.SIGCHLD, commands.child_changed)
        done: asyncio.Future[CommandResult] = loop.create_future()
        argv = ("/bin/sh", "-c", script, "sh", *arguments)
        commands.start(argv, ENV, timeout_s, done.set_result, care)
        result = await done
        await commands.close(30)
        return result, commands

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        return runner.run(main())


def test_command_reads_its_input_to_the_end() -> None:
    given = b"x" * (3 * CHUNK_BYTES)

    assert run_with_care("wc -c", Care(given))[0].stdout.strip() == str(len(given))


@pytest.mark.parametrize("script", ["exec 0<&-; echo closed", "head -c 1", "true"])
def test_command_that_does_not_read_its_input_is_not_hurt(script: str) -> None:
    assert run_with_care(script, Care(b"x" * (1 << 20)))[0].status == "exit 0"


def test_command_that_closed_its_input_before_the_loop_watches_it_is_not_hurt() -> None:
    result, _ = run_with_care("echo ran", Care(b"given"), selector=RefusingSelector())

    assert (result.status, result.stdout) == ("exit 0", "ran\n")


def test_command_that_is_late_gets_term_first() -> None:
    script = 'trap "echo cleaned up; exit 3" TERM; while :; do sleep 0.05; done'
    result, _ = run_with_care(script, Care(grace_s=30), timeout_s=0.3)

    assert result.is_late
    assert result.stdout == "cleaned up\n"
    assert not result.is_good


def test_command_that_survives_term_is_killed() -> None:
    script = 'trap "" TERM; while :; do sleep 0.05; done'
    result, _ = run_with_care(script, Care(grace_s=0.2), timeout_s=0.2)

    assert result.is_late


def test_flood_of_output_is_bounded_and_ends_at_the_deadline() -> None:
    result, _ = run_with_care("yes", Care(grace_s=5), timeout_s=0.5)

    assert result.is_late
    assert len(result.stdout) <= MOST_STDERR_BYTES


def test_what_a_command_left_goes_on_for_a_while(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if "portable" in request.node.name:
        # Without waitid() the group ends with its leader.
        return
    left, go = tmp_path / "left", tmp_path / "go"
    script = '(while [ ! -e "$2" ]; do sleep 0.02; done; echo done > "$1") & exit 0'

    async def main() -> CommandResult:
        loop = asyncio.get_running_loop()
        commands = Commands(loop)
        loop.add_signal_handler(signal.SIGCHLD, commands.child_changed)
        done: asyncio.Future[CommandResult] = loop.create_future()
        argv = ("/bin/sh", "-c", script, "sh", str(left), str(go))
        commands.start(argv, ENV, 30, done.set_result, Care(linger_s=60))
        result = await done
        go.touch()
        await asyncio.to_thread(until, left.exists, "what the command left has written")
        await commands.close(30)
        return result

    assert asyncio.run(main()).is_good


def test_what_a_command_left_ends_after_that() -> None:
    mark = f"sleep 98.{os.getpid()}"
    result, commands = run_with_care(f"{mark} & exit 0", Care(linger_s=0.1))

    assert result.is_good
    until(lambda: not living_pids(mark), "what was left is killed")
    assert not commands.is_under_way(result.pid)
