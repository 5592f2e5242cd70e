"""One verification runs at a time, and none beside a plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import structlog
from structlog.testing import capture_logs

from hammerd.core.holds import Hold, HoldStage
from hammerd.core.pair.states import PairLife
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.process.commands import CommandResult, Commands, OnResult
from hammerd.daemon.threads.writer_thread import WriterThread
from hammerd.daemon.timing.clock import Clock
from hammerd.daemon.verify.results import Results
from hammerd.daemon.verify.schedule import RETRY_S, VerifyProgram, VerifySchedule
from tests.core.verify.test_due import life

EQUAL, CUT_OFF = CommandResult("exit 0"), CommandResult("exit 69", stderr="hammerd: gone\nhint\n")


@dataclass
class FakeCommands:
    """A fake of Commands: keeps what was started and killed."""

    started: list[str] = field(default_factory=list)
    killed: list[int] = field(default_factory=list)
    finish: OnResult = print

    def start(
        self, argv: Sequence[str], env: Mapping[str, str], timeout_s: float, finish: OnResult
    ) -> int:
        self.started.append(argv[-1])
        self.finish = finish
        return 100 + len(self.started)

    def kill(self, pid: int) -> None:
        self.killed.append(pid)


@dataclass
class Setup:
    """A schedule without results, for lives that a test changes."""

    now_at: float = 0.0
    commands: FakeCommands = field(default_factory=FakeCommands)

    def __post_init__(self) -> None:
        log = cast(Logger, structlog.get_logger())
        results = Results(Path("/nonexistent"), cast(WriterThread, None), log)
        self.lives: list[PairLife] = [life("a"), life("b")]
        self.schedule = VerifySchedule(
            cast(Commands, self.commands),
            VerifyProgram(("hammerd",), "/etc/hammerd.toml", {}),
            results,
            Clock(lambda: self.now_at),
            log,
        )
        self.schedule.lives = lambda: self.lives

    def check(self) -> list[str]:
        self.schedule.consider()
        return self.commands.started


def test_the_next_one_waits_for_the_end_of_the_first() -> None:
    setup = Setup()

    assert (setup.check(), setup.check()) == (["a"], ["a"])
    setup.commands.finish(EQUAL)
    assert setup.check() == ["a", "a"], "its result, which would make it no longer due, is missing"


def test_one_that_failed_is_tried_again_later_and_lets_others_pass() -> None:
    setup = Setup()
    setup.check()

    with capture_logs() as logs:
        setup.commands.finish(CUT_OFF)

    assert [(line["event"], line["because"]) for line in logs] == [("verify.failed", "gone")]
    assert setup.check() == ["a", "b"]
    setup.commands.finish(CUT_OFF)
    setup.now_at = RETRY_S - 1
    assert setup.check() == ["a", "b"]
    setup.now_at = RETRY_S
    assert setup.check() == ["a", "b", "a"]


def test_a_plan_ends_it() -> None:
    setup = Setup()
    setup.check()
    held = replace(setup.lives[0].memory, hold=Hold("promote", HoldStage.RUNNING, 0.0))
    setup.lives[0] = replace(setup.lives[0], memory=held)

    setup.check()

    assert setup.commands.killed == [101]
    assert setup.commands.started == ["a"]


def test_a_plan_of_another_pair_with_the_same_end_prevents_it() -> None:
    setup = Setup()
    setup.schedule.holder_of = lambda endpoint: "promote of x" if endpoint.path == "/m" else None

    assert setup.check() == []


def test_it_ends_with_its_pair() -> None:
    setup = Setup()
    setup.check()

    setup.check()
    assert setup.commands.killed == []
    setup.lives = setup.lives[1:]
    setup.check()
    assert setup.commands.killed == [101]
