"""Tests batches with a scripted pfs-status that hangs and cannot be killed."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from hammerd.core.errors import SpawnError
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair.probe_verdict import FileStat, PathStat, ProbeFailed, ProbeTrouble
from hammerd.core.pairs import Endpoint, Pair
from hammerd.daemon.paths.path_state import PathState
from hammerd.daemon.probe.batch import BatchReader, Timeouts
from hammerd.daemon.probe.pfs_status import PfsStatusCommands
from hammerd.daemon.probe.queue import ProbeQueue
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.process.commands import CommandResult
from hammerd.daemon.timing.clock import Clock

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
    """Results of hammer, and states of paths; /FS/name is on the file system FS."""

    hanging: set[str] = field(default_factory=set)
    hanging_in_batches: set[str] = field(default_factory=set)
    unkillable: set[int] = field(default_factory=set)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    waited_s: list[float] = field(default_factory=list)
    blind: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    has_hammer: bool = True
    pids: int = 100

    async def run(self, argv: Sequence[str], env: object, timeout_s: float) -> CommandResult:
        await asyncio.sleep(0)
        paths = argv[argv.index("pfs-status") + 1 :]
        self.asked.append(("status", *paths))
        self.waited_s.append(timeout_s)
        if not self.has_hammer:
            error = SpawnError("/sbin/hammer could not be started: No such file", "", 2)
            return CommandResult("not started", spawn_error=error)
        printed = ""
        for path in paths:
            if path in self.missing:
                text = f"hammer: Failed to open {path}: No such file or directory\n"
                return CommandResult("exit 1", printed, text)
            if path in self.hanging or (len(paths) > 1 and path in self.hanging_in_batches):
                return self._late()
            printed += BLOCK.format(path=path)
        return CommandResult("exit 0", printed)

    async def probe(
        self, paths: Iterable[str], *, is_quick: bool = False
    ) -> dict[str, PathState | None]:
        await asyncio.sleep(0)
        asked = tuple(paths)
        self.asked.append(("quick look" if is_quick else "look", *asked))
        hangs = self.blind | (self.slow if is_quick else set())
        return {path: None if path in hangs else state_of(path) for path in asked}

    def is_under_way(self, pid: int) -> bool:
        return pid in self.unkillable

    def _late(self) -> CommandResult:
        self.pids += 1
        self.unkillable.add(self.pids)
        return CommandResult("running", "", is_late=True, pid=self.pids)

    def statuses(self, path: str) -> int:
        return sum(one[0] == "status" and path in one for one in self.asked)


def state_of(path: str) -> PathState:
    device = ord(path[1])
    link = FileStat(
        exists=True, is_symlink=True, link_text="@@0x0000000000000002:00001", device=device
    )
    above = FileStat(exists=True, is_directory=True, device=device)
    return PathState(
        PathStat(path, link, above), path, device, path, is_pfs_link=True, real_file=link
    )


def reader_of(disks: Disks) -> BatchReader:
    calls = PfsStatusCommands(disks, "/sbin/hammer", "/root")  # type: ignore[arg-type]
    return BatchReader(calls, disks, Clock(Ticks()))  # type: ignore[arg-type]


async def read(reader: BatchReader, endpoints: Sequence[Endpoint]) -> list[EndpointReading]:
    hanging = await reader.paths.read(endpoints)
    for end in hanging:
        reader.quarantine.add(end, reader.not_read(end))
    readings: list[EndpointReading] = []
    await reader.read(endpoints, Timeouts(20), readings.extend)
    return readings


class Ticks:
    """A clock that advances at each reading of it."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        self.at += 0.5
        return self.at


def endpoints(*paths: str) -> list[Endpoint]:
    return [Endpoint(path) for path in paths]


def verdicts(readings: list[EndpointReading]) -> dict[str, str]:
    return {
        one.endpoint.path: "read"
        if isinstance(one.seen, PfsStatus)
        else one.seen.why.value
        if isinstance(one.seen.why, ProbeTrouble)
        else one.seen.why.name
        for one in readings
    }


def test_batch_that_hangs_is_read_one_by_one_and_each_file_system_by_itself() -> None:
    disks = Disks()
    reader = reader_of(disks)
    all_endpoints = endpoints("/x/1", "/x/2", "/x/3", "/y/1", "/y/2")
    assert set(verdicts(asyncio.run(read(reader, all_endpoints))).values()) == {"read"}
    disks.hanging, disks.asked = {"/x/2"}, []

    found = verdicts(asyncio.run(read(reader, all_endpoints)))

    assert found == {
        "/x/1": "read",
        "/x/2": "probe_timeout",
        "/y/1": "read",
        "/y/2": "read",
    }
    assert disks.statuses("/x/3") == 1, "only in the batch: it is suspect"
    assert reader.quarantine.queue() == tuple(endpoints("/x/2", "/x/3"))


def test_file_system_with_a_command_that_cannot_be_killed_gets_no_second_one() -> None:
    disks = Disks()
    reader = reader_of(disks)
    all_endpoints = endpoints("/x/1", "/x/2", "/y/1")
    asyncio.run(read(reader, all_endpoints))
    disks.hanging = {"/x/1"}
    asyncio.run(read(reader, all_endpoints))
    disks.asked = []

    async def read_again() -> list[bool]:
        await read(reader, all_endpoints)
        return [await reader.retry(end, 20) for end in reader.quarantine.queue()]

    assert asyncio.run(read_again()) == [False, False]
    assert [one for one in disks.asked if one[0] == "status"] == [("status", "/y/1")]
    (last,) = reader.quarantine.failures(endpoints("/x/2"))
    assert isinstance(last.seen, ProbeFailed)
    assert "not back yet" in last.seen.detail

    disks.hanging, disks.unkillable = set(), set()
    assert asyncio.run(read_again()) == [True, True]
    assert set(verdicts(asyncio.run(read(reader, all_endpoints)))) == {"/x/1", "/x/2", "/y/1"}


