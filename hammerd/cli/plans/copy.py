"""Runs a mirror-copy, shows its progress, and judges its success by its own words.

The exit status of a mirror-copy is 0 whatever happened (docs/hammer.md 6.1). It belongs to the
terminal's process group, so an interrupt from the keyboard ends its halves as well; what a slice
that was interrupted has brought is sent again by the next copy.
"""

import os
import subprocess
import time
from collections.abc import Mapping
from typing import IO

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.numbers import show_bytes, show_period, show_rate
from hammerd.cli.output.progress import ProgressBar
from hammerd.core.hammer import messages
from hammerd.core.hammer.commands import mirror_copy_argv
from hammerd.core.hammer.output_parser import OutputParser
from hammerd.core.plans.steps import Copy
from hammerd.core.replication.transfer_progress import (
    Transfer,
    bulk_progress,
    transfer_rate,
    update_transfer,
)
from hammerd.core.tid import Tid

CHUNK_BYTES = 64 << 10
INDENT = "    "


class CopyProgress:
    """The messages that the stderr of a mirror-copy has had so far."""

    def __init__(self, source: str) -> None:
        self._end = f"Mirror-read {source} succeeded"
        self._parser = OutputParser()
        self._transfer = Transfer()
        self._complaints: list[messages.Complaint] = []
        self._last_remark = ""
        self._is_prescanning = False
        self.has_succeeded = False
        self.tid: Tid | None = None

    def read(self, data: bytes, now_at: float) -> None:
        """Take more bytes; empty ones end the output."""
        parsed = self._parser.feed(data) if data else self._parser.finish()
        for message in parsed:
            self._transfer = update_transfer(self._transfer, message, now_at)
            self._note(message)

    def _note(self, message: messages.Message) -> None:
        match message:
            case messages.Complaint(text):
                self._complaints.append(message)
                self._look_for_end(text)
            case messages.Remark(text):
                self._last_remark = text
                self._look_for_end(text)
            case messages.Committed(tid):
                self.tid = tid
            case messages.Prescan():
                self._is_prescanning = True
            case messages.Batch() | messages.Progress():
                self._is_prescanning = False
            case _:
                pass

    def _look_for_end(self, text: str) -> None:
        """Look for the words of success; they may stand within a line of the other half."""
        self.has_succeeded = self.has_succeeded or self._end in text

    def share(self, now_at: float) -> float | None:
        """Return the share of the bulk that is done, None while its size is not known."""
        bulk = bulk_progress(self._transfer, now_at)
        return bulk.done_bytes / bulk.total_bytes if bulk and bulk.total_bytes else None

    def told(self, now_at: float) -> str:
        """Return size, rate and remaining time in words."""
        if self._is_prescanning:
            return "hammer counts what there is to copy"
        rate = transfer_rate(self._transfer, now_at)
        shown_rate = "" if rate is None else f", {show_rate(rate)}"
        bulk = bulk_progress(self._transfer, now_at)
        if bulk is None:
            sent_bytes = self._transfer.sent_bytes
            return f"{show_bytes(sent_bytes)}{shown_rate}" if sent_bytes else ""
        left = "" if bulk.eta_s is None else f", {show_period(bulk.eta_s)} to go"
        sizes = f"{show_bytes(bulk.done_bytes)} of {show_bytes(bulk.total_bytes)}"
        return sizes + shown_rate + left

    def failure(self) -> CommandFailed:
        """Return the error of a copy that did not succeed."""
        weighty = [
            each
            for each in self._complaints
            if each.cure not in (messages.Cure.NOTE, messages.Cure.ECHO)
        ]
        for each in (*weighty, *self._complaints):
            return CommandFailed(f"the mirror-copy failed: {each.text}", each.hint)
        told = self._last_remark or "it said nothing"
        return CommandFailed(f"the mirror-copy did not succeed: {told}", "run this command again")


def run_copy(hammer: str, copy: Copy, env: Mapping[str, str]) -> Tid | None:
    """Run a mirror-copy to its end, and return the TID that it brought the slave to.

    None: there was nothing new to copy.

    Raises:
        CommandFailed: it could not be started, or did not succeed.
    """
    argv = mirror_copy_argv(hammer, copy.source, copy.target)
    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=env,
            cwd="/",
        )
    except OSError as error:
        raise CommandFailed(f"cannot start {argv[0]}: {error.strerror}") from error
    progress = CopyProgress(copy.source.path)
    with child:
        assert child.stderr is not None
        _follow(child.stderr, progress)
    if not progress.has_succeeded:
        raise progress.failure()
    return progress.tid


def _follow(stderr: IO[bytes], progress: CopyProgress) -> None:
    with ProgressBar(INDENT) as bar:
        data = b"-"
        while data:
            data = os.read(stderr.fileno(), CHUNK_BYTES)
            now_at = time.monotonic()
            progress.read(data, now_at)
            share = 1.0 if progress.has_succeeded else progress.share(now_at)
            bar.update(share, progress.told(now_at))
