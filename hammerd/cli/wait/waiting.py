"""Waits for the slaves of pairs, at first five times a second, then more rarely.

    goal of each ── slave read ──┬── it holds the goal: done, after a flush of it if asked
                                 ├── it never will: given up, with the reason
                                 └── not yet: read again, until the time is over

A read of a slave on this host costs no process; one on another host is told by hammerd.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from hammerd.cli.wait.ends import Ends, EndSeen
from hammerd.cli.wait.goals import FLUSH_TIMEOUT_S, Goal, find_goal, goal_of_syncer
from hammerd.cli.wait.obstacles import Obstacle
from hammerd.cli.wait.supervision import Supervision
from hammerd.core.pairs import Pair
from hammerd.core.tid import Tid, format_tid, parse_tid

SHORTEST_S, LONGEST_S, GROWTH = 0.2, 1.0, 1.25
"""The time between two reads, and its growth."""

FAR_S = 3.0
"""The least time between two pfs-status of a slave on another host."""


class Outcome(StrEnum):
    """The end of a wait for one pair; the words are those of the JSON."""

    HELD = "held"
    LATE = "late"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Waited:
    """The result of the wait for a pair; `goal` is None if none was found."""

    pair: Pair
    outcome: Outcome
    goal: Tid | None = None
    seen: Tid | None = None
    is_durable: bool = False
    obstacle: Obstacle | None = None


Tell = Callable[[Pair, str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """The end of the wait (monotonic), and whether the slaves are to be flushed, too."""

    until_at: float
    is_durable: bool

    @property
    def left_s(self) -> float:
        """The time that is left."""
        return self.until_at - time.monotonic()


class Waiting:
    """The wait for one pair."""

    def __init__(self, pair: Pair, parts: "Parts", order: Order) -> None:
        self.pair = pair
        self._parts = parts
        self._order = order
        self._goal: Goal | None = None
        self._seen = EndSeen()
        self._far_at = 0.0
        self._told: tuple[object, ...] = ()

    def begin(self) -> Waited | None:
        """Flush the master, and read the slave before: one that is ahead is no mirror."""
        before = self._read()
        goal = find_goal(self.pair, self._parts.ends, self._order.left_s)
        if isinstance(goal, Obstacle):
            return self._given_up(goal)
        self._goal = goal
        if goal.tid is not None and before is not None and before > goal.tid:
            because = f"slave {self.pair.slave} is ahead of its master"
            return self._given_up(Obstacle(because, "they went different ways: hammerd status"))
        if goal.tid is None:
            span_s = goal.known_at - time.monotonic()
            self._parts.tell(
                self.pair,
                f"{self.pair.master} cannot be flushed from here ({goal.trouble}): waits"
                f" {span_s:.0f} s for its syncer first",
            )
        return self.look()

    def look(self) -> Waited | None:
        """Return what came of the wait, None if it goes on."""
        goal = self._known_goal()
        if isinstance(goal, Obstacle):
            return self._given_up(goal)
        tid = self._read()
        if goal is not None and tid is not None and tid >= goal:
            return self._held(goal, tid)
        obstacle = self._parts.supervision.obstacle(self.pair, self._order.left_s)
        if self._seen.is_master:
            because = f"slave {self.pair.slave} is a master"
            obstacle = Obstacle(because, "was it promoted? See hammerd status")
        if obstacle is not None:
            return self._given_up(obstacle)
        if goal is not None:
            self._tell(goal, tid)
        return None

    def late(self) -> Waited:
        """Return the result of a wait whose time is over."""
        tid = self._goal.tid if self._goal else None
        return Waited(self.pair, Outcome.LATE, tid, self._seen.tid)

    def _known_goal(self) -> Tid | Obstacle | None:
        goal = self._goal
        if goal is not None and goal.tid is None and time.monotonic() >= goal.known_at:
            found = goal_of_syncer(self.pair, self._parts.ends)
            if isinstance(found, Obstacle):
                return found
            self._goal = goal = found
        return goal.tid if goal else None

    def _read(self) -> Tid | None:
        """Read the slave; one on another host is told by hammerd if it can."""
        slave, now_at = self.pair.slave, time.monotonic()
        status = None if slave.host.shares_paths else self._parts.supervision.status(self.pair)
        if status is not None and status["slave_tid"] is not None:
            self._seen = EndSeen(parse_tid(status["slave_tid"]), is_master=False)
        elif slave.host.shares_paths or now_at >= self._far_at:
            self._seen, self._far_at = self._parts.ends.read_slave(slave), now_at + FAR_S
        return self._seen.tid

    def _held(self, goal: Tid, tid: Tid) -> Waited:
        done = Waited(self.pair, Outcome.HELD, goal, tid)
        if not self._order.is_durable:
            return done
        slave = self.pair.slave
        flushed = self._parts.ends.flush_slave(slave, FLUSH_TIMEOUT_S)
        if flushed.tid is None:
            because = f"it holds all, but {slave} cannot be flushed: {flushed.trouble}"
            return replace(done, outcome=Outcome.GIVEN_UP, obstacle=Obstacle(because))
        now = self._read()
        if now is None or now < goal:
            because = f"slave {slave} went back while it was flushed"
            return replace(done, outcome=Outcome.GIVEN_UP, obstacle=Obstacle(because))
        return replace(done, seen=now, is_durable=True)

    def _given_up(self, obstacle: Obstacle) -> Waited:
        tid = self._goal.tid if self._goal else None
        return Waited(self.pair, Outcome.GIVEN_UP, tid, self._seen.tid, obstacle=obstacle)

    def _tell(self, goal: Tid, tid: Tid | None) -> None:
        """Tell how far a pair is, if that has changed."""
        status = self._parts.supervision.status(self.pair)
        state = status["state"] if status else "streamed by others"
        if (tid, state) == self._told:
            return
        self._told = (tid, state)
        text = f"the slave cannot be read, and needs {format_tid(goal)}"
        if tid is not None:
            left = f"{goal - tid:,} TIDs to go to {format_tid(goal)}"
            text = f"slave at {format_tid(tid)}, {left}"
        self._parts.tell(self.pair, f"{text} ({state})")


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that a wait reads from and tells."""

    ends: Ends
    supervision: Supervision
    tell: Tell


def wait_for_all(pairs: Sequence[Pair], parts: Parts, order: Order) -> tuple[Waited, ...]:
    """Wait for pairs; stop for all as soon as one of them cannot catch up.

    Raises:
        HammerdError: a hammerd runs that cannot be asked.
    """
    parts.supervision.update()
    present = (parts.supervision.with_present_slave(pair) for pair in pairs)
    waits = {pair.name: Waiting(pair, parts, order) for pair in present}
    done = {name: found for name, each in waits.items() if (found := each.begin())}
    interval_s = SHORTEST_S
    while len(done) < len(waits) and order.left_s > 0 and not _is_given_up(done.values()):
        time.sleep(min(interval_s, max(order.left_s, 0.0)))
        interval_s = min(interval_s * GROWTH, LONGEST_S)
        parts.supervision.update()
        left = {name: each for name, each in waits.items() if name not in done}
        done |= {name: found for name, each in left.items() if (found := each.look())}
    return tuple(done.get(name) or each.late() for name, each in waits.items())


def _is_given_up(done: Iterable[Waited]) -> bool:
    return any(each.outcome is Outcome.GIVEN_UP for each in done)
