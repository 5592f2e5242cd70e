"""Finds the TID that a slave must hold to hold all that its master held at a moment.

    master flushed        the TID that it shows then
    less than printed     the TID that it shows after a second synctid
    master not flushed    two rounds of its syncer later: the TID that it has then
    master is a slave     the TID that it has now: what it holds is complete

docs/hammer.md 2.3 has the proofs.
"""

import time
from dataclasses import dataclass

from hammerd.cli.wait.ends import Ends
from hammerd.cli.wait.obstacles import Obstacle
from hammerd.core.pairs import Pair
from hammerd.core.replication.flush_proofs import SYNCER_S
from hammerd.core.tid import Tid

FLUSH_TIMEOUT_S = 30.0
ROUNDS_S = 2 * SYNCER_S
"""The time after which the syncer has published all that was written before (flush_proofs.py)."""


@dataclass(frozen=True, slots=True)
class Goal:
    """The TID that a slave must hold; None before `known_at` (monotonic), when it can be read.

    `trouble` tells why the master was not flushed.
    """

    tid: Tid | None
    known_at: float = 0.0
    trouble: str = ""


def find_goal(pair: Pair, ends: Ends, left_s: float) -> Goal | Obstacle:
    """Flush the master of a pair, and return the goal of its slave, or why there is none."""
    now_at, master = time.monotonic(), pair.master
    seen = ends.read(master)
    if seen.tid is None:
        return Obstacle(f"master {master} cannot be read: {seen.trouble}", _doctor(pair))
    if not seen.is_master:
        return Goal(seen.tid)
    timeout_s = min(FLUSH_TIMEOUT_S, max(left_s, 1.0))
    flushed = ends.flush_master(master, timeout_s)
    if flushed.tid is not None:
        return _published(pair, ends, flushed.tid, timeout_s)
    if master.host.shares_paths:
        return Obstacle(f"master {master} cannot be flushed: {flushed.trouble}", _doctor(pair))
    return Goal(None, now_at + ROUNDS_S, flushed.trouble)


def _published(pair: Pair, ends: Ends, printed: Tid, timeout_s: float) -> Goal | Obstacle:
    """Return the goal after a flush that printed a TID: what the master shows then.

    A kernel may print one that it never publishes if nothing more is written, and one that holds
    less than all that was written before.
    """
    published = ends.read(pair.master).tid
    if published is not None and published < printed:
        again = ends.flush_master(pair.master, timeout_s)
        published = ends.read(pair.master).tid if again.tid is not None else None
    if published is None:
        return Obstacle(f"master {pair.master} cannot be read any more", _doctor(pair))
    return Goal(published)


def goal_of_syncer(pair: Pair, ends: Ends) -> Goal | Obstacle:
    """Return the goal once the syncer of a master that cannot be flushed has come round."""
    seen = ends.read(pair.master)
    if seen.tid is None:
        return Obstacle(f"master {pair.master} cannot be read: {seen.trouble}", _doctor(pair))
    return Goal(seen.tid)


def _doctor(pair: Pair) -> str:
    return f'"hammerd doctor {pair.name}" tries the whole way'
