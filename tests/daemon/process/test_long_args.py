"""Arguments that only ps prints are read once for each process."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from hammerd.daemon.process.commands import CommandResult
from hammerd.daemon.process.long_args import LongArgs, ProcessKey

HAMMER = ProcessKey(515, 100.0, "hammer")
ARGV = ("hammer", "mirror-copy", "/m", "/s")


@dataclass
class FakePs:
    """Runs ps: returns the given results in order, and counts the runs."""

    results: list[CommandResult]
    runs: int = 0
    late: set[int] = field(default_factory=set)

    async def run(self, argv: Sequence[str], env: object, timeout_s: float) -> CommandResult:
        self.runs += 1
        return self.results.pop(0)

    def is_under_way(self, pid: int) -> bool:
        return pid in self.late


def printed(*lines: str) -> CommandResult:
    return CommandResult("exit 0", "\n".join(lines))


def argvs(ps: FakePs, *scans: Sequence[ProcessKey]) -> list[tuple[str, ...] | None]:
    """Return the arguments of the first process of each scan."""
    long_args = LongArgs(ps)  # type: ignore[arg-type]

    async def read_each() -> list[tuple[str, ...] | None]:
        return [(await long_args.argv_of(some)).get(some[0]) for some in scans]

    return asyncio.run(read_each())


def test_ps_runs_once_for_a_process() -> None:
    ps = FakePs([printed("515 hammer mirror-copy /m /s", "7 sh")])

    assert argvs(ps, [HAMMER], [HAMMER], [HAMMER]) == [ARGV] * 3
    assert ps.runs == 1


def test_ps_runs_again_when_a_pid_has_another_start_or_program() -> None:
    later, shell = HAMMER._replace(started_time=200.0), HAMMER._replace(name="sh")
    ps = FakePs([printed("515 sh -c x"), printed("515 hammer mirror-copy /m /s"), printed()])

    assert argvs(ps, [shell], [HAMMER], [later]) == [("sh", "-c", "x"), ARGV, ()]


def test_ps_that_fails_runs_again() -> None:
    ps = FakePs([CommandResult("exit 1"), printed("515 hammer mirror-copy /m /s")])

    assert argvs(ps, [HAMMER], [HAMMER]) == [None, ARGV]


def test_no_second_ps_starts_before_a_late_one_has_exited() -> None:
    ps = FakePs([CommandResult("running", is_late=True, pid=900)], late={900})

    assert argvs(ps, [HAMMER], [HAMMER]) == [None, None]
    assert ps.runs == 1
