"""Tests that the line of a crontab that starts a stream is found."""

import asyncio
import signal
from pathlib import Path

from hammerd.daemon.foreign.path_identity import Crontabs
from hammerd.daemon.process.commands import Commands

TUTORIAL = "@reboot root hammer mirror-stream /Backup1/test /Backup2/test"


def line_for(operand: str, *paths: Path) -> str:
    async def ask() -> str:
        loop = asyncio.get_running_loop()
        calls = Commands(loop)
        loop.add_signal_handler(signal.SIGCHLD, calls.child_changed)
        return await Crontabs(calls, [str(path) for path in paths]).line_for(operand)

    return asyncio.run(ask())


def test_line_is_returned_with_its_file(tmp_path: Path) -> None:
    system, of_root = tmp_path / "crontab", tmp_path / "root"
    system.write_text("# nothing\n0 4 * * * root hammer cleanup\n")
    of_root.write_text(f"SHELL=/bin/sh\n{TUTORIAL}\n")

    assert line_for("/Backup2/test", system, of_root) == f"{of_root}: {TUTORIAL}"
    assert line_for("/Backup2/other", system, of_root) == ""


def test_missing_or_unprintable_file_hides_no_other(tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    odd.write_bytes(b"\xff\x00\n" + f"{TUTORIAL}\x1b[2J\n".encode())

    found = line_for("/Backup2/test", tmp_path / "missing", tmp_path)
    assert found == ""
    assert line_for("/Backup2/test\x1b[2J", tmp_path / "missing", odd).endswith("test?[2J")
