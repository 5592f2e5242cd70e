"""Defines a running stream: its pair, its parent, its halves, and the progress of its end."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from hammerd.core.pair.slave_claims import Claim
from hammerd.daemon.process.process_table import Member, order
from hammerd.daemon.process.spawn import Child
from hammerd.daemon.stream.stderr_reader import StderrReader

HALVES = 2


@dataclass(slots=True)
class Stream:
    """A process group of ours; its halves are in the order in which they were forked."""

    pair: str
    child: Child
    claim: Claim
    stderr: StderrReader | None = None
    halves: dict[int, Member] = field(default_factory=dict)
    dead: set[int] = field(default_factory=set)
    stopped: set[int] = field(default_factory=set)
    searches: int = 0
    cpu_s: float = 0.0
    is_death_reported: bool = False
    is_ending: bool = False
    is_killed: bool = False
    is_being_checked: bool = False

    @property
    def pgid(self) -> int:
        """The id of the group, which is the pid of the parent."""
        return self.child.pid

    @property
    def lacks_halves(self) -> bool:
        """Whether some half was not found yet."""
        return len(self.halves) < HALVES

    def add_halves(self, found: Iterable[Member]) -> None:
        """Add halves; the one that is found last may be the one that was forked first."""
        halves = [*self.halves.values(), *found]
        halves.sort(key=lambda one: order(one.pid, one.started_time, self.pgid))
        self.halves = {half.pid: half for half in halves}

    def half_name(self, pid: int) -> str:
        """Return the name of a half; the source half is forked first (docs/hammer.md 4.1)."""
        if self.lacks_halves:
            return "source or target"
        return "source" if pid == next(iter(self.halves)) else "target"
