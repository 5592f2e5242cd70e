"""The source half: batches, slices, progress and waits (docs/hammer.md 4.5, 5.2, 5.5).

It uses fd 0 and 1, which are the pipe of the parent, of ssh or of a shell. It does not check
its parent and has no time limit but -t.
"""

import os
from _collections_abc import Iterator

from hammerd.simulator.kernel.file_system.volume import InjectedError
from hammerd.simulator.kernel.ioctls.mirror import mirror_read
from hammerd.simulator.kernel.ioctls.pfs import OpenPfs, get_pfs, wait_pfs
from hammerd.simulator.kernel.records.slice_contents import (
    REC,
    REC_BADCRC,
    Chunk,
    delete_tid_at,
    prescan_sizes,
)
from hammerd.simulator.runtime import clock
from hammerd.simulator.runtime.console import CommandError, write_stderr
from hammerd.simulator.utility.arguments.options import Options
from hammerd.simulator.utility.arguments.paths import open_pfs
from hammerd.simulator.utility.mirror import progress_files, protocol
from hammerd.simulator.utility.mirror.slices import Histogram, Slices


class SourceHalf:
    """One run of mirror-read: reads a PFS and sends it, once or continuously."""

    def __init__(
        self, options: Options, path: str, *, is_streaming: bool, begin_tid: int | None = None
    ) -> None:
        self.options = options
        self.begin_tid = begin_tid
        self.path = path
        self.is_streaming = is_streaming
        self.prints_progress = bool(options.verbose) and (is_streaming or not options.bulk)
        self.slices = Slices()
        self.scoreboard = progress_files.Scoreboard(options.scoreboard)
        self.ran_once = False
        self.started_at = clock.now()

    def is_out_of_time(self) -> bool:
        """Return whether the time limit -t has passed since the start of this half."""
        limit_s = self.options.timeout_s
        return limit_s > 0 and clock.whole_seconds_since(self.started_at) > limit_s

    def run(self) -> None:
        """Send batches until nothing is left to send or the target ends."""
        batch = None
        while True:
            if batch is not None:
                batch.pfs.close()
            batch = Batch(self)
            if not batch.run():
                return
            if batch.was_interrupted:
                break
            self.slices.advance()
            if self._has_more():
                if self.is_streaming and self.options.verbose == 1:
                    write_stderr(" (bulk incremental)")
            elif not self.is_streaming or not self._wait(batch.pfs, batch.end):
                break
        protocol.send(protocol.pack_tid(protocol.TERM, 0))
        write_stderr(f"Mirror-read {self.path} succeeded\n")

    def _has_more(self) -> bool:
        return not self.options.bulk and self.slices.has_more()

    def _wait(self, pfs: OpenPfs, end: int) -> bool:
        """Wait for a TID above `end`, then for the remaining delay; return False if it cannot."""
        verbose, delay_s = self.options.verbose, self.options.delay_s
        if verbose:
            write_stderr(" W")
        else:
            self.scoreboard.show(progress_files.STATE, "Waiting")
        started = clock.now()
        try:
            wait_pfs(pfs, end)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            text = f"Mirror-read {self.path}: cannot stream: {reason}\n"
            self.scoreboard.show(progress_files.RESULT, text)
            write_stderr(text)
            return False
        passed_s = clock.whole_seconds_since(started)
        if 0 <= passed_s < delay_s:
            if verbose:
                write_stderr("\bD")
            clock.sleep(delay_s - passed_s, "remaining delay")
        if verbose:
            write_stderr("\b ")
        return True


