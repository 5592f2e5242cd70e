"""Processes that tell no words, and a ps that answers by script."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from hammerd.daemon.process.commands import CommandResult
from hammerd.daemon.process.long_args import LongCommands, Process

HAMMER = Process(515, 100.0, "hammer")
WORDS = ("hammer", "mirror-copy", "/m", "/s")


@dataclass
class Table:
    """What ps prints, one answer after the other, and how often it was asked."""

    answers: list[CommandResult]
    asked: int = 0
    late: set[int] = field(default_factory=set)

    async def run(self, argv: Sequence[str], env: object, timeout_s: float) -> CommandResult:
        self.asked += 1
        return self.answers.pop(0)

    def is_under_way(self, pid: int) -> bool:
        return pid in self.late


def printed(*lines: str) -> CommandResult:
    return CommandResult("exit 0", "\n".join(lines))


def looks(table: Table, *looked_at: Sequence[Process]) -> list[tuple[str, ...] | None]:
    """Return the words of the first process of each look."""
    commands = LongCommands(table)  # type: ignore[arg-type]

    async def look_each() -> list[tuple[str, ...] | None]:
        return [(await commands.words_of(some)).get(some[0]) for some in looked_at]

    return asyncio.run(look_each())


def test_ps_is_asked_once_for_a_process() -> None:
    table = Table([printed("515 hammer mirror-copy /m /s", "7 sh")])

    assert looks(table, [HAMMER], [HAMMER], [HAMMER]) == [WORDS] * 3
    assert table.asked == 1


def test_pid_that_is_anothers_or_runs_another_program_is_asked_for_anew() -> None:
    later, shell = HAMMER._replace(started_time=200.0), HAMMER._replace(name="sh")
    table = Table([printed("515 sh -c x"), printed("515 hammer mirror-copy /m /s"), printed()])

    assert looks(table, [shell], [HAMMER], [later]) == [("sh", "-c", "x"), WORDS, ()]


def test_ps_that_fails_is_asked_again() -> None:
    table = Table([CommandResult("exit 1"), printed("515 hammer mirror-copy /m /s")])

    assert looks(table, [HAMMER], [HAMMER]) == [None, WORDS]


def test_ps_that_does_not_come_back_gets_no_second_one() -> None:
    table = Table([CommandResult("running", is_late=True, pid=900)], late={900})

    assert looks(table, [HAMMER], [HAMMER]) == [None, None]
    assert table.asked == 1
