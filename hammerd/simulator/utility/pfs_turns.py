"""pfs-upgrade, pfs-downgrade and pfs-destroy (HAMMER.md 4)."""

from __future__ import annotations

import os

from hammerd.simulator import clock, console
from hammerd.simulator.console import CommandError, say
from hammerd.simulator.kernel import flush, pfs_lifecycle
from hammerd.simulator.kernel.ioctls import OpenPfs
from hammerd.simulator.kernel.pfs_info import PfsInfo
from hammerd.simulator.kernel.state_files import unlink_if_there
from hammerd.simulator.utility.options import Options, show_usage_and_end
from hammerd.simulator.utility.pfs_paths import open_pfs

COUNTDOWN_S = 5


def run(options: Options, command: str, words: list[str]) -> None:
    """Run one of the three commands."""
    if not words:
        show_usage_and_end("usage_pfs.txt", 1)
    # A downgrade by itself keeps what a slave's promotion left stored: its own look counts not.
    pfs, info = open_pfs(words[0], is_peek=True)
    if command == "pfs-upgrade":
        _upgrade(pfs, info)
    elif command == "pfs-downgrade":
        _downgrade(pfs, info)
    else:
        _destroy(options, pfs, info, words[0])


def _upgrade(pfs: OpenPfs, info: PfsInfo) -> None:
    if pfs.pfs_id == 0:
        raise CommandError("You cannot upgrade PFS#0 (It should already be a master)")
    if not info.is_slave:
        raise CommandError("It is already a master")
    name = f"pfs-upgrade of PFS#{pfs.pfs_id} ({info.label})"
    try:
        pfs_lifecycle.upgrade(pfs)
    except OSError as error:
        raise CommandError(f"{name} failed", error) from error
    say(f"{name} succeeded\n")


def _downgrade(pfs: OpenPfs, info: PfsInfo) -> None:
    if pfs.pfs_id == 0:
        raise CommandError("You cannot downgrade PFS#0")
    if info.is_slave:
        raise CommandError("It is already a slave")
    name = f"pfs-downgrade of PFS#{pfs.pfs_id} ({info.label})"
    try:
        flush.flush(pfs.fs)
        flush.finish(pfs.fs)
        pfs_lifecycle.downgrade(pfs)
    except OSError as error:
        raise CommandError(f"{name} failed", error) from error
    say(f"{name} succeeded\n")


def _destroy(options: Options, pfs: OpenPfs, info: PfsInfo, path: str) -> None:
    number = f"PFS#{pfs.pfs_id}"
    if pfs.pfs_id == 0:
        raise CommandError("You cannot destroy PFS#0")
    say(f"You have requested that {number} ({info.label}) be destroyed\n")
    say("This will irrevocably destroy all data on this PFS!!!!!\n")
    answers = _Answers()
    answers.demand("Do you really want to do this? [y/n] ", number)
    if not info.is_slave:
        say("This PFS is currently setup as a MASTER!\n")
        answers.demand("Are you absolutely sure you want to destroy it? [y/n] ", number)
    say(f"Destroying {number} ({info.label})")
    if options.debug:
        say("\n")
    else:
        _count_down()
    try:
        pfs_lifecycle.destroy(pfs)
    except OSError as error:
        say(f"pfs-destroy of {number} failed: {os.strerror(error.errno or 0)}\n")
        return
    say(f"pfs-destroy of {number} succeeded!\n")
    if os.path.islink(path):
        unlink_if_there(path)


def _count_down() -> None:
    say(" in")
    for seconds in range(COUNTDOWN_S, 0, -1):
        say(f" {seconds}")
        console.flush()
        clock.sleep(1, "countdown")
    say(".. starting destruction pass\n")


class _Answers:
    """The lines of stdin, read ahead as stdio does."""

    __slots__ = ("rest",)

    def __init__(self) -> None:
        self.rest: bytes | None = None

    def demand(self, question: str, number: str) -> None:
        say(question)
        console.flush()
        if self._next() not in (b"y", b"yes", b"Y", b"YES"):
            raise CommandError(f"No action taken on {number}")

    def _next(self) -> bytes:
        while self.rest is None or b"\n" not in self.rest:
            try:
                piece = os.read(0, 4096)
            except OSError:
                piece = b""
            self.rest = (self.rest or b"") + piece
            if not piece:
                break
        line, _, self.rest = self.rest.partition(b"\n")
        return line.rstrip(b"\r")
