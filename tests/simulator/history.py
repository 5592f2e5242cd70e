"""A master and a slave without files or processes: what was written, flushed, published, durable.

Time is whatever the test says. Nothing here is read by hammerd: it is the truth that hammerd's
claims are held against, driven by the very model that the simulator publishes with.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hammerd.simulator.kernel.publishing import SYNCER, Publishing, Shape, drawn_shape

TID_STEP = 0x20


@dataclass
class Write:
    """One write: when, and the TIDs that cover its name and its content once flushed."""

    at: float
    flushed_at: float | None = None
    """When the flush began that took it."""
    names_tid: int | None = None
    content_tid: int | None = None
    is_lost: bool = False
    """Whether a cut of the master's power undid it."""


@dataclass
class Flushed:
    """One flush: what was written before it began is covered by `content_tid`."""

    began: float
    ended: float
    content_tid: int


@dataclass
class MasterHistory:
    """The master's file system. Calls come in the order of their moments."""

    seed: str
    published_at_first: int = 0x100000000
    period_s: float | None = 26.0
    writes: list[Write] = field(default_factory=list)
    flushes: list[Flushed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.publishing = Publishing(self.published_at_first)
        self.drawn = 0
        self.syncer_due = self.period_s

    def write(self, now: float) -> Write:
        self._run_to(now)
        self.writes.append(Write(now))
        return self.writes[-1]

    def sync(self, now: float) -> Flushed:
        """Begin a flush, once the one under way has ended."""
        self._run_to(now)
        self.drawn += 1
        return self._flush(now, drawn_shape(self.seed, self.drawn))

    def synctid(self, now: float) -> tuple[float, int]:
        """Flush twice; return when it is done and the TID it prints, which is published then."""
        between = max(now, self.sync(now).ended)
        # The syncer may run while synctid waits; what it takes is one more flush.
        done = max(between, self.sync(between).ended)
        return done, self.published(done)

    def published(self, now: float) -> int:
        """Return the sync-end-tid that pfs-status shows at this moment."""
        self._run_to(now)
        return self.publishing.settled(now).published

    def cut(self, now: float) -> int:
        """Cut the power and mount again; return the TID that is published then."""
        self._run_to(now)
        recovered = self.publishing.recover(now)
        for write in self.writes:
            if write.content_tid is None or write.content_tid > recovered:
                write.is_lost = True
        return recovered

    def moments(self, now: float, until: float) -> list[float]:
        """Return when the published TID may move by itself in a span of time."""
        self._run_to(now)
        ends = [end for end, _ in self.publishing.groups]
        due = [] if self.syncer_due is None else [self.syncer_due]
        return sorted(moment for moment in [*ends, *due] if now < moment <= until)

    def missing_at(self, tid: int) -> list[Write]:
        """Return the writes whose content a slave at this TID does not hold; lost ones apart."""
        return [
            write
            for write in self.writes
            if not write.is_lost and (write.content_tid is None or write.content_tid > tid)
        ]

    def _run_to(self, now: float) -> None:
        while self.period_s is not None and self.syncer_due is not None and self.syncer_due <= now:
            due, self.syncer_due = self.syncer_due, self.syncer_due + self.period_s
            self._flush(due, SYNCER)
        self.publishing.settle(now)

    def _flush(self, now: float, shape: Shape) -> Flushed:
        self.publishing.settle(now)
        began = max(now, self.publishing.ends_at())
        taken = [w for w in self.writes if w.flushed_at is None and not w.is_lost and w.at <= now]
        content_tid = self.publishing.last()
        if taken:
            tids = [content_tid + TID_STEP * (1 + group) for group in range(len(shape.ends_s))]
            content_tid = tids[shape.content - 1]
            self.publishing.begin(now, shape.ends_s, tids)
            for write in taken:
                write.flushed_at, write.names_tid, write.content_tid = began, tids[0], content_tid
        else:
            self.publishing.begin_empty(now, shape.ends_s)
        ended = max(began, self.publishing.ends_at())
        self.flushes.append(Flushed(began, ended, content_tid))
        return self.flushes[-1]


@dataclass
class SlaveHistory:
    """The slave's file system: a commit is in memory first, and durable after a flush there.

    A commit makes the one before it durable; a cut of the power goes back to what is durable.
    """

    tid: int = 1
    durable: int = 1
    _flushing: list[tuple[float, int]] = field(default_factory=list)

    def commit(self, now: float, tid: int) -> None:
        self._settle(now)
        self.durable = max(self.durable, self.tid)
        self.tid = tid

    def flush(self, now: float, *, takes_s: float = 0.3) -> float:
        """Begin a flush (sync, synctid, syncer); return when what is committed is durable."""
        self._flushing.append((now + takes_s, self.tid))
        return now + takes_s

    def cut(self, now: float) -> int:
        """Cut the power and mount again; return the TID of the slave then."""
        self._settle(now)
        self._flushing = []
        self.tid = self.durable
        return self.tid

    def _settle(self, now: float) -> None:
        while self._flushing and self._flushing[0][0] <= now:
            self.durable = max(self.durable, self._flushing.pop(0)[1])
