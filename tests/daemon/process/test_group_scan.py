"""The process table is read once for all who ask in a turn, and never believed when it is not."""

import asyncio
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import islice

from hammerd.daemon.process.group_scan import GroupScan, sweep_rests
from hammerd.daemon.process.process_table import Member


@dataclass
class Table:
    """A process table that remembers who was asked for, and can fail at first."""

    failures: int = 0
    scans: list[set[int]] = field(default_factory=list)

    def __call__(self, pgids: Collection[int]) -> Mapping[int, tuple[Member, ...]]:
        self.scans.append(set(pgids))
        if len(self.scans) <= self.failures:
            raise OSError(24, "Too many open files")
        return {pgid: (Member(pgid, 1, 0.0, is_zombie=False),) for pgid in pgids}


def ask(
    table: Table, pgids: Collection[int], told: Callable[[tuple[Member, ...]], None]
) -> list[str]:
    """Ask for groups at once, wait until all are answered; return what the loop complained of."""
    complaints: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(str(context["message"])))
        are_told = asyncio.Event()
        answers: list[int] = []

        def tell(members: tuple[Member, ...]) -> None:
            answers.append(1)
            if len(answers) == len(pgids):
                are_told.set()
            told(members)

        census = GroupScan(loop, table)
        for pgid in pgids:
            census.ask(pgid, tell)
        await are_told.wait()
        await asyncio.sleep(0)

    asyncio.run(main())
    return complaints


def test_groups_that_are_asked_for_in_one_turn_cost_one_scan() -> None:
    table, told = Table(), list[tuple[Member, ...]]()

    assert ask(table, [7, 8, 9, 9], told.append) == []

    assert table.scans == [{7, 8, 9}]
    assert [members[0].pid for members in told] == [7, 8, 9, 9]


def test_table_that_cannot_be_read_is_read_again_and_nobody_is_told_before() -> None:
    table, told = Table(failures=1), list[tuple[Member, ...]]()

    assert ask(table, [7], told.append) == ["the process table cannot be read"]

    assert table.scans == [{7}, {7}]
    assert [members[0].pid for members in told] == [7]


def test_asker_that_fails_takes_no_answer_from_others() -> None:
    heard: list[int] = []

    def fail_for_seven(members: tuple[Member, ...]) -> None:
        heard.append(members[0].pid)
        if members[0].pid == 7:
            raise RuntimeError

    complaints = ask(Table(), [7, 8], fail_for_seven)

    assert heard == [7, 8]
    assert len(complaints) == 1


def test_own_group_is_found() -> None:
    told: list[tuple[Member, ...]] = []

    async def main() -> None:
        is_told = asyncio.Event()
        census = GroupScan(asyncio.get_running_loop())
        census.ask(os.getpgrp(), lambda members: (told.append(members), is_told.set())[1])
        await is_told.wait()

    asyncio.run(main())

    assert os.getpid() in [member.pid for member in told[0]]


def test_a_group_that_is_to_end_is_looked_at_ever_less_often() -> None:
    rests_s = list(islice(sweep_rests(), 10))

    assert rests_s[:3] == [0.002, 0.004, 0.008]
    assert rests_s[-2:] == [0.5, 0.5]
