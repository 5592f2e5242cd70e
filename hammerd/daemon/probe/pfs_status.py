"""Runs one `hammer pfs-status` for many PFSs, and returns its output as values.

pfs-status needs no root and costs one process for any number of operands; the first that fails
ends it, and the number of complete blocks shows which one that was (docs/hammer.md 3.3).
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from hammerd.core.errors import BadOutput
from hammerd.core.hammer.commands import environment, pfs_status_argv
from hammerd.core.hammer.output_parser import find_cause
from hammerd.core.hammer.pfs_status import PfsStatus, parse_pfs_status
from hammerd.core.pair.probe_verdict import ProbeFailed, ProbeTrouble
from hammerd.core.pairs import Endpoint
from hammerd.daemon.process.commands import CommandResult, Commands

HolderOf = Callable[[Endpoint], str | None]
"""Returns the plan that holds an endpoint and its pair, None if nothing does."""


@dataclass(frozen=True, slots=True)
class PfsStatusResult:
    """The output of a pfs-status about its operands, in order.

    `failure` is why it ended before the last one; `is_of_one` when the first operand without a
    block failed, and those after it were not read. `hung_pid` is that of a late one, else 0.
    """

    statuses: tuple[PfsStatus, ...] = ()
    failure: ProbeFailed | None = None
    is_of_one: bool = False
    hung_pid: int = 0


class PfsStatusCommands:
    """Reads the state of PFSs on this machine."""

    def __init__(self, commands: Commands, hammer: str, home: str) -> None:
        self._commands = commands
        self._hammer = hammer
        self._env = environment(home)
        self._under_way: Counter[str] = Counter()
        self.holder_of: HolderOf = lambda _endpoint: None

    async def status(self, operands: Sequence[Endpoint], timeout_s: float) -> PfsStatusResult:
        """Run pfs-status on these operands, unless a plan holds one of them."""
        if holder := next(filter(None, map(self.holder_of, operands)), None):
            detail = f"left alone: held by {holder}"
            return PfsStatusResult(failure=ProbeFailed(ProbeTrouble.SPAWN_FAILED, detail=detail))
        argv, paths = pfs_status_argv(self._hammer, operands), [one.path for one in operands]
        self._under_way.update(paths)
        try:
            result = await self._commands.run(argv, self._env, timeout_s)
        finally:
            self._under_way.subtract(paths)
            self._under_way = +self._under_way
        return _parse(result, len(operands))

    def is_reading(self, paths: Collection[str]) -> bool:
        """Return whether a pfs-status of one of these paths is under way."""
        return not self._under_way.keys().isdisjoint(paths)

    def has_ended(self, hung_pid: int) -> bool:
        """Return whether a late command has ended after all."""
        return not self._commands.is_under_way(hung_pid)


def _parse(result: CommandResult, count: int) -> PfsStatusResult:
    try:
        statuses = parse_pfs_status(result.stdout)[:count]
    except BadOutput as error:
        return PfsStatusResult(failure=ProbeFailed(ProbeTrouble.BAD_OUTPUT, detail=error.message))
    if result.is_good and len(statuses) == count:
        return PfsStatusResult(statuses)
    failure = _failure(result)
    is_of_one = not isinstance(failure.why, ProbeTrouble) and len(statuses) < count
    return PfsStatusResult(statuses, failure, is_of_one, result.pid)


def _failure(result: CommandResult) -> ProbeFailed:
    if result.spawn_error is not None:
        return ProbeFailed(ProbeTrouble.SPAWN_FAILED, detail=result.spawn_error.message)
    if result.is_late:
        return ProbeFailed(ProbeTrouble.PROBE_TIMEOUT)
    complaint = find_cause(result.stderr.encode())
    return ProbeFailed(complaint or ProbeTrouble.PROBE_SILENT)
