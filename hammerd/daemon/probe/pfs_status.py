"""One `hammer pfs-status` for many PFSs: what it says, as values.

pfs-status needs no root and costs one process whatever the number of ends; the first operand that
fails ends it, and the number of complete blocks says which one that was (docs/hammer.md 3.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hammerd.core.errors import BadOutput
from hammerd.core.hammer.commands import environment, pfs_status_argv
from hammerd.core.hammer.output_parser import find_cause
from hammerd.core.hammer.pfs_status import PfsStatus, parse_pfs_status
from hammerd.core.pair.probe_verdict import ProbeFailed, ProbeTrouble
from hammerd.core.pairs import Endpoint
from hammerd.daemon.process.commands import CommandResult, Commands


@dataclass(frozen=True, slots=True)
class PfsStatusResult:
    """What a pfs-status said of its operands, in order.

    `failure` is why it ended before the last one: `is_of_one` when it is the first unanswered
    operand that failed, and the others were not asked. `hung_pid` is that of a late one, else 0.
    """

    statuses: tuple[PfsStatus, ...] = ()
    failure: ProbeFailed | None = None
    is_of_one: bool = False
    hung_pid: int = 0


class PfsStatusCommands:
    """Asks for the state of PFSs on this machine."""

    def __init__(self, calls: Commands, hammer: str, home: str) -> None:
        self._calls = calls
        self._hammer = hammer
        self._env = environment(home)

    async def status(self, operands: Sequence[Endpoint], timeout_s: float) -> PfsStatusResult:
        """Ask pfs-status of these operands."""
        argv = pfs_status_argv(self._hammer, operands)
        return _read(await self._calls.run(argv, self._env, timeout_s), len(operands))

    def is_gone(self, hung_pid: int) -> bool:
        """Tell whether a late call has ended after all."""
        return not self._calls.is_under_way(hung_pid)


def _read(answer: CommandResult, count: int) -> PfsStatusResult:
    try:
        statuses = parse_pfs_status(answer.stdout)[:count]
    except BadOutput as error:
        return PfsStatusResult(failure=ProbeFailed(ProbeTrouble.BAD_OUTPUT, detail=error.message))
    if answer.is_good and len(statuses) == count:
        return PfsStatusResult(statuses)
    failure = _failure(answer)
    is_of_one = not isinstance(failure.why, ProbeTrouble) and len(statuses) < count
    return PfsStatusResult(statuses, failure, is_of_one, answer.pid)


def _failure(answer: CommandResult) -> ProbeFailed:
    if answer.spawn_error is not None:
        return ProbeFailed(ProbeTrouble.SPAWN_FAILED, detail=answer.spawn_error.message)
    if answer.is_late:
        return ProbeFailed(ProbeTrouble.PROBE_TIMEOUT)
    complaint = find_cause(answer.stderr.encode())
    return ProbeFailed(complaint or ProbeTrouble.PROBE_SILENT)
