"""One scan answers all requests of a turn, and a scan that fails answers none."""

import asyncio
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import islice

from hammerd.daemon.process.group_scan import GroupScan, sweep_delays
from hammerd.daemon.process.process_table import Member


@dataclass
class Table:
    """A process table that records the groups of each scan; the first `failures` scans fail."""

    failures: int = 0
    scans: list[set[int]] = field(default_factory=list)

    def __call__(self, pgids: Collection[int]) -> Mapping[int, tuple[Member, ...]]:
        self.scans.append(set(pgids))
        if len(self.scans) <= self.failures:
            raise OSError(24, "Too many open files")
        return {pgid: (Member(pgid, 1, 0.0, is_zombie=False),) for pgid in pgids}


def request(
    table: Table, pgids: Collection[int], on_members: Callable[[tuple[Member, ...]], None]
) -> list[str]:
    """Request groups at once, wait until all are answered; return the errors of the loop."""
    errors: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: errors.append(str(context["message"])))
        are_answered = asyncio.Event()
        answers: list[int] = []

        def count(members: tuple[Member, ...]) -> None:
            answers.append(1)
            if len(answers) == len(pgids):
                are_answered.set()
            on_members(members)

        group_scan = GroupScan(loop, table)
        for pgid in pgids:
            group_scan.request(pgid, count)
        await are_answered.wait()
        await asyncio.sleep(0)

    asyncio.run(main())
    return errors


def test_requests_of_one_turn_take_one_scan() -> None:
    table, answers = Table(), list[tuple[Member, ...]]()

    assert request(table, [7, 8, 9, 9], answers.append) == []

    assert table.scans == [{7, 8, 9}]
    assert [members[0].pid for members in answers] == [7, 8, 9, 9]


def test_table_that_cannot_be_read_is_read_again_before_any_answer() -> None:
    table, answers = Table(failures=1), list[tuple[Member, ...]]()

    assert request(table, [7], answers.append) == ["the process table cannot be read"]

    assert table.scans == [{7}, {7}]
    assert [members[0].pid for members in answers] == [7]


def test_callback_that_fails_keeps_no_answer_from_others() -> None:
    answered: list[int] = []

    def fail_for_seven(members: tuple[Member, ...]) -> None:
        answered.append(members[0].pid)
        if members[0].pid == 7:
            raise RuntimeError

    errors = request(Table(), [7, 8], fail_for_seven)

    assert answered == [7, 8]
    assert len(errors) == 1


def test_own_group_is_found() -> None:
    answers: list[tuple[Member, ...]] = []

    async def main() -> None:
        is_answered = asyncio.Event()
        group_scan = GroupScan(asyncio.get_running_loop())
        group_scan.request(
            os.getpgrp(), lambda members: (answers.append(members), is_answered.set())[1]
        )
        await is_answered.wait()

    asyncio.run(main())

    assert os.getpid() in [member.pid for member in answers[0]]


def test_scans_of_a_group_that_is_ending_become_rarer() -> None:
    delays_s = list(islice(sweep_delays(), 10))

    assert delays_s[:3] == [0.002, 0.004, 0.008]
    assert delays_s[-2:] == [0.5, 0.5]
