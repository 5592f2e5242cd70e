"""Verifies one pair: compares both ends as of the slave's TID."""

import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.verify.confirmation import confirmed
from hammerd.cli.verify.contents import fastest_algorithm
from hammerd.cli.verify.end_process import EndProcess, EndRefused
from hammerd.cli.verify.pair_ends import BackgroundCount, count_files, end_commands, nearer
from hammerd.cli.verify.progress import Display, State
from hammerd.cli.verify.session import Progress, Session, Task, locked_session
from hammerd.cli.verify.slave_point import slave_disk, slave_tid
from hammerd.core.config.model import Config
from hammerd.core.exit_codes import Exit
from hammerd.core.pairs import Pair
from hammerd.core.tid import Tid, format_tid, parse_tid
from hammerd.core.verify.comparison import Comparison
from hammerd.core.verify.request import MILLION, EndRequest
from hammerd.core.verify.sample import Sample
from hammerd.core.verify.verified import Verified

SAVE_EVERY_S = 5.0
RATE_AFTER_S = 0.5
"""The time after which the rate of a comparison means something."""


@dataclass(frozen=True, slots=True)
class Options:
    """The settings with which a pair is verified.

    `is_counted`: its files are counted meanwhile, for a bar. `save_every_s`: the least time
    between two saves of its progress.
    """

    sample: Sample
    jobs: int
    is_restart: bool = False
    is_counted: bool = False
    save_every_s: float = SAVE_EVERY_S


def verify_pair(pair: Pair, config: Config, options: Options, display: Display) -> Verified:
    """Compare both ends of a pair, or go on with a comparison that was interrupted.

    Raises:
        CommandFailed: they cannot be compared.
    """
    hammer = config.daemon.hammer
    with locked_session(config.daemon.state_dir, pair.name) as session:
        newest = slave_tid(pair, hammer)
        progress = _find_progress(session, pair, options, newest)
        try:
            verified = _Verification(pair, options, session, progress).run(display)
        except EndRefused:
            if progress.task == _task(pair, options, newest):
                raise
            # What the interrupted session compared is gone; what there is now can be compared.
            progress = session.begin(_task(pair, options, newest))
            verified = _Verification(pair, options, session, progress).run(display)
        newest = slave_tid(pair, hammer)
        if newest < verified.tid:
            raise CommandFailed(
                f"the TID of slave {pair.slave} went back while it was read",
                "run it again; hammerd events tells what was seen of its TID",
                code=Exit.UNAVAILABLE,
            )
        session.remove()
        if verified.is_equal:
            return verified
        return confirmed(verified, pair, newest, options.jobs)


def _find_progress(session: Session, pair: Pair, options: Options, newest: Tid) -> Progress:
    """Return the progress of an interrupted session of the same task, or begin a new one."""
    new = _task(pair, options, newest)
    saved = None if options.is_restart else session.saved()
    if saved is None or parse_tid(saved.task.tid) > newest:
        return session.begin(new)
    return saved if replace(saved.task, tid=new.tid) == new else session.begin(new)


def _task(pair: Pair, options: Options, tid: Tid) -> Task:
    ends = str(pair.master), str(pair.slave)
    return Task(*ends, format_tid(tid), options.sample.text, slave_disk(pair))


class _Meter:
    """Measures how far a comparison is, by the bytes that both ends have read."""

    def __init__(self, before_bytes: int) -> None:
        self._before_bytes = before_bytes
        self._began_at = time.monotonic()
        self.share = 1.0
        self.count: BackgroundCount | None = None
        self.ends: tuple[EndProcess, ...] = ()

    def state(self, entries: int, differences: int) -> State:
        """Return the state for a display."""
        read_bytes = sum(end.read_bytes for end in self.ends) // 2
        found = self.count.found if self.count is not None else None
        total = None if found is None else round(found.size * self.share)
        before = round(self._before_bytes * self.share)
        elapsed_s = time.monotonic() - self._began_at
        rate = read_bytes / elapsed_s if elapsed_s > RATE_AFTER_S else 0.0
        return State(entries, before + read_bytes, total, differences, rate)


class _Verification:
    """A comparison of a pair under way."""

    def __init__(self, pair: Pair, options: Options, session: Session, progress: Progress) -> None:
        self._pair = pair
        self._options = options
        self._session = session
        self._progress = progress
        self._tid = parse_tid(progress.task.tid)
        self._commands = end_commands(pair, self._tid)
        self._began_at = time.monotonic()
        self._spent_s = progress.spent_s
        self._meter = _Meter(progress.tally.size)

    def run(self, display: Display) -> Verified:
        """Compare the rest of both trees, and return what was found in all of them."""
        sample = self._options.sample
        share = sample.of_million
        if sample.files is not None:
            share = sample.share_of(count_files(nearer(self._pair, self._commands)).files)
        self._compare(display, share)
        tally = self._progress.tally
        return Verified(
            self._pair.name,
            str(self._pair.master),
            str(self._pair.slave),
            self._tid,
            time.time(),
            self._elapsed_s(),
            tally.entries,
            tally.size,
            share,
            dict(tally.counts),
            tuple(tally.first),
        )

    def _compare(self, display: Display, share: int) -> None:
        progress, tally = self._progress, self._progress.tally
        request = EndRequest(
            fastest_algorithm(), self._options.jobs, progress.after, share, progress.task.tid
        )
        with ExitStack() as opened:
            self._meter.share = share / MILLION
            if self._options.is_counted:
                count = BackgroundCount(nearer(self._pair, self._commands))
                self._meter.count = opened.enter_context(closing(count))
            ends = [opened.enter_context(EndProcess(each, request)) for each in self._commands]
            self._meter.ends = tuple(ends)

            def show() -> None:
                display.show(self._meter.state(tally.entries, sum(tally.counts.values())))

            master, slave = (end.lines(show) for end in ends)
            comparison = Comparison(master, slave, self._session.links)
            save_at = time.monotonic() + self._options.save_every_s
            while (compared := comparison.step()) is not None:
                tally.entries += compared.entries
                tally.size += compared.size
                tally.add(compared.differences)
                show()
                if time.monotonic() >= save_at and self._save(comparison):
                    save_at = time.monotonic() + self._options.save_every_s

    def _save(self, comparison: Comparison) -> bool:
        """Save the progress, if both ends have just finished a directory."""
        directory = comparison.finished_directory()
        if directory is None:
            return False
        self._progress.after = directory
        self._progress.spent_s = self._elapsed_s()
        self._session.save(self._progress)
        return True

    def _elapsed_s(self) -> float:
        return self._spent_s + time.monotonic() - self._began_at
