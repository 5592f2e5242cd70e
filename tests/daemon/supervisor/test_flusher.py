"""File systems are flushed at intervals, once for all their pairs, and never twice at once."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
import structlog

from hammerd.core.flush.flushes import FlushPath, flushed_pairs
from hammerd.core.hammer.pfs_status import ROOT_PFS, PfsStatus
from hammerd.core.holds import Hold, HoldStage
from hammerd.core.pair.machine import new_life
from hammerd.core.pair.states import Memory, PairLife, Paused
from hammerd.core.pairs import Endpoint, Pair, Timing
from hammerd.core.tid import Tid
from hammerd.daemon.probe.pfs_status import PfsStatusResult
from hammerd.daemon.process.commands import CommandResult
from hammerd.daemon.supervisor.flusher import FlushCommands, Flusher
from hammerd.daemon.timing.clock import Clock, Instant
from tests.daemon.world import World
from tests.waiting import until

GOOD = CommandResult("exit 0", "0x0000000100000abc\n")
REFUSED = CommandResult(
    "exit 1", stderr="hammer: Synctid /B1/pfs failed: Operation not permitted\n"
)
LATE = CommandResult("killed", is_late=True, pid=4711)


@dataclass
class FakeFlushCommands:
    """A fake of FlushCommands: keeps the flushed paths and returns the answers of a test."""

    answers: dict[str, CommandResult] = field(default_factory=dict)
    uuids: dict[str, str] = field(default_factory=dict)
    flushed: list[str] = field(default_factory=list)
    hanging: set[int] = field(default_factory=set)
    gate: asyncio.Event | None = None
    both_began: asyncio.Event = field(default_factory=asyncio.Event)

    async def names(self, places: Iterable[str]) -> Mapping[str, str]:
        return {place: self.uuids[place] for place in places if place in self.uuids}

    async def synctid(self, path: str) -> CommandResult:
        self.flushed.append(path)
        if len(self.flushed) == 2:
            self.both_began.set()
        if self.gate is not None:
            await self.gate.wait()
        return self.answers.get(path, GOOD)

    def has_ended(self, pid: int) -> bool:
        return pid not in self.hanging


@dataclass
class Marks:
    """A fake store: keeps the flushes that were recorded."""

    flushed_masters: list[tuple[str, float, float]] = field(default_factory=list)
    flushed_slaves: list[tuple[str, float]] = field(default_factory=list)

    def record_master_flush(self, master: Endpoint, began: Instant, ended: Instant) -> None:
        self.flushed_masters.append((str(master), began.at, ended.at))

    @property
    def slaves(self) -> "Marks":
        return self

    def record_flush(self, slave: Endpoint, began_at: float) -> None:
        self.flushed_slaves.append((str(slave), began_at))


def pair(name: str, every_s: float = 10.0) -> Pair:
    ends = Endpoint(f"/B1/pfs/{name}"), Endpoint(f"/B2/pfs/{name}")
    return Pair(name, *ends, timing=Timing(flush_every_s=every_s))


def lives(*pairs: Pair) -> list[PairLife]:
    return [new_life(one, Memory(), 0.0) for one in pairs]


def status_of(uuid: str) -> PfsStatus:
    """Return the status of the root PFS of a file system."""
    return PfsStatus("/B", ROOT_PFS, Tid(2), uuid, uuid, is_master=True)


class Played:
    """A flusher with a clock that a test moves."""

    def __init__(self, commands: FakeFlushCommands | None = None) -> None:
        self.now_at = 100.0
        self.commands = commands or FakeFlushCommands()
        self.marks = Marks()
        self.flusher = Flusher(
            cast(Any, self.commands),
            lambda end: FlushPath(end.path.rpartition("/")[0], is_in_root_pfs=True),
            self.marks,
            Clock(lambda: self.now_at),
            cast(Any, structlog.get_logger()),
        )

    def flush(self, *pairs: Pair, after_s: float = 0.0) -> list[str]:
        """Let some time pass and flush; return the paths that were flushed."""
        self.now_at += after_s
        before = len(self.commands.flushed)
        asyncio.run(self.flusher.flush(lives(*pairs)))
        return self.commands.flushed[before:]


def test_many_pairs_on_two_file_systems_cost_two_flushes_an_interval() -> None:
    played, pairs = Played(), [pair(f"p{number}") for number in range(50)]

    assert played.flush(*pairs) == ["/B1/pfs", "/B2/pfs"]
    assert played.flush(*pairs, after_s=1.0) == []
    assert played.flush(*pairs, after_s=9.0) == ["/B1/pfs", "/B2/pfs"]


def test_places_of_one_file_system_are_flushed_through_one_of_them() -> None:
    other = replace(pair("other"), master=Endpoint("/B1/more/other"))
    played = Played(
        FakeFlushCommands(uuids={"/B1/pfs": "one", "/B1/more": "one", "/B2/pfs": "two"})
    )

    flushed = played.flush(pair("home"), other)

    assert len(flushed) == 2
    assert sorted(master for master, _, _ in played.marks.flushed_masters) == [
        "/B1/more/other",
        "/B1/pfs/home",
    ]


def test_completed_flush_counts_from_its_start() -> None:
    played = Played()

    played.flush(pair("home"))

    assert played.marks.flushed_masters == [("/B1/pfs/home", 100.0, 100.0)]
    assert played.marks.flushed_slaves == [("/B2/pfs/home", 100.0)]
    state = played.flusher.of(pair("home"))
    assert (state.master.flushed_at, state.slave.flushed_at) == (100.0, 100.0)


def test_failed_flush_is_logged_once_and_leaves_the_other_endpoint_alone() -> None:
    played = Played(FakeFlushCommands(answers={"/B1/pfs": REFUSED}))
    with structlog.testing.capture_logs() as log:
        for _ in range(3):
            played.flush(pair("home"), after_s=10.0)
        because = played.flusher.of(pair("home")).failed_because
        played.commands.answers.clear()
        played.flush(pair("home"), after_s=10.0)

    assert because is not None
    assert because.startswith("hammer synctid /B1/pfs: ")
    assert "Operation not permitted" in because
    assert [line["event"] for line in log] == ["flush.failed", "flush.works_again"]
    assert len(played.marks.flushed_slaves) == 4
    assert len(played.marks.flushed_masters) == 1
    assert played.flusher.of(pair("home")).failed_because is None


@pytest.mark.parametrize("answer", [replace(GOOD, stdout="once upon a time\n"), LATE, REFUSED])
def test_flush_that_did_not_complete_proves_nothing(answer: CommandResult) -> None:
    played = Played(FakeFlushCommands(answers={"/B1/pfs": answer, "/B2/pfs": answer}))

    played.flush(pair("home"))

    assert (played.marks.flushed_masters, played.marks.flushed_slaves) == ([], [])
    assert played.flusher.of(pair("home")).failed_because is not None


def test_file_system_on_which_a_flush_hangs_gets_no_second_one() -> None:
    played = Played(FakeFlushCommands(answers={"/B1/pfs": LATE}, hanging={4711}))

    assert played.flush(pair("home")) == ["/B1/pfs", "/B2/pfs"]
    assert played.flush(pair("home"), after_s=10.0) == ["/B2/pfs"]
    played.commands.hanging.clear()
    assert played.flush(pair("home"), after_s=10.0) == ["/B1/pfs", "/B2/pfs"]


def test_flush_under_way_is_not_begun_again() -> None:
    played = Played()

    async def main() -> None:
        played.commands.gate = asyncio.Event()
        first = asyncio.create_task(played.flusher.flush(lives(pair("home"))))
        await played.commands.both_began.wait()
        played.now_at += 10.0
        await played.flusher.flush(lives(pair("home")))
        assert len(played.commands.flushed) == 2
        played.commands.gate.set()
        await first

    asyncio.run(main())


def test_flush_that_hangs_keeps_no_other_file_system_from_its_turn() -> None:
    played, home = Played(), pair("home", every_s=0.05)

    async def main() -> None:
        stuck = asyncio.Event()
        again = asyncio.Event()

        async def synctid(path: str) -> CommandResult:
            played.commands.flushed.append(path)
            played.now_at += 0.05
            if path == "/B1/pfs":
                await stuck.wait()
            elif played.commands.flushed.count(path) == 3:
                again.set()
            return GOOD

        played.commands.synctid = synctid  # type: ignore[method-assign]
        flush = asyncio.create_task(played.flusher.flush(lives(home)))
        await asyncio.wait_for(again.wait(), 30.0)
        assert played.commands.flushed.count("/B1/pfs") == 1
        stuck.set()
        await flush

    asyncio.run(main())


def test_file_system_of_a_held_pair_alone_is_not_flushed() -> None:
    held, other = pair("held"), replace(pair("other"), slave=Endpoint("/B3/pfs/other"))
    played = Played()
    played.flusher.holder_of = lambda end: "switchover of held" if "held" in end.path else None

    assert played.flush(held) == []
    assert sorted(played.flush(held, other, after_s=10)) == ["/B1/pfs", "/B3/pfs"]
    life = lives(held)[0]
    is_held = replace(life.memory, hold=Hold("switchover", HoldStage.RUNNING, 0.0))
    assert flushed_pairs([replace(life, memory=is_held)]) == ()


def test_plan_that_begins_while_file_systems_are_named_keeps_them_from_a_flush() -> None:
    async def main() -> list[str]:
        played = Played()
        names = played.commands.names

        async def names_slowly(places: Iterable[str]) -> Mapping[str, str]:
            played.flusher.holder_of = lambda _end: "switchover of one"
            return await names(places)

        played.commands.names = names_slowly  # type: ignore[method-assign]
        await played.flusher.flush(lives(pair("one")))
        return played.commands.flushed

    assert asyncio.run(main()) == []


def test_flush_under_way_is_known_of_its_ends() -> None:
    async def main() -> tuple[bool, bool, bool]:
        played = Played(FakeFlushCommands(gate=asyncio.Event()))
        one = pair("one")
        task = asyncio.create_task(played.flusher.flush(lives(one)))
        await played.commands.both_began.wait()
        during = played.flusher.is_flushing([one.slave])
        other = played.flusher.is_flushing([Endpoint("/B9/pfs/x")])
        assert played.commands.gate is not None
        played.commands.gate.set()
        await task
        return during, other, played.flusher.is_flushing([one.slave])

    assert asyncio.run(main()) == (True, False, False)


def test_flush_goes_on_when_its_caller_is_cancelled() -> None:
    played = Played()

    async def main() -> None:
        played.commands.gate = asyncio.Event()
        first = asyncio.create_task(played.flusher.flush(lives(pair("home"))))
        await played.commands.both_began.wait()
        first.cancel()
        await asyncio.wait([first])
        played.now_at += 10.0
        await played.flusher.flush(lives(pair("home")))
        assert len(played.commands.flushed) == 2
        played.commands.gate.set()

    asyncio.run(asyncio.wait_for(main(), 30.0))


def test_pause_of_the_most_hurried_pair_makes_no_other_flush_earlier() -> None:
    hurried = new_life(pair("hurried", 1.0), Memory(wanted=Paused()), 0.0)
    played = Played()
    calm = new_life(replace(pair("calm"), timing=Timing(flush_every_s=3.0)), Memory(), 0.0)

    def flushed(after_s: float) -> bool:
        played.now_at += after_s
        before = len(played.commands.flushed)
        asyncio.run(played.flusher.flush([hurried, calm]))
        return len(played.commands.flushed) > before

    assert [flushed(after_s) for after_s in (0.0, 1.0, 1.0, 1.0)] == [True, False, False, True]


def test_question_that_hangs_gets_no_second_one_and_keeps_the_names() -> None:
    asked: list[int] = []
    is_over = False
    each_status = PfsStatusResult((status_of("one"), status_of("two")))
    answers = [each_status, PfsStatusResult(hung_pid=4711), each_status]

    class Status:
        async def status(self, operands: Sequence[Endpoint], _timeout_s: float) -> PfsStatusResult:
            asked.append(len(operands))
            return answers[len(asked) - 1]

        def has_ended(self, _pid: int) -> bool:
            return is_over

    commands = FlushCommands(cast(Any, None), cast(Any, Status()), "hammer", "/root")

    def names() -> Mapping[str, str]:
        return asyncio.run(commands.names(["/B1/pfs", "/B2/pfs"]))

    expected = {"/B1/pfs": "one", "/B2/pfs": "two"}
    assert [names() for _ in range(4)] == [expected] * 4
    assert len(asked) == 2
    is_over = True
    assert names() == expected
    assert len(asked) == 3


# --- with the real daemon ------------------------------------------------------------------------


def test_write_without_a_flush_is_flushed_by_hammerd(world_once: World) -> None:
    world = world_once
    master, slave = world.make_pair()
    world.write("first", "first\n")
    world.start(world.configure({"test": (master, slave)}, flush_every="1s"))
    world.wait_until_following()

    (world.fs(1) / "test/second").write_text("second\n")

    until((slave / "second").exists, "the write is on the slave")
    flushed = world.wait_for(
        lambda now: now["master_flushed_time"] and now["slave_flushed_time"], "both were flushed"
    )
    assert flushed["flush_every_s"] == 1.0
    assert flushed["flush_failed_because"] is None
    assert "flush.failed" not in world.log()


def test_flushes_follow_a_reload(paired: World) -> None:
    ends = (paired.fs(1) / "pfs/test", paired.fs(2) / "pfs/test")
    paired.write("first", "first\n")
    daemon = paired.start(paired.root / "hammerd.toml")
    assert paired.wait_until_following()["flush_every_s"] is None

    paired.configure({"test": ends}, flush_every="1s")
    daemon.send_signal(1)

    paired.wait_for(lambda now: now["master_flushed_time"], "the master was flushed")
