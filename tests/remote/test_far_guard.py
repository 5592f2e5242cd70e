"""The guard of a far slave, run by login shells: one writer at a time, no innocent is killed."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from hammerd.core.exit_codes import Exit
from hammerd.core.hosts.far_guard import guard_words
from hammerd.core.hosts.forced_command import FarEndpoint, RemotePrograms, forced_command
from tests.remote.far_shell import LOCKS, SHELLS, FarShell, end, is_alive
from tests.waiting import until

Guard = subprocess.Popen[str]

STALE = "Thu-Jan-1-00:00:00-1970"
REFUSED = Exit.TEMPORARY


@pytest.fixture(params=LOCKS)
def far(request: pytest.FixtureRequest, tmp_path: Path) -> FarShell:
    far = FarShell(tmp_path, request.param)
    far.make()
    return far


@pytest.fixture
def ending() -> Iterator[Callable[[Guard], Guard]]:
    """Note guards that a test started; they end with what they run."""
    with ExitStack() as stack:

        def note(guard: Guard) -> Guard:
            stack.callback(end, guard)
            return guard

        yield note


@pytest.mark.parametrize("shell", SHELLS)
def test_a_login_shell_runs_a_command_under_the_lock(tmp_path: Path, shell: str) -> None:
    far = FarShell(tmp_path, LOCKS[0])
    far.make()
    guard = far.start("expr", "1", "+", "1", shell=shell)

    assert guard.communicate() == ("2\n", "hammerd-far: locked\n")
    assert guard.returncode == 0


def test_the_exit_status_is_that_of_the_command(far: FarShell) -> None:
    guard = far.start("expr", "0")
    guard.communicate()

    assert guard.returncode == 1


def test_an_earlier_writer_of_the_same_owner_is_ended(
    far: FarShell, ending: Callable[[Guard], Guard]
) -> None:
    earlier = ending(far.writing())
    pid = far.recorded_pid()
    ending(far.writing())

    assert not is_alive(pid)
    assert earlier.communicate()[1].startswith("hammerd-far: locked\n")
    assert not far.has_seen_two_writers


def test_a_writer_of_another_owner_is_left_alone(
    far: FarShell, ending: Callable[[Guard], Guard]
) -> None:
    ending(far.writing(owner="other"))
    pid = far.recorded_pid()
    refused = far.start("hammer", "mirror-write", "/pfs/a", owner="me")

    said = f"hammerd-far: pid {pid} of another hammerd (other) writes to /pfs/a\n"
    assert refused.communicate() == ("", said)
    assert refused.returncode == REFUSED
    assert is_alive(pid)


def test_a_frozen_writer_is_ended_and_does_nothing_when_thawed(
    far: FarShell, ending: Callable[[Guard], Guard]
) -> None:
    earlier = ending(far.writing())
    pid = far.recorded_pid()
    frozen = [far.holder(), psutil.Process(earlier.pid), psutil.Process(pid)]
    for process in frozen:
        process.suspend()
    ending(far.writing())
    successor = far.recorded_pid()
    for process in frozen:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()
    earlier.communicate()

    assert not is_alive(pid)
    assert is_alive(successor)
    assert not far.has_seen_two_writers


def test_a_writer_that_lost_its_lock_is_still_a_writer(
    far: FarShell, ending: Callable[[Guard], Guard]
) -> None:
    """A killed lockf leaves its child; with flock(1) the writer is the holder, and is gone."""
    ending(far.writing())
    pid = far.recorded_pid()
    far.holder().kill()
    until(lambda: far.lock == "lockf" or not is_alive(pid), "the holder dies")
    refused = far.start("expr", "1", owner="other")
    refused.communicate()
    ending(far.writing())

    assert refused.returncode == (REFUSED if far.lock == "lockf" else 0)
    assert not is_alive(pid)
    assert not far.has_seen_two_writers


def test_a_stale_record_never_leads_to_a_kill(far: FarShell) -> None:
    """The recorded pid is another process by now: that of this test."""
    far.record.write_text(f"{os.getpid()} {STALE} me\n")
    guard = far.start("expr", "1")

    assert guard.communicate() == ("1\n", "hammerd-far: locked\n")


def test_a_stale_record_of_a_held_lock_never_leads_to_a_kill(
    tmp_path: Path, ending: Callable[[Guard], Guard]
) -> None:
    """The holder of the lock is between taking it and writing its record."""
    far = FarShell(tmp_path, LOCKS[0])
    far.make()
    ending(far.writing())
    holder = far.recorded_pid()
    far.record.write_text(f"{os.getpid()} {STALE} me\n")
    far.set_delay("0")
    refused = far.start()

    said = f"hammerd-far: an unknown process has the lock {far.record}\n"
    assert refused.communicate() == ("", said)
    assert refused.returncode == REFUSED
    assert is_alive(holder)


def test_of_many_guards_at_once_one_writes(
    far: FarShell, ending: Callable[[Guard], Guard]
) -> None:
    guards = [ending(far.start()) for _ in range(4)]
    until(lambda: sum(guard.poll() is None for guard in guards) == 1, "one guard is left")

    assert not far.has_seen_two_writers


@pytest.mark.parametrize("lock", ["flock", "none"])
def test_without_a_lock_the_writer_runs_and_says_so(tmp_path: Path, lock: str) -> None:
    far = FarShell(tmp_path / "far", lock)
    far.make()
    if lock == "flock":
        (far.root / far.record.name).mkdir()
    guard = far.start("expr", "1")

    reason = "neither flock nor lockf is there"
    if lock == "flock":
        reason = f"cannot write {far.record}"
    assert guard.communicate() == ("1\n", f"hammerd-far: no lock: {reason}\n")


ALLOWED = (
    ("hammer -vv -2 mirror-write /pfs/s", "ssh-remote mirror-write /pfs/s"),
    (
        "hammer -i 1 -b 5m -B -S 4g -vv -2 mirror-read-stream /pfs/m",
        "ssh-remote mirror-read-stream /pfs/m",
    ),
    (
        f"{guard_words('me', '/pfs/s')} hammer -2 mirror-write /pfs/s",
        "ssh-remote mirror-write /pfs/s",
    ),
    ("hammer -2 mirror-read /pfs/m", "ssh-remote mirror-read /pfs/m"),
    ("hammer pfs-status /pfs/m /pfs/s", "ssh-remote pfs-status /pfs/m"),
    ("hammerd verify --end /pfs/s 0x0000000100000010", "verify --end /pfs/s 0x0000000100000010"),
)
REFUSED_COMMANDS = (
    "",
    "sh",
    "hammer",
    "hammer pfs-status",
    "hammer pfs-status /pfs/m /pfs/other",
    "hammer pfs-destroy /pfs/s",
    "hammer mirror-write /pfs/s2",
    "hammer mirror-write /pfs/m",
    "hammer mirror-write /pfs/s/../t",
    "hammer mirror-read-stream /pfs/s",
    "hammer -y -2 mirror-write /pfs/s",
    "hammer  mirror-write /pfs/s",
    "hammer mirror-write /pfs/s ",
    "hammer\tmirror-write /pfs/s",
    "hammer mirror-write /pfs/s\nid",
    "hammer -i * mirror-write /pfs/s",
    "hammer -i 5;id mirror-write /pfs/s",
    "hammer -i",
    "hammer pfs-status $(id)",
    "other-hammer mirror-write /pfs/s",
    "hammerd verify --end /pfs/other 0x10",
    "hammerd verify --end /pfs/s",
    "hammerd verify --end /pfs/s 0x10 --jobs",
    "hammerd verify --end /pfs/s 0x10/..",
    "hammerd verify --end /pfs/s /",
    "hammerd run",
    f"{guard_words('me', '/pfs/s')} hammerd run",
    f"{guard_words('me', '/pfs/s')} hammer mirror-write /pfs/t",
    f"{guard_words('me', '/pfs/s')} id",
    "/usr/bin/env P= id hammerd-far.x",
)


@pytest.fixture
def forced(tmp_path: Path) -> Callable[[str], tuple[int, str, str]]:
    """Run a forced command for a command that a client asks for."""
    far = FarShell(tmp_path, LOCKS[0])
    far.make()
    hammer = tmp_path / "bin" / "hammer"
    # hammer ssh-remote reads what the client asked for once more.
    hammer.write_text(
        '#!/bin/sh\ncase $SSH_ORIGINAL_COMMAND in hammer\\ *) echo "$@";; *) exit 9;; esac\n'
    )
    hammer.chmod(0o755)
    endpoints = (FarEndpoint("/pfs/s", is_slave=True), FarEndpoint("/pfs/m", is_slave=False))
    hammerd = tmp_path / "bin" / "hammerd"
    hammerd.write_text('#!/bin/sh\necho "$@"\n')
    hammerd.chmod(0o755)
    text = forced_command("me", RemotePrograms(str(hammer), str(hammerd)), endpoints)

    def run(asked: str) -> tuple[int, str, str]:
        env = {**far.environment, "SSH_ORIGINAL_COMMAND": asked}
        done = subprocess.run(
            [SHELLS[-1], "-c", text], env=env, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.parametrize(("asked", "ran"), ALLOWED)
def test_a_forced_command_runs_what_hammerd_asks_for(
    forced: Callable[[str], tuple[int, str, str]], asked: str, ran: str
) -> None:
    mark = "hammerd-far: locked\n" if "mirror-write" in asked else ""

    assert forced(asked) == (0, f"{ran}\n", mark)


@pytest.mark.parametrize("asked", REFUSED_COMMANDS)
def test_a_forced_command_refuses_everything_else(
    forced: Callable[[str], tuple[int, str, str]], asked: str
) -> None:
    status, output, said = forced(asked)

    assert (status, output) == (1, "")
    sent = asked.rpartition(" hammerd-far.")[2].partition(" ")[2] if "P=" in asked else asked
    reason = "" if sent.split()[:1] in (["hammer"], ["hammerd"]) else "Command not hammer: "
    assert said == (
        f"hammer-remote: {reason}this key allows only: mirror-write /pfs/s,"
        " mirror-read-stream /pfs/m, pfs-status /pfs/s /pfs/m,"
        " hammerd verify --end /pfs/s /pfs/m\n"
    )