def test_hanging_path_is_quarantined_and_the_others_are_read() -> None:
    disks = Disks(blind={"/x/1", "/x/2"})
    reader = reader_of(disks)

    found = verdicts(asyncio.run(read(reader, endpoints("/y/1", "/x/1", "/x/2", "/z/1"))))

    assert found == {"/y/1": "read", "/z/1": "read"}
    assert set(reader.quarantine.queue()) == set(endpoints("/x/1", "/x/2"))
    assert disks.statuses("/x/1") == disks.statuses("/x/2") == 0


def test_batch_that_hangs_on_an_unknown_file_system_gets_no_second_one_until_it_has_ended() -> (
    None
):
    disks = Disks(hanging_in_batches={"/x/1"})
    reader = reader_of(disks)
    all_endpoints = endpoints("/x/1", "/x/2", "/y/1")
    assert set(verdicts(asyncio.run(read(reader, all_endpoints))).values()) == {"read"}
    disks.asked = []
    assert set(verdicts(asyncio.run(read(reader, all_endpoints))).values()) == {"read"}
    assert all(len(one) == 2 for one in disks.asked if one[0] == "status"), disks.asked

    disks.hanging_in_batches, disks.unkillable, disks.asked = set(), set(), []
    asyncio.run(read(reader, all_endpoints))
    assert disks.asked[-1] == ("status", "/x/1", "/x/2", "/y/1")


def test_failed_endpoint_is_reported_as_spawn_failed_once_hammer_is_missing() -> None:
    disks = Disks(missing={"/x/1"})
    reader = reader_of(disks)
    found = verdicts(asyncio.run(read(reader, endpoints("/x/1", "/y/1"))))
    assert found == {"/x/1": "path_missing", "/y/1": "read"}
    disks.missing, disks.has_hammer = set(), False

    assert not asyncio.run(reader.retry(*endpoints("/x/1"), 20))
    assert verdicts([*reader.quarantine.failures(endpoints("/x/1"))]) == {"/x/1": "spawn_failed"}
    asyncio.run(read(reader, endpoints("/y/1")))
    assert reader.quarantine.queue() == tuple(endpoints("/x/1")), (
        "no endpoint is quarantined for it"
    )


def probe_at_once(
    disks: Disks, *asks: Callable[[ProbeQueue], object]
) -> list[list[EndpointReading]]:
    async def main() -> list[list[EndpointReading]]:
        reader = ProbeQueue(reader_of(disks))
        found = await asyncio.gather(*(ask(reader) for ask in asks))  # type: ignore[call-overload]
        await reader.close()
        return list(found)

    return asyncio.run(main())


def test_requests_at_once_share_a_batch_or_two() -> None:
    disks = Disks()
    pairs = [Pair(str(n), Endpoint("/x/m"), Endpoint(f"/y/{n}")) for n in range(60)]

    found = probe_at_once(disks, *(lambda one, pair=pair: one.probe([pair], 20) for pair in pairs))  # type: ignore[misc]

    assert [verdicts(one) for one in found] == [
        {f"/y/{n}": "read", "/x/m": "read"} for n in range(60)
    ]
    assert sum(one[0] == "status" for one in disks.asked) <= 2
    assert disks.asked[-1][-1] == "/x/m", "every slave before its master"


def test_request_for_a_slow_path_delays_no_other() -> None:
    disks = Disks(slow={"/x/1"})
    pairs = [Pair(path, Endpoint("/y/m"), Endpoint(path)) for path in ("/x/1", "/y/1")]
    answered: list[str] = []

    async def main() -> None:
        reader = ProbeQueue(reader_of(disks))

        async def probe(pair: Pair) -> None:
            assert set(verdicts(await reader.probe([pair], 20)).values()) == {"read"}
            answered.append(pair.name)

        await asyncio.gather(*(probe(pair) for pair in pairs))

    asyncio.run(main())
    assert answered == ["/y/1", "/x/1"]
    assert ("look", "/x/1") in disks.asked


def test_probe_is_answered_within_its_own_timeout_also_in_a_batch_with_others() -> None:
    disks = Disks()
    hurried, patient = (Pair(path, Endpoint("/y/m"), Endpoint(path)) for path in ("/x/1", "/z/1"))

    probe_at_once(disks, lambda one: one.probe([hurried], 5), lambda one: one.probe([patient], 60))

    assert max(disks.waited_s) <= 5


def test_probe_of_an_endpoint_on_a_hanging_disk_fails_with_probe_timeout() -> None:
    disks = Disks(blind={"/x/1", "/x/2"})
    pair, other = (Pair(path, Endpoint("/y/m"), Endpoint(path)) for path in ("/x/1", "/x/2"))

    async def main() -> list[EndpointReading]:
        reader = ProbeQueue(reader_of(disks))
        await reader.sample([pair, other], 20)
        return await reader.probe([other], 20)

    assert verdicts(asyncio.run(main())) == {"/x/2": "probe_timeout", "/y/m": "read"}
