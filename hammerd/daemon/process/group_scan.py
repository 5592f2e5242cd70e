"""Counts groups for whoever asks: one scan of the process table answers all who asked by then.

A scan is followed by a rest as long as it took, so that many groups that begin or end at once
take half of the processor at most.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping

from hammerd.daemon.process.process_table import Member, members_of

RETRY_S = 0.5
FIRST_REST_S, LONGEST_REST_S = 0.002, 0.5

OnMembers = Callable[[tuple[Member, ...]], None]
Scan = Callable[[Collection[int]], Mapping[int, tuple[Member, ...]]]


def sweep_rests() -> Iterator[float]:
    """Yield the seconds between two looks at a group that is to end: 2, 4, 8 ... 500 ms."""
    rest_s = FIRST_REST_S
    while True:
        yield rest_s
        rest_s = min(2 * rest_s, LONGEST_REST_S)


class GroupScan:
    """Who is waiting to know the members of which group."""

    def __init__(self, loop: asyncio.AbstractEventLoop, scan: Scan = members_of) -> None:
        self._loop = loop
        self._scan = scan
        self._asked: dict[int, list[OnMembers]] = {}
        self._is_due = False
        self._rested_at = 0.0

    def ask(self, pgid: int, tell: OnMembers) -> None:
        """Have the members of a group told, zombies too, from the loop, as of a later scan."""
        self._asked.setdefault(pgid, []).append(tell)
        if not self._is_due:
            self._is_due = True
            self._loop.call_at(max(self._rested_at, self._loop.time()), self._count)

    def _count(self) -> None:
        self._is_due = False
        began_at = self._loop.time()
        try:
            found = self._scan(self._asked)
        except Exception as error:
            # Nobody is told a group is empty because the table could not be read, and whatever
            # broke, those who asked wait for an answer.
            what = "the process table cannot be read"
            self._loop.call_exception_handler({"message": what, "exception": error})
            self._is_due = True
            self._loop.call_later(RETRY_S, self._count)
            return
        asked, self._asked = self._asked, {}
        now_at = self._loop.time()
        self._rested_at = now_at + (now_at - began_at)
        for pgid, askers in asked.items():
            for tell in askers:
                # Each in a callback of its own: one that fails takes nothing from the others.
                self._loop.call_soon(tell, found[pgid])
