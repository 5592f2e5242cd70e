"""Reads ends: one `hammer pfs-status` for many PFSs on this machine, and why some failed.

    look at unknown paths ── pfs-status of all ── the first that fails ends it ── the rest again
                                                                    └─ look at those that failed

pfs-status needs no root and costs one process whatever the number of ends (HAMMER.md §4).
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hammerd.core.errors import BadOutput
from hammerd.core.hammer_command import environment, pfs_status_argv
from hammerd.core.hammer_output import cause_in
from hammerd.core.judgement import EndSeen, FileLook, PathLook, ProbeFailed, ProbeTrouble
from hammerd.core.pairs import Endpoint
from hammerd.core.pfs_status import PfsStatus, parse_pfs_status
from hammerd.core.stream_sayings import Cure
from hammerd.daemon import look
from hammerd.daemon.calls import Answer, Calls
from hammerd.daemon.clock import Clock, Instant

READ_STEP_S = 1e-6
"""Two ends of one pfs-status are read one after the other: their instants must tell."""


@dataclass(frozen=True, slots=True)
class EndReading:
    """What was seen of an end, in a reading that began at `began`."""

    end: Endpoint
    began: Instant
    seen: EndSeen


class EndReader:
    """Reads ends, and remembers under which operand hammer must be given each."""

    def __init__(self, calls: Calls, clock: Clock, hammer: str, home: str) -> None:
        self._calls = calls
        self._clock = clock
        self._hammer = hammer
        self._env = environment(home)
        self._operands: dict[Endpoint, Endpoint] = {}

    def operand(self, end: Endpoint) -> Endpoint:
        """Return an end as hammer must be given it: a symlink to a PFS softlink is followed."""
        return self._operands.get(end, end)

    async def read(self, ends: Sequence[Endpoint], timeout_s: float) -> list[EndReading]:
        """Read ends in this order; each comes back, read or failed."""
        await self._look([end for end in ends if end not in self._operands], timeout_s)
        readings: list[EndReading] = []
        while len(readings) < len(ends):
            readings += await self._read_some(ends[len(readings) :], timeout_s)
        return await self._explained(readings, timeout_s)

    async def _read_some(self, ends: Sequence[Endpoint], timeout_s: float) -> list[EndReading]:
        began = self._clock.now()
        operands = [self.operand(end) for end in ends]
        argv = pfs_status_argv(self._hammer, operands)
        answer = await self._calls.run(argv, self._env, timeout_s)
        seen = _seen(answer, len(ends))
        return [
            EndReading(end, began.later(index * READ_STEP_S), one)
            for index, (end, one) in enumerate(zip(ends, seen, strict=False))
        ]

    async def _explained(self, readings: list[EndReading], timeout_s: float) -> list[EndReading]:
        missing = [reading.end for reading in readings if _is_missing(reading.seen)]
        looks = await self._look(missing, timeout_s)
        return [
            replace(reading, seen=replace(reading.seen, look=looks[reading.end]))
            if isinstance(reading.seen, ProbeFailed) and reading.end in looks
            else reading
            for reading in readings
        ]

    async def _look(
        self, ends: Sequence[Endpoint], timeout_s: float
    ) -> Mapping[Endpoint, PathLook]:
        if not ends:
            return {}
        argv = (sys.executable, "-IS", str(Path(look.__file__)), *(end.path for end in ends))
        answer = await self._calls.run(argv, self._env, timeout_s)
        if not answer.is_good:
            return {}
        found: dict[Endpoint, PathLook] = {}
        for end, facts in zip(ends, json.loads(answer.stdout), strict=True):
            found[end] = PathLook(end.path, _file_look(facts), _file_look(facts["above"]))
            self._operands[end] = replace(end, path=facts["operand"])
        return found


def _seen(answer: Answer, count: int) -> list[EndSeen]:
    """Return what a pfs-status says of its operands, up to the first that failed."""
    try:
        blocks: list[EndSeen] = [*parse_pfs_status(answer.stdout)]
    except BadOutput as error:
        return [ProbeFailed(ProbeTrouble.BAD_OUTPUT, detail=error.message)] * count
    if answer.is_good and len(blocks) == count:
        return blocks
    failure = _failure(answer)
    # A pfs-status that hangs or cannot run would do so again for each of the rest.
    is_for_all = isinstance(failure.why, ProbeTrouble)
    rest = count - len(blocks) if is_for_all else 1
    return [*blocks[:count], *[failure] * rest][:count]


def _failure(answer: Answer) -> ProbeFailed:
    if answer.spawn_error is not None:
        return ProbeFailed(ProbeTrouble.SPAWN_FAILED, detail=answer.spawn_error.message)
    if answer.is_late:
        return ProbeFailed(ProbeTrouble.PROBE_TIMEOUT)
    complaint = cause_in(answer.stderr.encode())
    return ProbeFailed(complaint or ProbeTrouble.PROBE_SILENT)


def _is_missing(seen: EndSeen) -> bool:
    if isinstance(seen, PfsStatus) or isinstance(seen.why, ProbeTrouble):
        return False
    return seen.why.cure is Cure.MOUNT


def _file_look(facts: Mapping[str, object]) -> FileLook:
    text = facts.get("link_text")
    return FileLook(
        facts["errno"] == 0,
        bool(facts["is_symlink"]),
        str(text) if text is not None else None,
        bool(facts["is_directory"]),
    )
