"""One `hammer pfs-status` for many PFSs, one look at many paths: what they say, as values.

pfs-status needs no root and costs one process whatever the number of ends; the first operand that
fails ends it, and the number of complete blocks says which one that was (HAMMER.md §4). A look
tells each path as it goes, so that a late one names the path that hangs.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hammerd.core.errors import BadOutput
from hammerd.core.hammer_command import environment, pfs_status_argv
from hammerd.core.hammer_output import cause_in
from hammerd.core.judgement import FileLook, PathLook, ProbeFailed, ProbeTrouble
from hammerd.core.pairs import Endpoint
from hammerd.core.pfs_status import PfsStatus, parse_pfs_status
from hammerd.daemon import look
from hammerd.daemon.calls import Answer, Calls


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """What a pfs-status said of its operands, in order.

    `failure` is why it ended before the last one: `is_of_one` when it is the first unanswered
    operand that failed, and the others were not asked. `hung_pid` is that of a late one, else 0.
    """

    statuses: tuple[PfsStatus, ...] = ()
    failure: ProbeFailed | None = None
    is_of_one: bool = False
    hung_pid: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found at one path.

    `operand` is the path that hammer must be given; `real` the same without any symlink on the
    way, and `is_pfs_link` whether it is a PFS softlink, so that no other path is the same PFS.
    """

    look: PathLook
    operand: str
    device: int | None
    real: str = ""
    is_pfs_link: bool = False


@dataclass(frozen=True, slots=True)
class LookAnswer:
    """What was seen of the paths, up to the one that hung if one did."""

    seen: tuple[Seen, ...] = ()
    hung_pid: int = 0


class StatusCalls:
    """Asks for the state of PFSs and of paths on this machine."""

    def __init__(self, calls: Calls, hammer: str, home: str) -> None:
        self._calls = calls
        self._hammer = hammer
        self._env = environment(home)

    async def status(self, operands: Sequence[Endpoint], timeout_s: float) -> StatusAnswer:
        """Ask pfs-status of these operands."""
        argv = pfs_status_argv(self._hammer, operands)
        return _read(await self._calls.run(argv, self._env, timeout_s), len(operands))

    async def look(self, paths: Sequence[str], timeout_s: float) -> LookAnswer:
        """Look at these paths."""
        argv = (sys.executable, "-IS", str(Path(look.__file__)), *paths)
        answer = await self._calls.run(argv, self._env, timeout_s)
        lines = answer.stdout.splitlines(keepends=True)
        whole = (line for line in lines if line.endswith("\n"))
        return LookAnswer(tuple(_seen(json.loads(line)) for line in whole), answer.pid)

    def is_gone(self, hung_pid: int) -> bool:
        """Tell whether a late call has ended after all."""
        return not self._calls.is_under_way(hung_pid)


def _read(answer: Answer, count: int) -> StatusAnswer:
    try:
        statuses = parse_pfs_status(answer.stdout)[:count]
    except BadOutput as error:
        return StatusAnswer(failure=ProbeFailed(ProbeTrouble.BAD_OUTPUT, detail=error.message))
    if answer.is_good and len(statuses) == count:
        return StatusAnswer(statuses)
    failure = _failure(answer)
    is_of_one = not isinstance(failure.why, ProbeTrouble) and len(statuses) < count
    return StatusAnswer(statuses, failure, is_of_one, answer.pid)


def _failure(answer: Answer) -> ProbeFailed:
    if answer.spawn_error is not None:
        return ProbeFailed(ProbeTrouble.SPAWN_FAILED, detail=answer.spawn_error.message)
    if answer.is_late:
        return ProbeFailed(ProbeTrouble.PROBE_TIMEOUT)
    complaint = cause_in(answer.stderr.encode())
    return ProbeFailed(complaint or ProbeTrouble.PROBE_SILENT)


def _seen(facts: Mapping[str, object]) -> Seen:
    above = facts["above"]
    assert isinstance(above, Mapping), "look.py prints objects"
    path, device = str(facts["path"]), facts["device"] or above["device"]
    found = PathLook(path, _file_look(facts), _file_look(above))
    return Seen(
        found,
        str(facts["operand"]),
        device if isinstance(device, int) else None,
        str(facts["real"]),
        bool(facts["is_pfs_link"]),
    )


def _file_look(facts: Mapping[str, object]) -> FileLook:
    text = facts.get("link_text")
    return FileLook(
        facts["errno"] == 0,
        bool(facts["is_symlink"]),
        str(text) if text is not None else None,
        bool(facts["is_directory"]),
    )
