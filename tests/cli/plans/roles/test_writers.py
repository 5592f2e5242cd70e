import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.plans.roles import end_group as end_group_module
from hammerd.cli.plans.roles.end_group import end_group
from hammerd.cli.plans.roles.open_files import parse_fstat
from hammerd.cli.plans.roles.writers import (
    Process,
    find_commands,
    find_writers,
    list_processes,
    parse_processes,
)
from hammerd.core.plans.roles.facts import OpenFiles, WriterKind
from hammerd.daemon.state.spawn_records import KnownProcess, SpawnRecord

SLAVE = "/Backup2/pfs/home"
ARGV = ("/sbin/hammer", "-vv", "mirror-stream", "/Backup1/home", SLAVE)
RECORD = SpawnRecord(77, "home", ARGV, (), (KnownProcess(78, 1000.0),))


def process(pid: int, pgid: int = 77, state: str = "S", words: tuple[str, ...] = ARGV) -> Process:
    return Process(pid, pgid, state, 1000.0, words)


def kinds(processes: list[Process], *, is_running: bool = False, pgid: int = 77) -> list[str]:
    records = {pgid: RECORD}
    found = find_writers(processes, frozenset({SLAVE}), records, is_daemon_running=is_running)
    return [each.kind for each in found]


OTHER = ("hammer", "mirror-copy", "/Backup1/home", SLAVE)


@pytest.mark.parametrize(
    ("processes", "is_running", "expected"),
    [
        ([process(77), process(78), process(79)], False, [WriterKind.ORPHAN]),
        ([process(77), process(78)], True, [WriterKind.RUNNING]),
        # The start of a recorded process fits, whatever its words.
        ([process(78, words=OTHER)], False, [WriterKind.ORPHAN]),
        # The id of the group alone proves nothing.
        ([process(80, words=OTHER)], False, [WriterKind.FOREIGN]),
        ([process(90, pgid=90)], False, [WriterKind.FOREIGN]),
        ([process(90, pgid=90, words=("vi", SLAVE))], False, []),
        ([process(91, 91, words=("hammer", "mirror-copy", "/a", "/other"))], False, []),
    ],
)
def test_group_is_ours_only_if_its_record_fits(
    processes: list[Process], is_running: bool, expected: list[WriterKind]
) -> None:
    assert kinds(processes, is_running=is_running) == expected


def test_group_hangs_if_all_its_processes_wait_in_the_kernel() -> None:
    (found,) = find_writers(
        [process(77, state="D")], frozenset({SLAVE}), {}, is_daemon_running=False
    )
    (half,) = find_writers(
        [process(77, state="D"), process(78)], frozenset({SLAVE}), {}, is_daemon_running=False
    )
    assert found.hangs
    assert not half.hangs


def test_commands_of_a_killed_plan_are_found_and_streams_are_not() -> None:
    destroy = ("python3", "-IS", "/sbin/hammer", "pfs-destroy", SLAVE)
    processes = [
        process(1),
        process(2, words=OTHER),
        process(3, words=destroy),
        process(4, words=("hammer", "pfs-destroy", "/Backup2/pfs/other")),
        process(5, words=("vi", "mirror-copy", SLAVE)),
    ]
    found = find_commands(processes, frozenset({SLAVE}))
    assert found == (" ".join(OTHER), " ".join(destroy))


def test_lines_of_ps_in_another_form_are_left_out() -> None:
    text = (
        "  952   950 Ss   Thu Jan  1 00:16:40 1970 /bin/sh -c sleep 8\n"
        "  953   950 Z    Thu Jan  1 00:16:40 1970\n"
        "garbage\n  1 2 S then and there at noon vi\n"
    )
    assert list(parse_processes(text)) == [
        Process(952, 950, "Ss", 1000.0, ("/bin/sh", "-c", "sleep", "8")),
        Process(953, 950, "Z", 1000.0, ()),
    ]


def test_own_process_is_listed_with_its_start() -> None:
    listed = list_processes(os.environ)

    assert not isinstance(listed, str)
    (found,) = [each for each in listed if each.pid == os.getpid()]
    assert found.pgid == os.getpgrp()
    assert abs(found.started_time - time.time()) < 86_400 * 365


def test_processes_that_cannot_be_listed_are_not_none() -> None:
    assert isinstance(list_processes({"PATH": "/nowhere"}), str)


# --- the end of a group --------------------------------------------------------------------------


@contextmanager
def group(script: str) -> Iterator["subprocess.Popen[bytes]"]:
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


READY = "print('ready', flush=True); time.sleep(600)"


@pytest.mark.parametrize(
    ("script", "ends_by"),
    [
        (f"import time; {READY}", signal.SIGTERM),
        (f"import signal, time; signal.signal(15, signal.SIG_IGN); {READY}", signal.SIGKILL),
    ],
)
def test_group_is_ended(script: str, ends_by: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(end_group_module, "GRACE_S", 0.2)
    with group(script) as child:
        end_group(child.pid, lambda _: child.poll() is not None)
        assert child.returncode == -ends_by


def test_group_that_does_not_end_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(end_group_module, "LONGEST_S", 0.2)
    with (
        group(f"import time; {READY}") as child,
        pytest.raises(CommandFailed, match="does not end"),
    ):
        end_group(child.pid, lambda _: False)


# --- open files ----------------------------------------------------------------------------------


def test_fstat_is_told_once_for_each_use() -> None:
    text = """\
USER     CMD          PID   FD PATH               INUM MODE           SZ|DV R/W
root     sh           953   wd /Backup1/home     2785296 drwxr-xr-x         0  r
anna     vi           952    3 /Backup1/home     2785292 -rw-r--r--  0  r
anna     vi           952    3 /Backup1/home     2785292 -rw-r--r--  0  r
root     sleep       2771   wd /mS/a b/@@0x00000001002cf3a0/d 4297848006 drwxr-xr-x         0  r
"""
    assert parse_fstat(text) == {
        "sh (pid 953, root): current directory on /Backup1/home": 953,
        "vi (pid 952, anna): file 3 on /Backup1/home": 952,
        "sleep (pid 2771, root): current directory on /mS/a b/@@0x00000001002cf3a0/d": 2771,
    }


@pytest.mark.parametrize(("record_pgid", "held"), [(77, ("vi",)), (99, ("hammer", "vi"))])
def test_stream_that_the_plan_ends_holds_no_file(record_pgid: int, held: tuple[str, ...]) -> None:
    """A kernel shows the source half of each stream as a holder of its master."""
    (writer,) = find_writers(
        [process(77), process(78), process(79)],
        frozenset({SLAVE}),
        {record_pgid: RECORD},
        is_daemon_running=False,
    )
    ours = writer.pids if writer.is_ours else frozenset[int]()

    assert OpenFiles(("hammer", "vi"), pids=(78, 952)).without(ours).holders == held
