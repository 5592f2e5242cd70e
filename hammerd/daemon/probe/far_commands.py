"""Runs one `hammer pfs-status` on another host for many PFSs, through ssh, with a deadline."""

from collections.abc import Sequence
from dataclasses import dataclass

from hammerd.core.hammer.commands import environment, pfs_status_argv
from hammerd.core.hammer.far_answer import FarAnswer, NotRead, far_answer
from hammerd.core.pairs import Endpoint
from hammerd.daemon.process.commands import Commands

_HINT = 'as root, "ssh HOST hammer pfs-status PATH" must work'


@dataclass(frozen=True, slots=True)
class FarResult:
    """The answer of a host; `hung_pid` is that of a command which was late, else 0."""

    answer: FarAnswer
    hung_pid: int = 0


class FarCommands:
    """Reads the state of PFSs on other hosts."""

    def __init__(self, commands: Commands, hammer: str, home: str) -> None:
        self._commands = commands
        self._hammer = hammer
        self._env = environment(home)

    async def status(self, operands: Sequence[Endpoint], timeout_s: float) -> FarResult:
        """Run pfs-status on these operands, which are on one host."""
        argv = pfs_status_argv(self._hammer, operands)
        result = await self._commands.run(argv, self._env, timeout_s)
        if result.spawn_error is not None:
            not_read = NotRead("spawn_failed", result.spawn_error.message)
            return FarResult(FarAnswer(not_read=not_read))
        if result.is_late:
            text = f"nothing came back within {timeout_s:.0f} s"
            not_read = NotRead("probe_timeout", text, _HINT)
            return FarResult(FarAnswer(not_read=not_read), result.pid)
        paths = [operand.path for operand in operands]
        return FarResult(far_answer(result.status, result.stdout, result.stderr, paths))

    def has_ended(self, hung_pid: int) -> bool:
        """Return whether a late command has ended after all."""
        return not self._commands.is_under_way(hung_pid)
