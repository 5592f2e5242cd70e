"""Batches against a pfs-status that hangs and cannot be killed: calls that answer by script."""

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hammerd.core.judgement import ProbeFailed, ProbeTrouble
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.pfs_status import PfsStatus
from hammerd.daemon.batch_reader import BatchReader
from hammerd.daemon.calls import Answer
from hammerd.daemon.clock import Clock
from hammerd.daemon.end_reader import EndReader
from hammerd.daemon.end_reading import EndReading
from hammerd.daemon.status_calls import StatusCalls

BLOCK = """{path}\tPFS#1 {{
    sync-beg-tid=0x0000000000000001
    sync-end-tid=0x0000000000000002
    shared-uuid=d0d6402b-e667-11f1-a43e-01301bb8a9f5
    unique-uuid=d0d64038-e667-11f1-a43f-01301bb8a9f5
    operating as a SLAVE
}}
"""


@dataclass
class Disks:
    """Answers as look.py and hammer would; /FS/name is on the file system FS."""

    hanging: set[str] = field(default_factory=set)
    unkillable: set[int] = field(default_factory=set)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    most_hanging: dict[str, int] = field(default_factory=dict)
    pids: int = 100

    async def run(self, argv: Sequence[str], env: object, timeout_s: float) -> Answer:
        await asyncio.sleep(0)
        verb, *paths = argv[argv.index("pfs-status") :] if "pfs-status" in argv else argv[2:]
        is_look = verb != "pfs-status"
        self.asked.append(("look" if is_look else "status", *paths))
        told = ""
        for path in paths:
            if path in self.hanging:
                return self._late(path, told if is_look else "")
            told += self._look(path) if is_look else BLOCK.format(path=path)
        return Answer("exit 0", told)

    def is_under_way(self, pid: int) -> bool:
        return pid in self.unkillable

    def _late(self, path: str, told: str) -> Answer:
        self.pids += 1
        self.unkillable.add(self.pids)
        return Answer("running", told, is_late=True, pid=self.pids)

    def _look(self, path: str) -> str:
        facts = {"errno": 0, "is_symlink": True, "is_directory": False, "link_text": "@@-1:00001"}
        device = ord(path[1])
        above = {**facts, "is_symlink": False, "is_directory": True, "link_text": None}
        return (
            json.dumps(
                {
                    "path": path,
                    "operand": path,
                    "real": path,
                    "is_pfs_link": True,
                    **facts,
                    "device": device,
                    "above": {**above, "device": device},
                }
            )
            + os.linesep
        )

    def statuses(self, path: str) -> int:
        return sum(one[0] == "status" and path in one for one in self.asked)


def reader_of(disks: Disks) -> BatchReader:
    calls = StatusCalls(disks, "/sbin/hammer", "/root")  # type: ignore[arg-type]
    return BatchReader(calls, Clock(Ticks()))


class Ticks:
    """A clock that goes on with each look at it."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        self.at += 0.5
        return self.at


def ends(*paths: str) -> list[Endpoint]:
    return [Endpoint(path) for path in paths]


def verdicts(readings: list[EndReading]) -> dict[str, str]:
    return {
        one.end.path: "read"
        if isinstance(one.seen, PfsStatus)
        else one.seen.why.value
        if isinstance(one.seen.why, ProbeTrouble)
        else one.seen.why.name
        for one in readings
    }


def test_batch_that_hangs_is_read_one_by_one_and_each_file_system_by_itself() -> None:
    disks = Disks()
    reader = reader_of(disks)
    all_ends = ends("/x/1", "/x/2", "/x/3", "/y/1", "/y/2")
    assert set(verdicts(asyncio.run(reader.read(all_ends, 20))).values()) == {"read"}
    disks.hanging, disks.asked = {"/x/2"}, []

    found = verdicts(asyncio.run(reader.read(all_ends, 20)))

    assert found == {
        "/x/1": "read",
        "/x/2": "probe_timeout",
        "/y/1": "read",
        "/y/2": "read",
    }
    assert disks.statuses("/x/3") == 1, "only in the batch: it is suspect"
    assert reader.apart.queue() == tuple(ends("/x/2", "/x/3"))


def test_file_system_with_a_command_that_cannot_be_killed_is_asked_nothing_more() -> None:
    disks = Disks()
    reader = reader_of(disks)
    all_ends = ends("/x/1", "/x/2", "/y/1")
    asyncio.run(reader.read(all_ends, 20))
    disks.hanging = {"/x/1"}
    asyncio.run(reader.read(all_ends, 20))
    disks.asked = []

    async def go_on() -> list[bool]:
        await reader.read(all_ends, 20)
        return [await reader.retry(end, 20) for end in reader.apart.queue()]

    assert asyncio.run(go_on()) == [False, False]
    assert disks.asked == [("status", "/y/1")]
    (last,) = reader.apart.failures(ends("/x/2"))
    assert isinstance(last.seen, ProbeFailed)
    assert "not back yet" in last.seen.detail

    disks.hanging, disks.unkillable = set(), set()
    assert asyncio.run(go_on()) == [True, True]
    assert set(verdicts(asyncio.run(reader.read(all_ends, 20)))) == {"/x/1", "/x/2", "/y/1"}


def test_path_that_hangs_at_its_first_look_is_set_apart_with_its_neighbours() -> None:
    disks = Disks(hanging={"/x/1"})
    reader = reader_of(disks)

    found = verdicts(asyncio.run(reader.read(ends("/y/1", "/x/1", "/x/2", "/z/1"), 20)))

    assert found == {"/y/1": "read", "/z/1": "read"}
    assert reader.apart.queue() == tuple(ends("/x/1", "/x/2"))
    assert [one for one in disks.asked if "/x/2" in one] == [
        ("look", "/y/1", "/x/1", "/x/2", "/z/1")
    ]


def together(disks: Disks, *asks: Callable[[EndReader], object]) -> list[list[EndReading]]:
    async def main() -> list[list[EndReading]]:
        reader = EndReader(reader_of(disks))
        found = await asyncio.gather(*(ask(reader) for ask in asks))  # type: ignore[call-overload]
        await reader.close()
        return list(found)

    return asyncio.run(main())


def test_all_who_ask_at_once_share_a_batch_or_two() -> None:
    disks = Disks()
    pairs = [Pair(str(n), Endpoint("/x/m"), Endpoint(f"/y/{n}")) for n in range(60)]

    found = together(disks, *(lambda one, pair=pair: one.probe([pair], 20) for pair in pairs))  # type: ignore[misc]

    assert [verdicts(one) for one in found] == [
        {f"/y/{n}": "read", "/x/m": "read"} for n in range(60)
    ]
    assert sum(one[0] == "status" for one in disks.asked) <= 2
    assert disks.asked[-1][-1] == "/x/m", "every slave before its master"


def test_probe_of_an_end_that_cannot_be_asked_says_so() -> None:
    disks = Disks(hanging={"/x/1"})
    pair, other = (Pair(path, Endpoint("/y/m"), Endpoint(path)) for path in ("/x/1", "/x/2"))

    async def main() -> list[EndReading]:
        reader = EndReader(reader_of(disks))
        await reader.sample([pair, other], 20)
        return await reader.probe([other], 20)

    assert verdicts(asyncio.run(main())) == {"/x/2": "probe_timeout", "/y/m": "read"}