class Batch:
    """One exchange with the target, from its TID to its UPDATE."""

    def __init__(self, half: SourceHalf) -> None:
        self.half = half
        self.options = half.options
        self.pfs, self.info = open_pfs(half.path)
        self.pfs.hold_mount()
        self.beg = self.end = 0
        self.was_interrupted = False

    def run(self) -> bool:
        """Send one slice or IDLE; return False if the target ended the exchange."""
        self._print_running()
        protocol.send(protocol.pack_pfs(self.info, self.info.sync_beg_tid, self.info.sync_end_tid))
        if self.options.two_way and not self._ask_target():
            return False
        self._choose_range()
        self.half.ran_once = True
        protocol.send(protocol.pack_pfs(self.info, self.beg, self.end))
        self._override_begin()
        self._print_range()
        if self.beg < self.end:
            self._send_slice()
        else:
            self._idle()
        if self.options.two_way:
            self._await_update()
        elif self.options.cycle_file:
            write_stderr(
                "Warning: cycle file (-c option) cannot be fully updated unless you use"
                " mirror-copy\n"
            )
            progress_files.write_cycle_file(self.options.cycle_file, self.beg)
        return True

    def _print_running(self) -> None:
        half = self.half
        half.scoreboard.show(progress_files.STATE, "Running")
        if self.options.verbose == 1 and (half.is_streaming or not half.ran_once):
            write_stderr("\rRunning  \b\b" if half.ran_once else "\nRunning  \b\b")

    def _ask_target(self) -> bool:
        """Receive the target's TID; return False if the target ended the exchange."""
        answer = protocol.receive()
        if answer is not None and answer.type == protocol.TERM:
            return False
        _, self.beg, shared_uuid = protocol.unpack_pfs(answer)
        if shared_uuid != self.info.shared_uuid:
            raise CommandError("mirror-write: source and target have different shared-uuid's!")
        return True

    def _choose_range(self) -> None:
        try:
            self.info = get_pfs(self.pfs)
        except OSError as error:
            raise CommandError("Mirror-read: not a HAMMER fs/pseudofs!", error) from error
        slices, bulk = self.half.slices, self.options.bulk
        if self.options.two_way:
            self.beg += 1
        elif not bulk and not slices.is_prescan_due:
            self.beg = slices.last_end() + 1
        self.beg = max(self.beg, self.info.sync_beg_tid)
        self.end = self.info.sync_end_tid
        if not bulk:
            if slices.is_prescan_due:
                self._prescan()
            self.end = slices.end()

    def _override_begin(self) -> None:
        """Begin at the TID of the command line or, with -B and no target, of the cycle file."""
        path = self.options.cycle_file
        if path and self.options.bulk and not self.options.two_way:
            self.beg = progress_files.read_cycle_file(path, self.beg)
        if self.half.begin_tid is not None:
            self.beg = self.half.begin_tid

    def _prescan(self) -> None:
        slices, verbose = self.half.slices, self.options.verbose
        slices.index = 0
        if verbose and not slices.had_work:
            write_stderr("\n")
        if self.beg >= self.end:
            return
        is_first = not slices.had_work
        if is_first:
            split = f" ({self.options.split_bytes >> 20}MB chunks)" if verbose > 1 else ""
            write_stderr(f"Prescan to break up bulk transfer{split}\n")
        histogram = self._count(is_first=is_first)
        slices.fill(histogram.slices(self.options.split_bytes))
        if is_first:
            _print_slices(slices, histogram.total())
            summary = f"Prescan {slices.count} chunks, total {histogram.total() >> 20} MBytes"
            self.half.scoreboard.show(progress_files.RESULT, summary)

    def _count(self, *, is_first: bool) -> Histogram:
        histogram = Histogram(self.beg, self.end)
        dots = is_first and self.options.verbose > 1
        since_dot = 0
        number = 0
        for chunk in self._read(with_data=False):
            for tid, size in prescan_sizes(chunk, self.beg, self.end):
                histogram.count(tid, size)
                since_dot += size
            if since_dot > self.options.split_bytes and is_first:
                if dots:
                    write_stderr(".")
                number += 1
                self.half.scoreboard.show(progress_files.PROGRESS, f"Prescan chunk {number}")
                since_dot = 0
        if dots:
            write_stderr("\n")
        return histogram

    def _read(self, *, with_data: bool) -> Iterator[Chunk]:
        try:
            yield from mirror_read(self.pfs, self.beg, self.end, with_data=with_data)
        except OSError as error:
            failure = f"Mirror-read {self.half.path} failed"
            if with_data:
                self.half.scoreboard.show(
                    progress_files.RESULT, f"{failure}: {os.strerror(error.errno or 0)}"
                )
            raise CommandError(failure, error) from error
        except InjectedError as fatal:
            text = f"Mirror-read {self.half.path} fatal error {fatal.code}"
            if with_data:
                self.half.scoreboard.show(progress_files.RESULT, text)
            raise CommandError(text) from fatal

    def _print_range(self) -> None:
        once_in_bulk = self.options.bulk and not self.half.is_streaming
        if self.options.verbose < 2 and not once_in_bulk:
            return
        bulk = "" if self.options.bulk else f" (bulk= {self.half.slices.size()})"
        write_stderr(f"Mirror-read: Mirror {self.beg:016x} to {self.end:016x}{bulk}\n")

    def _idle(self) -> None:
        """Sleep for the delay and send IDLE: there is no work."""
        bulk, verbose = self.options.bulk, self.options.verbose
        if verbose > 1 or (bulk and not self.half.is_streaming):
            write_stderr("Mirror-read: No work to do\n")
        clock.sleep(self.options.delay_s, "no work")
        if verbose and not bulk and not self.half.slices.had_work:
            write_stderr("\n")
        if self.options.two_way:
            self._keep_as_of(self.beg - 1)
        protocol.send(protocol.pack_tid(protocol.IDLE, self.end))

    def _keep_as_of(self, tid: int) -> None:
        """Show the source as of the TID that the target has after this batch (knob `as_of`)."""
        if self.pfs.fs.is_set("as_of"):
            # Imported here: no other stream needs it.
            from hammerd.simulator.kernel.ioctls import as_of

            with self.pfs.fs.locked():
                as_of.keep(self.pfs.fs, self.pfs.pfs_id, tid)

    def _send_slice(self) -> None:
        throttle = protocol.Throttle(self.options.bandwidth)
        sent = 0
        for chunk in self._read(with_data=True):
            self._send(chunk, throttle)
            sent += chunk.size
            self._show_progress(chunk, sent)
            if self.half.is_out_of_time():
                place = f"{self.half.path} interrupted by timer at {chunk.stopped_at:016x}"
                self.half.scoreboard.show(progress_files.RESULT, f"Mirror-read {place}")
                write_stderr(f"Mirror-read {place}\n")
                self.was_interrupted = True
                break
        if self.half.prints_progress:
            write_stderr("\n")
        # Without a SYNC the target does not reply and both wait for ever, as in hammer.
        if not self.was_interrupted:
            self._keep_as_of(self.end)
            protocol.send(protocol.pack_tid(protocol.SYNC, self.end))

    def _show_progress(self, chunk: Chunk, sent: int) -> None:
        tids = f"{self.beg:016x}:{self.end:016x}"
        text = f"obj={chunk.stopped_at:016x} tids={tids} {sent:11d}"
        if self.half.prints_progress:
            write_stderr(f"\rscan {text}")
        elif not self.options.verbose:
            self.half.scoreboard.show(progress_files.PROGRESS, text)

    def _send(self, chunk: Chunk, throttle: protocol.Throttle) -> None:
        # Record by record: the process would never free a buffer of 512 KiB.
        store = self.pfs.store()
        for kind, record in chunk.items:
            data = store.data([record])[0] if kind in (REC, REC_BADCRC) else b""
            throttle.send(protocol.pack_item(kind, record, delete_tid_at(record, self.end), data))

    def _await_update(self) -> None:
        answer = protocol.receive()
        if answer is None or answer.type != protocol.UPDATE:
            raise CommandError("mirror_read: Did not get final acknowledgement packet from target")
        path = self.options.cycle_file
        if path:
            progress_files.write_cycle_file(path, self.end)
            write_stderr(f"Cyclefile {path} updated to {self.end:#018x}\n")


def _print_slices(slices: Slices, total: int) -> None:
    sizes = [str(slices.bytes[number]) for number in range(min(slices.count, 3))]
    if slices.count > len(sizes):
        sizes.append("...")
    write_stderr(
        f"Prescan {slices.count} chunks, total {total >> 20} MBytes ({', '.join(sizes)})\n"
    )
