"""Looks again at what differs, as of the slave's next TID.

Nothing tells that a point in time was pruned (docs/hammer.md 1.9): its tree merely lacks what was
changed or deleted since. At a later TID such a difference is gone, and a real one is still there.
Of files without history (chflags nohistory) that change all the time no TID shows anything: they
are not compared.
"""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.verify.contents import fastest_algorithm
from hammerd.cli.verify.end_process import EndProcess
from hammerd.cli.verify.pair_ends import end_commands
from hammerd.core.exit_codes import Exit
from hammerd.core.pairs import Pair
from hammerd.core.tid import Tid, format_tid
from hammerd.core.verify.comparison import Comparison
from hammerd.core.verify.differences import MOST_KEPT, OTHER_NAMES, Difference, Kind, Tally
from hammerd.core.verify.entries import sorted_paths
from hammerd.core.verify.request import EndRequest
from hammerd.core.verify.verified import Verified


def confirmed(verified: Verified, pair: Pair, newest: Tid, jobs: int) -> Verified:
    """Return a result with those differences that are not of pruned history.

    Raises:
        CommandFailed: no difference is certain, and not all could be looked at again.
    """
    if newest == verified.tid:
        if Kind.PRUNED not in verified.counts:
            return verified
        certain = [each for each in verified.first if _is_lasting(each)]
        if not certain:
            raise _uncertain(verified, "it is certain after the slave's next commit")
        tally = Tally()
        tally.add(certain)
        return replace(verified, counts=tally.counts, first=tuple(certain))
    certain = [each for each in verified.first if _is_certain(each)]
    doubtful = [each for each in verified.first if not _is_certain(each)]
    again = _look_again(doubtful, pair, newest, jobs)
    still = (*certain, *(each for each in again if each.kind is not Kind.PRUNED))
    if verified.differences <= MOST_KEPT:
        tally = Tally()
        tally.add(still)
        uncompared = sum(each.kind is Kind.PRUNED for each in again)
        return replace(verified, counts=tally.counts, first=still, uncompared=uncompared)
    if not still:
        raise _uncertain(verified, "run it again: it then compares a newer point in time")
    counts = dict(verified.counts)
    counts.pop(Kind.PRUNED, None)
    return replace(verified, counts=counts, first=still)


def _is_certain(difference: Difference) -> bool:
    """Return whether pruning causes no such difference, or its path alone does not show it."""
    return difference.kind is Kind.UNREADABLE or difference.master == OTHER_NAMES


def _is_lasting(difference: Difference) -> bool:
    """Return whether no later point in time can show that history was pruned."""
    return difference.kind is Kind.LOST or _is_certain(difference)


def _uncertain(verified: Verified, hint: str) -> CommandFailed:
    return CommandFailed(
        f"{verified.pair}: nothing certain: what differs as of {format_tid(verified.tid)} is"
        " history that was pruned meanwhile, or has changed since",
        hint,
        code=Exit.UNAVAILABLE,
    )


def _not_seen_here(_master: int | None, _slave: int | None) -> bool:
    """Let inodes be: which names they join shows in a whole tree only."""
    return True


def _look_again(
    differences: Iterable[Difference], pair: Pair, tid: Tid, jobs: int
) -> tuple[Difference, ...]:
    """Return the differences of the same paths as of a later TID."""
    paths = sorted_paths(each.path for each in differences)
    request = EndRequest(fastest_algorithm(), jobs, only=paths)
    found: list[Difference] = []
    with ExitStack() as opened:
        ends = [
            opened.enter_context(EndProcess(each, request)) for each in end_commands(pair, tid)
        ]
        master, slave = (end.lines(lambda: None) for end in ends)
        comparison = Comparison(master, slave, _not_seen_here)
        while (compared := comparison.step()) is not None:
            found += compared.differences
    return tuple(found)
