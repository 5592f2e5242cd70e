"""The commands pfs-upgrade, pfs-downgrade and pfs-destroy (docs/hammer.md 1.7, 3.4)."""

import os

from hammerd.simulator.kernel.file_system.pfs_info import PfsInfo
from hammerd.simulator.kernel.flush.sync import flush, wait_for_flush
from hammerd.simulator.kernel.ioctls import pfs_lifecycle
from hammerd.simulator.kernel.ioctls.pfs import OpenPfs
from hammerd.simulator.runtime import clock, console
from hammerd.simulator.runtime.console import CommandError, write_stdout
from hammerd.simulator.runtime.state_files import unlink_if_present
from hammerd.simulator.utility.arguments.options import Options, exit_with_usage
from hammerd.simulator.utility.arguments.paths import open_pfs

COUNTDOWN_S = 5


def run(options: Options, command: str, words: list[str]) -> None:
    """Run pfs-upgrade, pfs-downgrade or pfs-destroy."""
    if not words:
        exit_with_usage("usage_pfs.txt", 1)
    pfs, info = open_pfs(words[0])
    if command == "pfs-destroy":
        _destroy(options, pfs, info, words[0])
    else:
        _change_role(pfs, info, command)


def _change_role(pfs: OpenPfs, info: PfsInfo, command: str) -> None:
    is_upgrade = command == "pfs-upgrade"
    if pfs.pfs_id == 0:
        already = " (It should already be a master)" if is_upgrade else ""
        raise CommandError(f"You cannot {command.removeprefix('pfs-')} PFS#0{already}")
    if info.is_slave != is_upgrade:
        raise CommandError(f"It is already a {'slave' if info.is_slave else 'master'}")
    name = f"{command} of PFS#{pfs.pfs_id} ({info.label})"
    try:
        if is_upgrade:
            pfs_lifecycle.upgrade(pfs)
        else:
            flush(pfs.fs)
            wait_for_flush(pfs.fs)
            pfs_lifecycle.downgrade(pfs)
    except OSError as error:
        raise CommandError(f"{name} failed", error) from error
    write_stdout(f"{name} succeeded\n")


def _destroy(options: Options, pfs: OpenPfs, info: PfsInfo, path: str) -> None:
    number = f"PFS#{pfs.pfs_id}"
    if pfs.pfs_id == 0:
        raise CommandError("You cannot destroy PFS#0")
    write_stdout(f"You have requested that {number} ({info.label}) be destroyed\n")
    write_stdout("This will irrevocably destroy all data on this PFS!!!!!\n")
    answers = _StdinLines()
    answers.require_yes("Do you really want to do this? [y/n] ", number)
    if not info.is_slave:
        write_stdout("This PFS is currently setup as a MASTER!\n")
        answers.require_yes("Are you absolutely sure you want to destroy it? [y/n] ", number)
    write_stdout(f"Destroying {number} ({info.label})")
    if options.debug:
        write_stdout("\n")
    else:
        _count_down()
    try:
        pfs_lifecycle.destroy(pfs)
    except OSError as error:
        write_stdout(f"pfs-destroy of {number} failed: {os.strerror(error.errno or 0)}\n")
        return
    write_stdout(f"pfs-destroy of {number} succeeded!\n")
    if os.path.islink(path):
        unlink_if_present(path)


def _count_down() -> None:
    write_stdout(" in")
    for seconds in range(COUNTDOWN_S, 0, -1):
        write_stdout(f" {seconds}")
        console.flush_stdout()
        clock.sleep(1, "countdown")
    write_stdout(".. starting destruction pass\n")


class _StdinLines:
    """Reads answers from stdin, ahead of the line as stdio does."""

    def __init__(self) -> None:
        self.unread: bytes | None = None

    def require_yes(self, question: str, number: str) -> None:
        write_stdout(question)
        console.flush_stdout()
        if self._next() not in (b"y", b"yes", b"Y", b"YES"):
            raise CommandError(f"No action taken on {number}")

    def _next(self) -> bytes:
        while self.unread is None or b"\n" not in self.unread:
            try:
                piece = os.read(0, 4096)
            except OSError:
                piece = b""
            self.unread = (self.unread or b"") + piece
            if not piece:
                break
        line, _, self.unread = self.unread.partition(b"\n")
        return line.rstrip(b"\r")
